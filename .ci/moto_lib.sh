# shellcheck shell=bash
# Starting and stopping moto_server, for the scripts beside it; to be sourced after lib.sh.

python=target/venv-moto/bin/python
moto='' url='' log=''
trap '[[ -z $moto ]] || end_process "$moto" || true' EXIT

answering() {
    kill -0 "$moto" 2>/dev/null || fail "moto_server ended before it answered: $(cat "$log")"
    "$python" .ci/check_moto.py answers "$url" 2>/dev/null
}

# start_moto LOG: a new server, in `moto`, `url` and `log`.
start_moto() {
    local port
    log=$1
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    url="http://127.0.0.1:$port"
    target/venv-moto/bin/moto_server -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
    moto=$!
    until_true 60 answering || fail "moto_server did not answer within 60 s: $(tail -n 20 "$log")"
}

stop_moto() {
    end_process "$moto" || true
    wait "$moto" 2>/dev/null || true
    moto=
}
