# shellcheck shell=bash
# Shared by the scripts beside it; to be sourced. Works from the repository's root.

# The repository's root is where everything runs, whatever the caller's working directory.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# Nothing but the loopback interface is ever spoken to by a check, and no file of the user's takes part.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_EC2
unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# apt_install PACKAGE...: installs what the machine lacks.
apt_install() {
    command -v apt-get >/dev/null || fail "$* is missing, and there is no apt-get to install it with"
    say "installing $*"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy "$@"; } >target/apt.log 2>&1 ||
        { cat target/apt.log >&2; fail "apt-get could not install $*"; }
}

# venv NAME: a virtual environment target/venv-NAME that holds exactly what .ci/requirements-NAME.txt asks for.
venv() {
    local place="target/venv-$1" wanted=".ci/requirements-$1.txt"
    if [[ -x $place/bin/python ]] && cmp -s "$wanted" "$place/installed.txt"; then
        return
    fi
    mkdir -p target
    command -v python3 >/dev/null || apt_install python3 python3-venv
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    rm -rf "$place"
    python3 -m venv "$place"
    say "installing $(grep -v '^#' "$wanted" | paste -sd' ') into $place"
    "$place/bin/pip" install --quiet --requirement "$wanted"
    cp "$wanted" "$place/installed.txt"
}

# node_packages NAME FOLDER: target/node-NAME/node_modules, with exactly what the lock file in a folder holds.
node_packages() {
    local place="target/node-$1" folder=$2
    if [[ -d $place/node_modules ]] && cmp -s "$folder/package-lock.json" "$place/installed.json"; then
        return
    fi
    rm -rf "$place"
    mkdir -p "$place"
    cp "$folder/package.json" "$folder/package-lock.json" "$place/"
    say "installing what $folder/package-lock.json holds into $place"
    npm ci --prefix "$place" --ignore-scripts --no-audit --no-fund >"$place/npm.log" 2>&1 ||
        { cat "$place/npm.log" >&2; fail "npm could not install them"; }
    cp "$folder/package-lock.json" "$place/installed.json"
}

# eipcheck_binary: names the program that is checked, in EIPCHECK; built first unless the caller names one.
eipcheck_binary() {
    if [[ -z ${EIPCHECK:-} ]]; then
        cargo build --release
        EIPCHECK="${CARGO_TARGET_DIR:-target}/release/eipcheck"
    fi
    [[ -x $EIPCHECK ]] || fail "there is no program $EIPCHECK"
}

# wire_dump CLOUD: names the file with the requests and answers of the snapshots, in DUMP; the test that keeps them writes it.
wire_dump() {
    DUMP="${CARGO_TARGET_DIR:-target}/tmp/wire/$1.json"
    rm -f "$DUMP"
    cargo test --quiet --test wire_snapshots what_is_held_against_the_sdks >"$log/wire_snapshots.log" 2>&1 ||
        { cat "$log/wire_snapshots.log" >&2; fail "the snapshots cannot be written for $1"; }
    [[ -s $DUMP ]] || fail "there is no $DUMP"
}

# until_true SECONDS COMMAND...: tries a command ten times a second until it succeeds.
until_true() {
    local tries=$(($1 * 10))
    shift
    while ((tries-- > 0)); do
        if "$@"; then return 0; fi
        sleep 0.1
    done
    return 1
}

# end_process PID: asks a process to end, and sees to it that it does.
end_process() {
    kill -TERM "$1" 2>/dev/null || return 0
    local tries
    for tries in {1..50}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    say "process $1 did not end within 5 s of being asked to; killed (try $tries)" >&2
    kill -KILL "$1" 2>/dev/null || true
    return 1
}

# The reference server that a driver is driving, if there is one; for a script's EXIT trap.
server=
end_server() { [[ -z $server ]] || end_process "$server" || true; }

server_listens() {
    kill -0 "$server" 2>/dev/null || fail "eipcheck serve ended before it listened: $(cat "$log/serve.err")"
    [[ $(wc -l <"$log/serve.out") -ge 1 ]]
}

# drive NAME SERVE-OPTION... -- DRIVER...: one driver on a reference server of its own, whose address takes the place of
# the word URL. What the server says is kept in the folder `log`.
drive() {
    local name=$1 options=() url
    shift
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    : >"$log/serve.out" # a line of an earlier server must not be taken for this one's
    "$EIPCHECK" serve "${options[@]}" --port 0 >"$log/serve.out" 2>"$log/serve.err" &
    server=$!
    until_true 20 server_listens || fail "eipcheck serve did not say 'listening on http://127.0.0.1:PORT' within 20 s; it said: $(cat "$log/serve.out" "$log/serve.err")"
    url=$(sed -n 's#^listening on \(http://127\.0\.0\.1:[0-9]*\)$#\1#p' "$log/serve.out")
    [[ $(wc -l <"$log/serve.out") -eq 1 && -n $url ]] || fail "eipcheck serve must print its one line and nothing else; it printed: $(cat "$log/serve.out")"
    say "== $name on $url"
    local words=() word
    for word in "$@"; do
        [[ $word == URL ]] && words+=("$url") || words+=("$word")
    done
    "${words[@]}" || fail "$name does not get on with the reference server; the server said: $(tail -n 20 "$log/serve.err")"
    kill -0 "$server" 2>/dev/null || fail "eipcheck serve ended by itself: $(cat "$log/serve.err")"
    end_process "$server" || fail "eipcheck serve does not end on SIGTERM"
    wait "$server" || say "(the server's exit code on SIGTERM was $?)"
    server=
}
