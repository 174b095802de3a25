#!/usr/bin/env python3
"""Drives `eipcheck serve --cloud ec2` through all its operations with boto3.

usage: drive_boto3.py http://127.0.0.1:PORT
"""

import datetime
import os
import sys

# Nothing of the user's own configuration takes part, and nothing leaves the loopback interface.
os.environ.update(
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    NO_PROXY="127.0.0.1",
    no_proxy="127.0.0.1",
)

import boto3  # noqa: E402
import botocore  # noqa: E402
from botocore import xform_name  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError, WaiterError  # noqa: E402

import ec2  # noqa: E402
import journey  # noqa: E402


BEGINNING = datetime.datetime(2016, 11, 15)


class Boto3:
    """boto3, as the journey needs it."""

    name = f"boto3 {boto3.__version__}"

    def __init__(self, url):
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )

    def call(self, operation, parameters):
        try:
            answer = getattr(self.ec2, xform_name(operation))(**parameters)
        except ClientError as error:
            told = error.response
            if not told["ResponseMetadata"].get("RequestId"):
                raise journey.Stop(f"{operation}: the error has no request id: {told}") from None
            status = told["ResponseMetadata"]["HTTPStatusCode"]
            raise journey.Refused(told["Error"]["Code"], told["Error"]["Message"], status) from None
        except BotoCoreError as error:
            raise journey.Stop(f"{operation}: boto3 cannot make anything of the answer: {error}") from None
        about = answer.pop("ResponseMetadata")
        if about["HTTPStatusCode"] != 200 or not about.get("RequestId"):
            raise journey.Stop(f"{operation}: wanted a 200 with a request id, came {about}")
        return answer

    def wait(self, j, waiter, **parameters):
        """boto3's own waiter, in a hurry; where it does not see its state, time is let pass."""
        for _ in range(24):
            try:
                self.ec2.get_waiter(waiter).wait(WaiterConfig={"Delay": 0.02, "MaxAttempts": 2}, **parameters)
                return
            except WaiterError as error:
                if "Max attempts exceeded" not in str(error):
                    j.report(f"waiter {waiter}: {error}")
                    return
            j.advance(5)
        j.report(f"waiter {waiter} {parameters} did not see its state within 120 s")

    def farewell(self, j):
        """What only boto3 can show: parsed types, paginators, filters, and requests that other clients cannot send."""
        j.leg("types", types, self)
        j.leg("pages and filters", pages, self)
        j.leg("what clients do not send", unusual, self)


def types(j, client):
    """Members have the types that the service's model gives them."""
    for vpc in j.do("DescribeVpcs")["Vpcs"]:
        j.one_of("Vpc.IsDefault: type", type(vpc.get("IsDefault", False)), (bool,))
    for nat in j.do("DescribeNatGateways")["NatGateways"]:
        j.one_of("NatGateway.CreateTime: type", type(nat.get("CreateTime", BEGINNING)), (datetime.datetime,))
        for entry in nat.get("NatGatewayAddresses", []):
            j.one_of("NatGatewayAddress.IsPrimary: type", type(entry.get("IsPrimary", False)), (bool,))
    for reservation in j.do("DescribeInstances")["Reservations"]:
        for instance in reservation["Instances"]:
            j.one_of("Instance.State.Code: type", type(instance["State"].get("Code", 0)), (int,))


def pages(j, client):
    """Every paginator comes to an end; a filter leaves out what it should."""
    for operation in (
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeNetworkInterfaces",
        "DescribeInstances",
        "DescribeNatGateways",
    ):
        count = sum(1 for _ in client.ec2.get_paginator(xform_name(operation)).paginate())
        j.true(f"{operation}: at least one page", count >= 1)
    one, two = ec2.allocate(j), ec2.allocate(j)
    for name, wanted in (("allocation-id", one["AllocationId"]), ("public-ip", one["PublicIp"])):
        found = j.do("DescribeAddresses", Filters=[{"Name": name, "Values": [wanted]}])["Addresses"]
        j.equal(f"DescribeAddresses by {name}", [item["AllocationId"] for item in found], [one["AllocationId"]])
    found = j.do("DescribeAddresses", Filters=[{"Name": "allocation-id", "Values": [ec2.NO_ALLOCATION]}])
    j.equal("DescribeAddresses by a filter that matches nothing", found["Addresses"], [])
    for made in (one, two):
        j.do("ReleaseAddress", AllocationId=made["AllocationId"])


def unusual(j, client):
    """Requests that botocore refuses to send by itself, and an action that the law does not know."""
    strict, client.ec2 = client.ec2, unvalidated(client.ec2)
    try:
        for operation, parameters in (
            ("DisassociateNatGatewayAddress", {"AssociationIds": [ec2.NO_ASSOCIATION]}),
            ("UnassignPrivateNatGatewayAddress", {"PrivateIpAddresses": ["10.0.1.9"]}),
            ("AssociateNatGatewayAddress", {"AllocationIds": [ec2.NO_ALLOCATION]}),
            ("AssignPrivateNatGatewayAddress", {"PrivateIpAddressCount": 1}),
            ("DeleteNatGateway", {}),
            ("DeleteVpc", {}),
            ("DeleteSubnet", {}),
            ("DeleteNetworkInterface", {}),
            ("DeleteInternetGateway", {}),
            ("TerminateInstances", {}),
        ):
            j.refuse(operation, "MissingParameter", "InvalidParameterCombination", **parameters)
        j.refuse("DescribeRegions", "InvalidAction")
    finally:
        client.ec2 = strict


def unvalidated(strict):
    """The same client, without the checks that it makes before it sends."""
    return boto3.client(
        "ec2",
        endpoint_url=strict.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20, parameter_validation=False
        ),
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}, python {sys.version.split()[0]}")
    return ec2.travel(Boto3(sys.argv[1]), sys.argv[1], thorough=True)


if __name__ == "__main__":
    sys.exit(main())
