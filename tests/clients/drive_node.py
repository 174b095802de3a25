#!/usr/bin/env python3
"""Drives `eipcheck serve --cloud alibaba` with the provider's SDKs for Node.js, of both generations.

usage: drive_node.py http://127.0.0.1:PORT PACKAGES      the key is taken from the environment
       PACKAGES is the folder node_modules that holds what node/package.json asks for

The calls are made by `node/bridge.js`; the journey is the one that the other clients make.
"""

import json
import os
import select
import subprocess
import sys
import uuid
from pathlib import Path

import alibaba
from journey import Refused, Stop

# The bridge gives up a call by itself long before.
PATIENCE = 60


class Bridge:
    """The process in which the SDKs run."""

    def __init__(self, packages):
        self.process = subprocess.Popen(
            ["node", str(Path(__file__).parent / "node" / "bridge.js")],
            env={**os.environ, "NODE_PATH": str(Path(packages).resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def call(self, **call):
        try:
            self.process.stdin.write(f"{json.dumps(call)}\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            line = self.process.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line:
            sys.exit("the process with the Node.js SDKs does not answer")
        return json.loads(line)


class Node:
    """One of the SDKs, as the journey needs it, signing and sending in one of its ways."""

    textual = False
    wrong_secret = ("SignatureDoesNotMatch",)

    def __init__(self, bridge, url, key, name, **how):
        self.bridge, self.url, self.key, self.name, self.how = bridge, url, key, name, how
        self.refused_request = None

    def with_key(self, key):
        return Node(self.bridge, self.url, key, self.name, **self.how)

    def call(self, operation, parameters):
        product = alibaba.PRODUCTS.get(operation, "Vpc")
        came = self.bridge.call(
            operation=operation,
            parameters=parameters,
            product=product,
            version=alibaba.VERSIONS[product],
            region=alibaba.REGION,
            url=self.url,
            key=vars(self.key),
            **self.how,
        )
        if refused := came.get("refused"):
            told = refused["told"]
            for member in ("RequestId", "HostId", "Code", "Message"):
                if not told.get(member):
                    raise Stop(f"{operation}: the error has no {member}: {told}")
            if refused["code"] != told["Code"] or told["Message"] not in refused["message"]:
                raise Stop(f"{operation}: the SDK reads {refused['code']}: {refused['message']} from {told}")
            self.refused_request = told["RequestId"]
            raise Refused(refused["code"], refused["message"], refused["status"])
        if came.get("status") != 200:
            raise Stop(f"{operation}: the SDK cannot make anything of the answer: {came}")
        return came["answer"]

    def farewell(self, j):
        if self.how["kit"] == "pop":
            j.leg("its own words", own_words)


def own_words(j):
    """What only this client lets its caller choose: an action, a version, and what a signature is made with."""
    look = {"RegionId": alibaba.REGION}
    nonce = str(uuid.uuid4())
    j.do("DescribeEipAddresses", SignatureNonce=nonce, **look)
    j.refuse("DescribeEipAddresses", "SignatureNonceUsed", status=(400,), SignatureNonce=nonce, **look)
    long_ago = "2016-04-28T00:00:00Z"
    j.refuse("DescribeEipAddresses", "InvalidTimeStamp.Expired", status=(400,), Timestamp=long_ago, **look)
    for wrong in ("yesterday", "2026-06-31T08:00:00Z"):
        codes = ("InvalidTimeStamp.Format", "IllegalTimestamp")
        j.refuse("DescribeEipAddresses", *codes, status=(400,), Timestamp=wrong, **look)
    codes = ("InvalidVersion", "NoSuchVersion")
    j.refuse("DescribeEipAddresses", *codes, status=(400,), Version="2016-04-27", **look)
    codes = ("InvalidAction.NotFound", "InvalidApi.NotFound")
    j.refuse("DescribeNothing", *codes, status=(404,), **look)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    url, packages, key = sys.argv[1], Path(sys.argv[2]), alibaba.Key()

    def version(package):
        return f"{package} {json.loads((packages / package / 'package.json').read_text())['version']}"

    typed, generic, pop = version("@alicloud/vpc20160428"), version("@alicloud/openapi-core"), version("@alicloud/pop-core")
    token = " with a token" if key.token else ""
    with Bridge(packages) as bridge:
        clients = [
            Node(bridge, url, key, f"{name}, {signed}{token}, {sent}", **how)
            for name, signed, sent, how in (
                (typed, "ACS3", "typed calls, POST with a query", {"kit": "typed", "signature": None}),
                (typed, "RPC v1", "typed calls, POST with a query", {"kit": "typed", "signature": "v2"}),
                (generic, "ACS3", "generic calls, POST with a form", {"kit": "generic", "signature": None}),
                (generic, "RPC v1", "generic calls, POST with a form", {"kit": "generic", "signature": "v2"}),
                (pop, "RPC v1", "GET with a query", {"kit": "pop", "method": "GET"}),
                (pop, "RPC v1", "POST with a form", {"kit": "pop", "method": "POST"}),
            )
        ]
        return alibaba.travel(clients, url)


if __name__ == "__main__":
    sys.exit(main())
