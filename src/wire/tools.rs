//! The tools that people have for each protocol, and how each of them is made to send a request: the part of a script that
//! does not depend on the scenario.
//!
//! Every script takes the server's address as its first argument, or from `EIPCHECK_ENDPOINT`, and ends with 0 if the
//! answers are as the law wants them, with 1 if the rule is broken, and with 2 if that could not be told. In the texts a
//! name in double braces stands for what a script is about.

use crate::spec::file::Protocol;

/// How a script is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// For bash; each pair of a parameter and its value is a word, and values are read from the text of the answer by
    /// their names on the wire.
    ShellPairs,
    /// For bash; the arguments are one JSON object, and values are read from JSON by the names of the documents.
    ShellJson,
    /// For Python; arguments by the names of the documents.
    PythonMembers,
    /// For Python; arguments as pairs, values by their names on the wire.
    PythonPairs,
}

/// A tool, and how a script for it begins and ends.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The script's file name.
    pub file: &'static str,
    /// The tool, for people.
    pub name: &'static str,
    /// How it is written.
    pub language: Language,
    /// True if it shows the answer as it stands, status and form included.
    pub raw: bool,
    /// True if it shows the HTTP status.
    pub status: bool,
    /// Sends a request.
    pub ask: &'static str,
    /// What stands at the end.
    pub end: &'static str,
}

/// The tools for a protocol.
pub fn tools(protocol: Protocol) -> &'static [Tool] {
    match protocol {
        Protocol::Ec2Query => EC2_QUERY,
        Protocol::Rpc => RPC,
    }
}

const EC2_QUERY: &[Tool] = &[
    Tool {
        file: "curl.sh",
        name: "curl",
        language: Language::ShellPairs,
        raw: true,
        status: true,
        ask: CURL_SIGV4,
        end: SHELL_END,
    },
    Tool {
        file: "aws_cli.sh",
        name: "the AWS CLI",
        language: Language::ShellJson,
        raw: false,
        status: false,
        ask: AWS_CLI,
        end: SHELL_END,
    },
    Tool {
        file: "with_boto3.py",
        name: "boto3",
        language: Language::PythonMembers,
        raw: false,
        status: true,
        ask: BOTO3,
        end: PYTHON_END,
    },
    Tool {
        file: "test_finding.py",
        name: "pytest, with boto3",
        language: Language::PythonMembers,
        raw: false,
        status: true,
        ask: BOTO3,
        end: PYTEST_END,
    },
];

const RPC: &[Tool] = &[
    Tool {
        file: "curl.sh",
        name: "curl",
        language: Language::ShellPairs,
        raw: true,
        status: true,
        ask: CURL_RPC,
        end: SHELL_END,
    },
    Tool {
        file: "aliyun_cli.sh",
        name: "the Alibaba Cloud CLI",
        language: Language::ShellPairs,
        raw: false,
        status: false,
        ask: ALIYUN_CLI,
        end: SHELL_END,
    },
    Tool {
        file: "with_alibabacloud.py",
        name: "Alibaba Cloud's SDK",
        language: Language::PythonPairs,
        raw: false,
        status: true,
        ask: TEA,
        end: PYTHON_END,
    },
    Tool {
        file: "test_finding.py",
        name: "pytest, with Alibaba Cloud's SDK",
        language: Language::PythonPairs,
        raw: false,
        status: true,
        ask: TEA,
        end: PYTEST_END,
    },
];

/// What every shell script begins with.
pub const SHELL_BEGINNING: &str = r##"set -u
endpoint=${1:-${EIPCHECK_ENDPOINT:-{{endpoint}}}}
endpoint=${endpoint%/}
region={{region}}
limit=${EIPCHECK_WAIT:-{{wait}}} # how many seconds a change is waited for
key=${{{key}}:-test} secret=${{{secret}}:-test} token=${{{token}}:-}
status='' code='' body=''

