"""Holds the requests and answers of the snapshots against Alibaba Cloud's SDK: what it sends, and what it reads.

    hold_alibabacloud.py FILE    FILE is what tests/wire_snapshots.rs leaves

A server on the loopback interface takes what the SDK sends for the same arguments, in both of its ways of signing, and
answers as the snapshot has it. The SDK must send the same parameters, and its types must have a place for each member of
the answer: what they do not know they drop.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi import models as open_api
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from drive_alibabacloud import snake

SDKS = {"Vpc": (VpcClient, vpc_models), "Ecs": (EcsClient, ecs_models)}
# How a request is signed and what is asked for stands in the parameters or in the headers.
PROTOCOL = {
    "AccessKeyId", "Action", "Format", "Signature", "SignatureMethod", "SignatureNonce", "SignatureVersion", "Timestamp",
    "Version",
}
# Parameters that the documents have and this version of the SDK has not.
UNKNOWN = {
    ("DeleteInstance", "ClientToken"),
    ("DescribeNatGateways", "VSwitchId"),
    ("DescribeRegions", "RegionId"),
}
SIGNATURES = {"acs3": None, "rpc-v1": "v2"}


class Server(BaseHTTPRequestHandler):
    """Keeps the request, and answers as it is told to."""

    status, answer, seen = 200, b"{}", None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        Server.seen = parameters(urlsplit(self.path).query, body, self.headers)
        self.send_response(Server.status)
        self.send_header("content-type", "application/json;charset=utf-8")
        self.send_header("content-length", str(len(Server.answer)))
        self.end_headers()
        self.wfile.write(Server.answer)

    do_GET = do_POST

    def log_message(self, *_):
        pass


def parameters(query, body, headers):
    """What is asked for, and the operation's own parameters."""
    pairs = parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)
    own = {name: value for name, value in pairs if name not in PROTOCOL}
    told = dict(pairs)
    action = headers.get("x-acs-action") or told.get("Action")
    version = headers.get("x-acs-version") or told.get("Version")
    return action, version, own


def nested(flat):
    """`Name.1` as a list, `Name.1.Member` as a list of maps."""
    tree = {}
    for name, value in flat.items():
        at, *parts = [tree] + name.split(".")
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = value

    def lists(node):
        if not isinstance(node, dict):
            return node
        if node and all(key.isdigit() for key in node):
            return [lists(node[key]) for key in sorted(node, key=int)]
        return {key: lists(inner) for key, inner in node.items()}

    return lists(tree)


def main():
    operations = json.load(open(sys.argv[1], encoding="utf-8"))
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wrong, skipped, met, requests, answers = [], [], set(), 0, 0
    for operation in operations:
        name = operation["operation"]
        # What a product is called in the law may be spelt otherwise here.
        product = next((known for known in SDKS if known.lower() == operation["product"].lower()), None)
        if product is None:
            skipped.append(name)
            continue
        client_type, models = SDKS[product]
        ours = [answer for answer in operation["answers"] if answer["form"] == "JSON"]
        for signature, algorithm in SIGNATURES.items():
            config = open_api.Config(
                access_key_id="the-key",
                access_key_secret="the-s3cret",
                region_id="cn-hangzhou",
                protocol="http",
                endpoint=f"127.0.0.1:{server.server_port}",
                signature_algorithm=algorithm,
            )
            client = client_type(config)

            def ask(arguments):
                return getattr(client, snake(name))(getattr(models, f"{name}Request")().from_map(arguments))

            for request in operation["requests"]:
                for sent in (sent for sent in request["sent"] if sent["signature"] == signature):
                    mine = parameters(sent["query"], sent["body"], dict(sent["headers"]))
                    unknown = [own for own in mine[2] if (name, own) in UNKNOWN]
                    met.update((name, own) for own in unknown)
                    for own in unknown:
                        del mine[2][own]
                    Server.status, Server.answer, Server.seen = 200, b'{"RequestId":"x"}', None
                    ask(nested(mine[2]))
                    requests += 1
                    if Server.seen != mine:
                        wrong.append(f"{name}, {signature}: eipcheck sends {mine}\n    the SDK sends {Server.seen}")
            for answer in ours:
                Server.status, Server.answer = answer["status"], answer["body"].encode()
                answers += 1
                try:
                    body = ask(nested(mine[2])).body
                    read = body and body.to_map()
                    wanted = json.loads(answer["body"])
                    if answer["what"] == "error":
                        wrong.append(f"{name}: the SDK takes the error {answer['code']} for an answer")
                    elif read != wanted:
                        wrong.append(f"{name}, {answer['what']}: eipcheck answers {wanted}\n    the SDK reads {read}")
                except AlibabaCloudException as error:
                    if (error.code, answer["what"]) != (answer.get("code"), "error"):
                        wrong.append(f"{name}, {answer['what']}: the SDK says {error}")
    server.shutdown()
    if not requests or not answers:
        sys.exit("FAILED: there is nothing to hold against the SDK")
    # Once the SDK has them, nobody has to leave them out.
    wrong.extend(f"{name} is not sent with {own}, though it is left out here" for name, own in UNKNOWN - met)
    if wrong:
        sys.exit("\n".join(["FAILED:"] + wrong))
    told = f"; of no product that is installed here: {', '.join(skipped)}" if skipped else ""
    print(f"{len(operations) - len(skipped)} operations: the SDK sends the same {requests} requests and reads {answers} answers alike{told}")


if __name__ == "__main__":
    main()
