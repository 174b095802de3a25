#!/usr/bin/env python3
"""Drives `eipcheck serve --cloud ec2` through all its operations with the AWS CLI.

usage: drive_awscli.py http://127.0.0.1:PORT [AWS]      AWS: the `aws` program, by default the one on the PATH

Each call is one process, as a script would make it, so the journey leaves out the dry runs and the rarer refusals
that the boto3 journey makes.
"""

import json
import os
import re
import subprocess
import sys

import ec2
import journey

# Nothing of the user's own configuration takes part, and nothing leaves the loopback interface.
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.upper().startswith("AWS_")},
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_PAGER": "",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def kebab(name):
    """`NatGatewayIds` as the command line spells it: `nat-gateway-ids`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def options(parameters):
    """Parameters as command-line options."""
    words = []
    for name, value in parameters.items():
        option = f"--{kebab(name)}"
        if name == "MinCount":
            continue  # the command line has one --count for both bounds
        if name == "MaxCount":
            words += ["--count", str(value)]
        elif value is True:
            words.append(option)
        elif value is False:
            words.append(f"--no-{kebab(name)}")
        elif isinstance(value, list):
            words += [option, *map(str, value)]
        else:
            words += [option, str(value)]
    return words


class AwsCli:
    """The AWS CLI, as the journey needs it."""

    def __init__(self, url, program):
        self.base = [
            program,
            "ec2",
            "--endpoint-url",
            url,
            "--region",
            "us-east-1",
            "--output",
            "json",
            "--no-cli-pager",
        ]
        told = subprocess.run([program, "--version"], env=ENVIRONMENT, capture_output=True, text=True, check=True)
        self.name = (told.stdout or told.stderr).split()[0].replace("/", " ")
        if self.name.startswith("aws-cli 1."):
            self.base.remove("--no-cli-pager")  # version 1 has no pager to switch off

    def run(self, words):
        return subprocess.run(self.base + words, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)

    def call(self, operation, parameters):
        done = self.run([kebab(operation), *options(parameters)])
        if done.returncode == 0:
            return json.loads(done.stdout) if done.stdout.strip() else {}
        error = re.search(r"An error occurred \(([^)]+)\) when calling the \w+ operation(?:[^:]*): (.*)", done.stderr)
        if not error:
            raise journey.Stop(f"aws {operation} ended with {done.returncode}: {done.stderr.strip()}")
        raise journey.Refused(error[1], error[2])

    def wait(self, j, waiter, **parameters):
        """The state is looked for first, letting time pass; then `aws ec2 wait`, which looks once every 15 s, must
        agree at its first look."""
        j.settle(waiter, lambda: self.look(j, waiter, parameters), lambda seen: seen == WAITERS[waiter][1])
        done = self.run(["wait", waiter.replace("_", "-"), *options(parameters)])
        j.equal(f"aws ec2 wait {waiter}: exit code ({done.stderr.strip()})", done.returncode, 0)

    def look(self, j, waiter, parameters):
        operation, _, path = WAITERS[waiter]
        seen = j.do(operation, **parameters)
        for key in path:
            seen = seen[key]
        return seen

    def farewell(self, j):
        """Nothing that the journey has not shown."""


# For each waiter: the operation it looks with, the state it waits for, and where that state stands.
WAITERS = {
    "network_interface_available": ("DescribeNetworkInterfaces", "available", ("NetworkInterfaces", 0, "Status")),
    "instance_running": ("DescribeInstances", "running", ("Reservations", 0, "Instances", 0, "State", "Name")),
    "instance_terminated": ("DescribeInstances", "terminated", ("Reservations", 0, "Instances", 0, "State", "Name")),
    "nat_gateway_available": ("DescribeNatGateways", "available", ("NatGateways", 0, "State")),
    "nat_gateway_deleted": ("DescribeNatGateways", "deleted", ("NatGateways", 0, "State")),
}


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    client = AwsCli(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "aws")
    print(client.name)
    return ec2.travel(client, sys.argv[1], thorough=False)


if __name__ == "__main__":
    sys.exit(main())