# What a server says is shown, but no terminal obeys it.
plain() { LC_ALL=C tr -c '[:print:]\n' '?' >&2; }
stop() { printf 'cannot tell: %s\n%s\n' "$*" "$body" | plain; exit 2; }
fail() { printf 'broken: %s\ncame:   HTTP %s %s\n%s\n' "$*" "$status" "$code" "$body" | plain; exit 1; }
# value NAME N: the Nth value of that name in the answer, in XML or in JSON.
value() {
    case $body in
    '<'*) printf %s "$body" | grep -o "<$1>[^<]*" | sed -n "$2p" | sed "s/^<$1>//" ;;
    *)
        printf %s "$body" | grep -oE "\"$1\" *: *\[? *(\"[^\"]*\"|[^][{},\" ]+)" | sed -n "$2p" |
            sed -E "s/^\"$1\" *: *\[? *\"?//; s/\"\$//"
        ;;
    esac
}
accepted() { [[ $status == 2?? ]]; }
refused() { # CODE...: one of these; any if there are none
    [[ $status == 4?? ]] || return 1
    (($#)) || return 0
    local one
    for one; do [[ $code == "$one" ]] && return 0; done
    return 1
}
status_in() { local one; for one; do [[ $status == "$one" ]] && return 0; done; return 1; }
holds() { [[ $body == *"$1"* ]]; }
lacks() { [[ $body != *"$1"* ]]; }
is() { # NAME N VALUE...
    local came one
    came=$(value "$1" "$2")
    shift 2
    for one; do [[ $came == "$one" ]] && return 0; done
    return 1
}
is_not() { [[ $(value "$1" "$2") != "$3" ]]; }
missing() { [[ -z $(value "$1" "$2") ]]; }
"##;

const SHELL_END: &str = "printf 'as the law wants it\\n'\n";

const CURL_SIGV4: &str = r##"
# ask PRODUCT VERSION OPERATION [NAME=VALUE...]
ask() {
    local data=(--data-urlencode "Action=$3" --data-urlencode "Version=$2") pair answer
    local service=$1
    shift 3
    for pair; do data+=(--data-urlencode "$pair"); done
    [[ -z $token ]] || data+=(-H "x-amz-security-token: $token")
    answer=$(curl -sS --max-time 30 -w '\n%{http_code}' --aws-sigv4 "aws:amz:$region:$service" \
        --user "$key:$secret" "${data[@]}" "$endpoint/") || stop "no answer"
    status=${answer##*$'\n'}
    body=$(printf %s "${answer%$'\n'*}" | tr -d '\r\n' | sed 's/^<?[^>]*?>//')
    code=$(value Code 1)
}
"##;

const CURL_RPC: &str = r##"
encoded() {
    local LC_ALL=C text=$1 i c
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [A-Za-z0-9.~_-]) printf %s "$c" ;;
        *) printf '%%%02X' "$(($(printf %d "'$c") & 255))" ;;
        esac
    done
}
# ask PRODUCT VERSION OPERATION [NAME=VALUE...]: signed with HMAC-SHA1 over all parameters.
ask() {
    local pairs=("Action=$3" "Version=$2" Format=JSON "AccessKeyId=$key" SignatureMethod=HMAC-SHA1 SignatureVersion=1.0
        "SignatureNonce=$$-$RANDOM$RANDOM$RANDOM" "Timestamp=$(date -u +%Y-%m-%dT%H:%M:%SZ)") pair query answer signature
    [[ -z $token ]] || pairs+=("SecurityToken=$token")
    shift 3
    pairs+=("$@")
    query=$(for pair in "${pairs[@]}"; do
        printf '%s=%s\n' "$(encoded "${pair%%=*}")" "$(encoded "${pair#*=}")"
    done | LC_ALL=C sort | paste -sd'&' -)
    signature=$(printf %s "POST&%2F&$(encoded "$query")" | openssl dgst -sha1 -hmac "$secret&" -binary | base64)
    answer=$(curl -sS --max-time 30 -w '\n%{http_code}' --data "$query&Signature=$(encoded "$signature")" "$endpoint/") ||
        stop "no answer"
    status=${answer##*$'\n'}
    body=$(printf %s "${answer%$'\n'*}" | tr -d '\r\n')
    code=
    accepted || code=$(value Code 1)
}
"##;

const AWS_CLI: &str = r##"
# What the tool checks before it sends would keep it from sending what a server must refuse.
config=$(mktemp)
trap 'rm -f "$config"' EXIT
printf '[default]\nparameter_validation = false\ncli_history = disabled\n' >"$config"
# ask PRODUCT OPERATION JSON
ask() {
    local said
    if body=$(AWS_CONFIG_FILE=$config AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_PAGER='' \
        {{key}}=$key {{secret}}=$secret \
        "${AWS:-aws}" --endpoint-url "$endpoint" --region "$region" --output json "$1" "$2" --cli-input-json "$3" 2>&1); then
        status=200 code=
        body=$(printf %s "$body" | tr -d '\n')
    else
        said=$(printf %s "$body" | tr '\n' ' ')
        code=$(printf %s "$said" | sed -nE 's/.*An error occurred \(([^)]+)\) when calling.*/\1/p')
        [[ -n $code ]] || stop "the tool could not ask"
        status=400
    fi
}
"##;

const ALIYUN_CLI: &str = r##"
# ask PRODUCT VERSION OPERATION [NAME=VALUE...]
ask() {
    local words=("$1" "$3" --version "$2" --force) pair scheme=--secure
    shift 3
    [[ $endpoint != http://* ]] || scheme=--insecure
    for pair; do words+=("--${pair%%=*}" "${pair#*=}"); done
    if body=$("${ALIYUN:-aliyun}" "${words[@]}" --endpoint "${endpoint#*://}" "$scheme" --region "$region" --mode AK \
        --access-key-id "$key" --access-key-secret "$secret" --retry-count 0 2>&1); then
        status=200 code=
        body=$(printf %s "$body" | tr -d '\n')
    else
        code=$(printf %s "$body" | sed -nE 's/^ErrorCode: *([^ ]+).*/\1/p' | head -1)
        [[ -n $code ]] || stop "the tool could not ask"
        status=400
    fi
}
"##;

/// What every Python script begins with.
pub const PYTHON_BEGINNING: &str = r##"import os
import sys
import time
import uuid

ENDPOINT = {{endpoint-text}}
REGION = {{region-text}}
KEY, SECRET = os.environ.get("{{key}}", "test"), os.environ.get("{{secret}}", "test")
TOKEN = os.environ.get("{{token}}") or None
LIMIT = float(os.environ.get("EIPCHECK_WAIT", "{{wait}}"))  # how many seconds a change is waited for


class Unclear(Exception):
    """It could not be told whether the rule is broken."""


def texts(node):
    """Every scalar of an answer, as its text."""
    if isinstance(node, dict):
        return [text for inner in node.values() for text in texts(inner)]
    if isinstance(node, (list, tuple)):
        return [text for inner in node for text in texts(inner)]
    return [scalar(node)]


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def seek(node, name):
    """The member of this name, here or as little below as can be."""
    level = [node]
    while level:
        for inner in level:
            if isinstance(inner, dict) and name in inner:
                return inner[name]
        level = [deeper for inner in level if isinstance(inner, (dict, list))
                 for deeper in (inner.values() if isinstance(inner, dict) else inner)]
    return None


class Answer:
    """What a server answered."""

    def __init__(self, status, code, tree):
        self.status, self.code, self.tree = status, code, tree

    def __repr__(self):
        return f"HTTP {self.status} {self.code or ''} {self.tree}"

    def accepted(self):
        return 200 <= self.status < 300

    def refused(self, *codes):
        return 400 <= self.status < 500 and (not codes or self.code in codes)

    def status_in(self, *statuses):
        return self.status in statuses

    def holds(self, text):
        return text in texts(self.tree)

    def lacks(self, text):
        return text not in texts(self.tree)

    def at(self, *path):
        node = self.tree
        for part in path:
            if isinstance(part, int):
                node = node[part] if isinstance(node, list) and len(node) > part else None
            elif isinstance(node, (dict, list)):
                node = seek(node, part)
            if node is None:
                return None
        return scalar(node)

    def taken(self, *path):
        value = self.at(*path)
        if value is None:
            raise Unclear(f"there is no {path} in {self}")
        return value


def require(holds, answer):
    if not holds:
        raise Unclear(f"a request on the way was not answered as the law wants it: {answer}")
"##;

const BOTO3: &str = r##"

def connect(endpoint):
    import boto3
    from botocore import xform_name
    from botocore.config import Config
    from botocore.exceptions import ClientError

    clients = {}

    def ask(product, version, operation, args):
        if product not in clients:
            # What boto3 checks before it sends would keep it from sending what a server must refuse.
            config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
            clients[product] = boto3.client(
                product,
                endpoint_url=endpoint,
                region_name=REGION,
                aws_access_key_id=KEY,
                aws_secret_access_key=SECRET,
                aws_session_token=TOKEN,
                config=config,
            )
        try:
            answer = getattr(clients[product], xform_name(operation))(**args)
        except ClientError as error:
            told = error.response
            return Answer(told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"], told)
        return Answer(answer.pop("ResponseMetadata")["HTTPStatusCode"], None, answer)

    return ask
"##;

const TEA: &str = r##"

def connect(endpoint):
    from alibabacloud_tea_openapi import models
    from alibabacloud_tea_openapi.client import Client
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from darabonba.runtime import RuntimeOptions

    scheme, _, host = endpoint.rstrip("/").partition("://")
    client = Client(
        models.Config(
            access_key_id=KEY,
            access_key_secret=SECRET,
            security_token=TOKEN,
            region_id=REGION,
            protocol=scheme,
            endpoint=host,
        )
    )

    def ask(product, version, operation, args):
        how = models.Params(
            action=operation,
            version=version,
            protocol=scheme,
            method="POST",
            auth_type="AK",
            style="RPC",
            pathname="/",
            req_body_type="formData",
            body_type="json",
        )
        try:
            told = client.call_api(how, models.OpenApiRequest(query=args), RuntimeOptions(autoretry=False))
        except AlibabaCloudException as error:
            return Answer(error.status_code, error.code, error.data)
        return Answer(told["statusCode"], None, told["body"])

    return ask
"##;

const PYTHON_END: &str = r##"

if __name__ == "__main__":
    try:
        check(connect(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("EIPCHECK_ENDPOINT", ENDPOINT)))
    except AssertionError as broken:
        sys.exit(f"broken: {broken}")
    except Exception as why:
        print(f"cannot tell: {why!r}", file=sys.stderr)
        sys.exit(2)
    print("as the law wants it")
"##;

const PYTEST_END: &str = r##"

def test_{{test}}():
    check(connect(os.environ.get("EIPCHECK_ENDPOINT", ENDPOINT)))
"##;
