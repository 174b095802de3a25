#!/usr/bin/env python3
"""Shows by hand, without eipcheck, where a running moto_server departs from the law of EC2. Called by `.ci/moto`.

moto_by_hand.py URL [FILE]

One line for each rule: the rule, what was asked, what came, what the law says. The same lines go to FILE. A request with
one wrong argument differs in nothing else from one that moto is seen to accept. Shows too which operations moto does not
have. Ends with 1 if moto does not do what is claimed here.

What boto3 can say is said with boto3; arguments that it would not send go out as signed HTTP requests.
"""

import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from check_moto import MISSING
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response

REGION = "us-east-1"
NONSENSE = "by-hand-nonsense"
IMAGE = "ami-0abcdef1234567890"

ACCEPTED = "accepted"
CRASHED = "HTTP 500, no XML"


class Hand:
    """Sends requests, and makes what they need."""

    def __init__(self, url):
        self.url = url
        self.http = urllib3.PoolManager(retries=False, timeout=60)
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=60),
        )
        # One of each that nothing is done to.
        self.home = self.vpc()
        self.room = self.subnet(self.home)

    # --- Asking ---

    def raw(self, action, **parameters):
        """What came of a signed request: `accepted`, a code with its message, or that there was no XML."""
        body = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15", **parameters})
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", self.url + "/", headers, body)
        SigV4Auth(Credentials("test", "test"), "ec2", REGION).add_auth(request)
        answer = self.http.request("POST", self.url + "/", body=body, headers=dict(request.headers))
        self.body = answer.data.decode()
        try:
            root = ElementTree.fromstring(self.body)
        except ElementTree.ParseError:
            return f"HTTP {answer.status}, no XML"
        tag = root.tag.rpartition("}")[2]
        if answer.status == 200 and tag == f"{action}Response":
            return ACCEPTED
        code, message = (root.findtext(f".//{{*}}{name}", "?") for name in ("Code", "Message"))
        return f"{code}: {message}"

    def boto(self, operation, **parameters):
        """The same with boto3."""
        try:
            getattr(self.ec2, operation)(**parameters)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        return ACCEPTED

    # --- Making ---

    def vpc(self):
        return self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def subnet(self, vpc=None, block=1):
        made = self.ec2.create_subnet(VpcId=vpc or self.vpc(), CidrBlock=f"10.0.{block}.0/24")
        return made["Subnet"]["SubnetId"]

    def internet_gateway(self, vpc=None):
        made = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        if vpc:
            self.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
        return made

    def interface(self, subnet=None):
        made = self.ec2.create_network_interface(SubnetId=subnet or self.room)
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def instance(self, subnet=None):
        """An instance, and its interface."""
        made = self.ec2.run_instances(
            ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet or self.room
        )["Instances"][0]
        assert self.state(made["InstanceId"]) == "running"
        return made["InstanceId"], made["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def address(self):
        return self.ec2.allocate_address(Domain="vpc")["AllocationId"]

    def associate(self, address, **target):
        return self.ec2.associate_address(AllocationId=address, **target)["AssociationId"]

    def private_gateway(self, subnet=None):
        made = self.ec2.create_nat_gateway(SubnetId=subnet or self.room, ConnectivityType="private")
        return made["NatGateway"]["NatGatewayId"]

    def public_gateway(self):
        """A public NAT gateway in a VPC that has an internet gateway, and its Elastic IP address."""
        vpc = self.vpc()
        self.internet_gateway(vpc)
        address = self.address()
        made = self.ec2.create_nat_gateway(SubnetId=self.subnet(vpc), AllocationId=address)["NatGateway"]["NatGatewayId"]
        assert self.gateway(made) == "available"
        return made, address

    # --- Looking ---

    def seen(self, address):
        """An address as it is shown; none if there is no such address."""
        try:
            return self.ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]
        except ClientError:
            return None

    def state(self, instance):
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"]

    def gateway(self, gateway):
        return self.ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"]


# What a request of each operation needs to be right, on the wire. Each call makes it anew.
GOOD = {
    "AllocateAddress": lambda hand: {},
    "AssociateAddress": lambda hand: {"AllocationId": hand.address(), "NetworkInterfaceId": hand.interface()},
    "AttachInternetGateway": lambda hand: {"InternetGatewayId": hand.internet_gateway(), "VpcId": hand.vpc()},
    "CreateInternetGateway": lambda hand: {},
    "CreateNatGateway": lambda hand: {"SubnetId": hand.room, "ConnectivityType": "private"},
    "CreateNetworkInterface": lambda hand: {"SubnetId": hand.room},
    "CreateSubnet": lambda hand: {"VpcId": hand.vpc(), "CidrBlock": "10.0.1.0/24"},
    "CreateVpc": lambda hand: {"CidrBlock": "10.0.0.0/16"},
    "DeleteInternetGateway": lambda hand: {"InternetGatewayId": hand.internet_gateway()},
    "DeleteNatGateway": lambda hand: {"NatGatewayId": hand.private_gateway()},
    "DeleteNetworkInterface": lambda hand: {"NetworkInterfaceId": hand.interface()},
    "DeleteSubnet": lambda hand: {"SubnetId": hand.subnet()},
    "DeleteVpc": lambda hand: {"VpcId": hand.vpc()},
    "DescribeAddresses": lambda hand: {},
    "DescribeInstances": lambda hand: {},
    "DescribeNatGateways": lambda hand: {},
    "DescribeNetworkInterfaces": lambda hand: {},
    "DescribeSubnets": lambda hand: {},
    "DescribeVpcs": lambda hand: {},
    "DetachInternetGateway": lambda hand: attached(hand),
    "DisassociateAddress": lambda hand: {
        "AssociationId": hand.associate(hand.address(), NetworkInterfaceId=hand.interface())
    },
    "ReleaseAddress": lambda hand: {"AllocationId": hand.address()},
    "RunInstances": lambda hand: {
        "ImageId": IMAGE,
        "InstanceType": "t3.micro",
        "MinCount": "1",
        "MaxCount": "1",
        "SubnetId": hand.room,
    },
    "TerminateInstances": lambda hand: {"InstanceId.1": hand.instance()[0]},
}


def attached(hand):
    vpc = hand.vpc()
    return {"InternetGatewayId": hand.internet_gateway(vpc), "VpcId": vpc}


# --- Requests with one wrong argument ---------------------------------------------------------------------------------
#
# Each row: the rule, the operation, what differs from the right request (None: left out), what comes, what the law says.

UNDECLARED = "refused with UnknownParameter (error codes, UnknownParameter)"
TYPE = "a value that is not of the parameter's type is refused (error codes, InvalidParameterValue)"
RANGE = "refused: the published model has limits for it (%s)"
ENUM = "refused: the published model lists its values (%s)"
NEEDED = "refused with MissingParameter (error codes, MissingParameter; the model marks it required)"

BOOLEANS = {
    "AssociateAddress": ["AllowReassociation"],
    "CreateNetworkInterface": ["EnablePrimaryIpv6"],
    "CreateSubnet": ["Ipv6Native"],
    "CreateVpc": ["AmazonProvidedIpv6CidrBlock"],
    "DescribeInstances": ["IncludeManagedResources"],
    "DescribeNetworkInterfaces": ["IncludeManagedResources"],
    "RunInstances": ["DisableApiStop", "DisableApiTermination", "EbsOptimized", "EnablePrimaryIpv6"],
    "TerminateInstances": ["Force", "SkipOsShutdown"],
}
INTEGERS = {
    "CreateNatGateway": ["SecondaryPrivateIpAddressCount"],
    "CreateNetworkInterface": [
        "Ipv4PrefixCount",
        "Ipv6AddressCount",
        "Ipv6PrefixCount",
        "SecondaryPrivateIpAddressCount",
    ],
    "CreateSubnet": ["Ipv4NetmaskLength", "Ipv6NetmaskLength"],
    "CreateVpc": ["Ipv4NetmaskLength", "Ipv6NetmaskLength"],
    "DescribeInstances": ["MaxResults"],
    "DescribeNatGateways": ["MaxResults"],
    "DescribeNetworkInterfaces": ["MaxResults"],
    "DescribeSubnets": ["MaxResults"],
    "DescribeVpcs": ["MaxResults"],
    "RunInstances": ["Ipv6AddressCount", "MaxCount", "MinCount"],
}
# Without this parameter, moto refuses with the code of one that does not exist.
WITHOUT = {
    ("AttachInternetGateway", "InternetGatewayId"): "InvalidInternetGatewayID.NotFound",
    ("AttachInternetGateway", "VpcId"): "InvalidVpcID.NotFound",
    ("CreateNetworkInterface", "SubnetId"): "InvalidSubnetID.NotFound",
    ("CreateSubnet", "VpcId"): "InvalidVpcID.NotFound",
    ("DeleteInternetGateway", "InternetGatewayId"): "InvalidInternetGatewayID.NotFound",
    ("DeleteNetworkInterface", "NetworkInterfaceId"): "InvalidNetworkInterfaceID.NotFound",
    ("DeleteSubnet", "SubnetId"): "InvalidSubnetID.NotFound",
    ("DeleteVpc", "VpcId"): "InvalidVpcID.NotFound",
    ("DetachInternetGateway", "InternetGatewayId"): "InvalidInternetGatewayID.NotFound",
    ("DetachInternetGateway", "VpcId"): "Gateway.NotAttached",
}
UNKNOWN_GATEWAY = "nat-0123456789abcdef0"


def rows():
    for operation in GOOD:
        yield f"{operation}.undeclared", operation, {"ByHandNoSuchParameter": "1"}, ACCEPTED, UNDECLARED
        yield f"{operation}.DryRun.type", operation, {"DryRun": NONSENSE}, ACCEPTED, TYPE
    for operation, names in BOOLEANS.items():
        for name in names:
            yield f"{operation}.{name}.type", operation, {name: NONSENSE}, ACCEPTED, TYPE
    for operation, names in INTEGERS.items():
        for name in names:
            yield f"{operation}.{name}.type", operation, {name: NONSENSE}, CRASHED, TYPE
    for (operation, name), code in WITHOUT.items():
        yield f"{operation}.{name}.required.code", operation, {name: None}, code, NEEDED
    yield "DeleteNatGateway.NatGatewayId.required", "DeleteNatGateway", {"NatGatewayId": None}, CRASHED, NEEDED
    for name in ("MinCount", "MaxCount"):
        yield f"RunInstances.{name}.required", "RunInstances", {name: None}, ACCEPTED, NEEDED
        limits = RANGE % "at least 1"
        yield f"RunInstances.{name}.range", "RunInstances", {name: "0"}, ACCEPTED, limits
    for what in ("NatGateways", "NetworkInterfaces", "Subnets", "Vpcs"):
        limits = RANGE % "5 to 1000"
        yield f"Describe{what}.MaxResults.range", f"Describe{what}", {"MaxResults": "4"}, ACCEPTED, limits
    count = "SecondaryPrivateIpAddressCount"
    long = "x" * 65
    law = "refused: at most 64 characters (CreateNatGateway, parameter ClientToken)"
    yield "CreateNatGateway.ClientToken.length", "CreateNatGateway", {"ClientToken": long}, ACCEPTED, law
    yield f"CreateNatGateway.{count}.range", "CreateNatGateway", {count: "0"}, ACCEPTED, RANGE % "1 to 31"
    for operation, name, values in (
        ("AllocateAddress", "Domain", "vpc, standard"),
        ("CreateNatGateway", "AvailabilityMode", "zonal, regional"),
        ("CreateNatGateway", "ConnectivityType", "private, public"),
        ("CreateVpc", "InstanceTenancy", "default, dedicated, host"),
    ):
        yield f"{operation}.{name}.enum", operation, {name: NONSENSE}, ACCEPTED, ENUM % values
    malformed = "refused: codes that end in Malformed (error codes; the clients' names for those of this operation)"
    change = {"SecondaryAllocationId.1": NONSENSE}
    yield "CreateNatGateway.SecondaryAllocationIds.malformed", "CreateNatGateway", change, ACCEPTED, malformed
    malformed = "refused with NatGatewayMalformed or NatGatewayNotFound (error codes)"
    unknown = "refused with NatGatewayNotFound (error codes; the waiter NatGatewayDeleted)"
    for operation, parameter, rule, came in (
        ("DeleteNatGateway", "NatGatewayId", "NatGatewayId", CRASHED),
        ("DescribeNatGateways", "NatGatewayId.1", "NatGatewayIds", ACCEPTED),
    ):
        yield f"{operation}.{rule}.malformed", operation, {parameter: NONSENSE}, came, malformed
        yield f"{operation}.{rule}.unknown", operation, {parameter: UNKNOWN_GATEWAY}, came, unknown
    needs = "refused with a code that says that the subnet is missing (error codes, MissingParameter)"
    yield "nat-create-needs-subnet.code", "CreateNatGateway", {"SubnetId": None}, "InvalidSubnetID.NotFound", needs


# --- Requests about states --------------------------------------------------------------------------------------------
#
# Each function returns what was asked, and what came; it raises AssertionError where moto does not do what is claimed.

CLAIMS = {}


def claim(rule, law):
    def register(function):
        CLAIMS[rule] = (function, law)
        return function

    return register


def accepted(came):
    assert came == ACCEPTED, came
    return came


def refused(came, code):
    assert came.startswith(f"{code}:"), came
    return came


REHEARSAL = "with DryRun nothing changes, and the code is DryRunOperation (the parameter DryRun)"


@claim("CreateVpc.dry-run", REHEARSAL)
def _(hand):
    block = "10.77.0.0/16"
    found = [{"Name": "cidr", "Values": [block]}]
    assert not hand.ec2.describe_vpcs(Filters=found)["Vpcs"]
    came = accepted(hand.boto("create_vpc", CidrBlock=block, DryRun=True))
    assert hand.ec2.describe_vpcs(Filters=found)["Vpcs"]
    return "CreateVpc DryRun=true", f"{came}, and there is one VPC more"


@claim("CreateSubnet.dry-run", REHEARSAL)
def _(hand):
    vpc = hand.vpc()
    came = accepted(hand.boto("create_subnet", VpcId=vpc, CidrBlock="10.0.1.0/24", DryRun=True))
    assert len(hand.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]) == 1
    return "CreateSubnet DryRun=true", f"{came}, and the VPC has a subnet"


@claim("CreateNatGateway.dry-run", REHEARSAL)
def _(hand):
    subnet = hand.subnet()
    came = accepted(hand.boto("create_nat_gateway", SubnetId=subnet, ConnectivityType="private", DryRun=True))
    found = hand.ec2.describe_nat_gateways(Filter=[{"Name": "subnet-id", "Values": [subnet]}])["NatGateways"]
    assert len(found) == 1
    return "CreateNatGateway DryRun=true", f"{came}, and the subnet has a NAT gateway"


@claim("DeleteNatGateway.dry-run", REHEARSAL)
def _(hand):
    gateway = hand.private_gateway()
    assert hand.gateway(gateway) == "available"
    came = accepted(hand.boto("delete_nat_gateway", NatGatewayId=gateway, DryRun=True))
    assert hand.gateway(gateway) == "deleted"
    return "DeleteNatGateway DryRun=true", f"{came}, and the gateway is deleted"


@claim("DeleteSubnet.dry-run", REHEARSAL)
def _(hand):
    subnet = hand.subnet()
    came = accepted(hand.boto("delete_subnet", SubnetId=subnet, DryRun=True))
    refused(hand.boto("describe_subnets", SubnetIds=[subnet]), "InvalidSubnetID.NotFound")
    return "DeleteSubnet DryRun=true", f"{came}, and the subnet is gone"


@claim("DeleteVpc.dry-run", REHEARSAL)
def _(hand):
    vpc = hand.vpc()
    came = accepted(hand.boto("delete_vpc", VpcId=vpc, DryRun=True))
    refused(hand.boto("describe_vpcs", VpcIds=[vpc]), "InvalidVpcID.NotFound")
    return "DeleteVpc DryRun=true", f"{came}, and the VPC is gone"


@claim("DescribeNatGateways.dry-run", REHEARSAL)
def _(hand):
    refused(hand.boto("describe_vpcs", DryRun=True), "DryRunOperation")
    return "DescribeNatGateways DryRun=true", accepted(hand.boto("describe_nat_gateways", DryRun=True))


@claim("release-while-associated", "outside a default VPC, InvalidIPAddress.InUse (ReleaseAddress, paragraph 3)")
def _(hand):
    address = hand.address()
    hand.associate(address, NetworkInterfaceId=hand.interface())
    assert "AssociationId" in hand.seen(address)
    came = accepted(hand.boto("release_address", AllocationId=address))
    assert hand.seen(address) is None
    return "ReleaseAddress of an address that an interface in a VPC of our own has", f"{came}, and the address is gone"


@claim("release-nat-held", "an address in use must be disassociated before it is released (ReleaseAddress, paragraph 3)")
def _(hand):
    gateway, address = hand.public_gateway()
    came = accepted(hand.boto("release_address", AllocationId=address))
    assert hand.seen(address) is None and hand.gateway(gateway) == "available"
    return "ReleaseAddress of the address of an available NAT gateway", f"{came}, and the address is gone"


@claim("release-wrong-border-group", "InvalidAddress.NotFound (ReleaseAddress, parameter NetworkBorderGroup)")
def _(hand):
    address = hand.address()
    wrong = "us-east-1-wl1-bos-wlz-1"
    came = accepted(hand.boto("release_address", AllocationId=address, NetworkBorderGroup=wrong))
    assert hand.seen(address) is None
    return f"ReleaseAddress NetworkBorderGroup={wrong} of an address of {REGION}", f"{came}, and the address is gone"


@claim("disassociate-repeat", "a second DisassociateAddress returns no error (DisassociateAddress, paragraph 2)")
def _(hand):
    association = hand.associate(hand.address(), NetworkInterfaceId=hand.interface())
    accepted(hand.boto("disassociate_address", AssociationId=association))
    came = refused(hand.boto("disassociate_address", AssociationId=association), "InvalidAssociationID.NotFound")
    return "DisassociateAddress of the same association twice", came


@claim("disassociate-nat-held", "refused, AuthFailure in answers seen: the operation is for instances and interfaces")
def _(hand):
    gateway, address = hand.public_gateway()
    came = accepted(hand.boto("disassociate_address", AssociationId=hand.seen(address)["AssociationId"]))
    assert "AssociationId" not in hand.seen(address) and hand.gateway(gateway) == "available"
    return "DisassociateAddress of the primary address of a NAT gateway", f"{came}, and the address is free"


@claim("associate-nat-held", "refused, AuthFailure in answers seen: a NAT gateway keeps its primary address")
def _(hand):
    gateway, address = hand.public_gateway()
    interface = hand.interface()
    came = accepted(
        hand.boto("associate_address", AllocationId=address, NetworkInterfaceId=interface, AllowReassociation=True)
    )
    assert hand.seen(address)["NetworkInterfaceId"] == interface and hand.gateway(gateway) == "available"
    return "AssociateAddress, to an interface, of the address of a NAT gateway", f"{came}, and the interface has it"


@claim("associate-displaces", "the address that the instance had is disassociated (AssociateAddress)")
def _(hand):
    instance, _ = hand.instance()
    first, second = hand.address(), hand.address()
    hand.associate(first, InstanceId=instance)
    hand.associate(second, InstanceId=instance, AllowReassociation=True)
    both = [hand.seen(address) for address in (first, second)]
    assert all("AssociationId" in one and one["InstanceId"] == instance for one in both)
    return "AssociateAddress of a second address to the one interface of an instance", "both addresses show that they have it"


@claim("associate-moves", "an address that was associated elsewhere is no longer (AssociateAddress)")
def _(hand):
    address, one, other = hand.address(), hand.interface(), hand.interface()
    hand.associate(address, NetworkInterfaceId=one)
    now = hand.associate(address, NetworkInterfaceId=other, AllowReassociation=True)
    assert hand.seen(address)["NetworkInterfaceId"] == other
    shown = hand.ec2.describe_network_interfaces(NetworkInterfaceIds=[one, other])["NetworkInterfaces"]
    assert [interface["Association"]["AssociationId"] for interface in shown] == [now, now]
    asked = "DescribeNetworkInterfaces of the interface from which an address has moved to another"
    return asked, "it shows the address too, with the association of the other"


# A run misses this one: its scenario ends at the interface that a terminated instance keeps (`KNOWN_MISSES`).
@claim("associate-gone-instance", "InvalidInstanceID: a terminated instance cannot get an address (error codes)")
def _(hand):
    instance, _ = hand.instance()
    accepted(hand.boto("terminate_instances", InstanceIds=[instance]))
    assert hand.state(instance) == "terminated"
    address = hand.address()
    came = accepted(hand.boto("associate_address", AllocationId=address, InstanceId=instance))
    assert hand.seen(address)["InstanceId"] == instance
    return "AssociateAddress to an instance that is terminated", f"{came}, and the address shows the instance"


@claim("associate-one-target", "an instance or an interface is named, but not both (AssociateAddress)")
def _(hand):
    instance, interface = hand.instance()
    asked = {"AllocationId": hand.address(), "InstanceId": instance, "NetworkInterfaceId": interface}
    return "AssociateAddress with InstanceId and NetworkInterfaceId", accepted(hand.boto("associate_address", **asked))


@claim(
    "associate-taken-by-other-than-instance",
    "Resource.AlreadyAssociated with AllowReassociation=false (AssociateAddress, parameter AllowReassociation)",
)
def _(hand):
    instance, own = hand.instance()
    address, interface = hand.address(), hand.interface()
    hand.associate(address, NetworkInterfaceId=interface)
    # Between two interfaces moto does as it should.
    asked = {"AllocationId": address, "AllowReassociation": False}
    refused(hand.boto("associate_address", NetworkInterfaceId=own, **asked), "Resource.AlreadyAssociated")
    came = accepted(hand.boto("associate_address", InstanceId=instance, **asked))
    assert hand.seen(address)["InstanceId"] == instance
    asked = "AssociateAddress AllowReassociation=false to an instance, of an address that another interface has"
    return asked, f"{came}, and the instance has it"


@claim("eni-delete-in-use", "an interface must be detached before it is deleted (DeleteNetworkInterface)")
def _(hand):
    _, interface = hand.instance()
    return "DeleteNetworkInterface of the interface of a running instance", accepted(
        hand.boto("delete_network_interface", NetworkInterfaceId=interface)
    )


@claim("eni-delete-unlinks", "deleting an interface frees its Elastic IP addresses (user guide, delete a network interface)")
def _(hand):
    address, interface = hand.address(), hand.interface()
    association = hand.associate(address, NetworkInterfaceId=interface)
    accepted(hand.boto("delete_network_interface", NetworkInterfaceId=interface))
    refused(hand.boto("describe_network_interfaces", NetworkInterfaceIds=[interface]), "InvalidNetworkInterfaceID.NotFound")
    assert hand.seen(address)["AssociationId"] == association
    return "DeleteNetworkInterface of one that has an address", "the address shows the association as before"


@claim("igw-attach-second", "a VPC has at most one internet gateway (VPC guide, internet gateways)")
def _(hand):
    vpc = hand.vpc()
    hand.internet_gateway(vpc)
    other = hand.internet_gateway()
    came = accepted(hand.boto("attach_internet_gateway", InternetGatewayId=other, VpcId=vpc))
    found = hand.ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])
    assert len(found["InternetGateways"]) == 2
    return "AttachInternetGateway of a second one", f"{came}, and both are attached"


@claim("igw-detach-mapped", "the VPC must not hold running instances with an Elastic IP address (DetachInternetGateway)")
def _(hand):
    vpc = hand.vpc()
    gateway = hand.internet_gateway(vpc)
    instance, _ = hand.instance(hand.subnet(vpc))
    hand.associate(hand.address(), InstanceId=instance)
    came = accepted(hand.boto("detach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc))
    assert hand.state(instance) == "running"
    return "DetachInternetGateway beside a running instance with an address", came


@claim("instance-terminated-interface", "the primary interface goes with its instance (user guide, terminate an instance)")
def _(hand):
    instance, interface = hand.instance()
    accepted(hand.boto("terminate_instances", InstanceIds=[instance]))
    assert hand.state(instance) == "terminated"
    shown = hand.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert shown[0]["Status"] == "in-use"
    return "DescribeNetworkInterfaces of the interface of a terminated instance", "it is shown, in-use"


@claim("nat-create-needs-address", "MissingParameter without AllocationId (CreateNatGateway; error codes)")
def _(hand):
    vpc = hand.vpc()
    hand.internet_gateway(vpc)
    return "CreateNatGateway, public, without an address", accepted(
        hand.boto("create_nat_gateway", SubnetId=hand.subnet(vpc), ConnectivityType="public")
    )


@claim("nat-create-private-with-address", "a private gateway cannot have an Elastic IP address (CreateNatGateway)")
def _(hand):
    asked = {"SubnetId": hand.room, "ConnectivityType": "private", "AllocationId": hand.address()}
    return "CreateNatGateway, private, with an address", accepted(hand.boto("create_nat_gateway", **asked))


# moto does all that it does within the request, so that what is not done at once never is. A run on moto's own time
# misses this one, since it does not wait for as long as the law allows (`KNOWN_MISSES`).
@claim(
    "nat-deleted-frees-addresses",
    "deleting a public gateway disassociates its Elastic IP address, ten minutes later at the latest (DeleteNatGateway)",
)
def _(hand):
    gateway, address = hand.public_gateway()
    accepted(hand.boto("delete_nat_gateway", NatGatewayId=gateway))
    assert hand.gateway(gateway) == "deleted"
    assert "AssociationId" in hand.seen(address)
    return "DescribeAddresses of the address of a gateway that is deleted", "it shows the association as before"


@claim("subnet-delete-in-use", "DependencyViolation while it holds an interface (error codes, DependencyViolation)")
def _(hand):
    subnet = hand.subnet()
    interface = hand.interface(subnet)
    came = accepted(hand.boto("delete_subnet", SubnetId=subnet))
    assert hand.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    return "DeleteSubnet of one that holds an interface", f"{came}, and the interface is still there"


@claim("subnet-delete-with-instances", "running instances must be terminated first (DeleteSubnet)")
def _(hand):
    subnet = hand.subnet()
    instance, _ = hand.instance(subnet)
    came = accepted(hand.boto("delete_subnet", SubnetId=subnet))
    assert hand.state(instance) == "running"
    return "DeleteSubnet of one that holds a running instance", f"{came}, and the instance still runs"


@claim("vpc-delete-with-internet-gateway", "what is attached to a VPC must be detached first (DeleteVpc)")
def _(hand):
    vpc = hand.vpc()
    gateway = hand.internet_gateway(vpc)
    came = accepted(hand.boto("delete_vpc", VpcId=vpc))
    found = hand.ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]
    assert found["Attachments"][0]["VpcId"] == vpc
    return "DeleteVpc of one with an internet gateway", f"{came}, and the gateway shows that it is attached to it"


@claim("wire-empty-scalar", "a value that is not set is left out (what well-known clients rely on)")
def _(hand):
    accepted(hand.raw("DescribeAddresses", **{"AllocationId.1": hand.address()}))
    assert "<instanceId/>" in hand.body
    return "DescribeAddresses of an address that is free", "<instanceId/>, which clients read as an empty text"


def creations(hand, token):
    """For each creating operation that takes a token: how to ask for it, with one argument that may differ."""
    one, two = hand.room, hand.subnet()
    return {
        "CreateNetworkInterface": lambda subnet=one: hand.ec2.create_network_interface(
            SubnetId=subnet, ClientToken=token
        )["NetworkInterface"]["NetworkInterfaceId"],
        "CreateNatGateway": lambda subnet=one: hand.ec2.create_nat_gateway(
            SubnetId=subnet, ConnectivityType="private", ClientToken=token
        )["NatGateway"]["NatGatewayId"],
        "RunInstances": lambda subnet=one: hand.ec2.run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet, ClientToken=token
        )["Instances"][0]["InstanceId"],
    }, two


for creating in ("CreateNetworkInterface", "CreateNatGateway", "RunInstances"):

    @claim(f"{creating}.ClientToken.repeat", "the same token and parameters create nothing more (ensuring idempotency)")
    def _(hand, creating=creating):
        calls, _ = creations(hand, f"by-hand-repeat-{creating}")
        first, second = calls[creating](), calls[creating]()
        assert first != second
        return f"{creating} twice with one token and the same parameters", f"two were made, {first} and {second}"

    @claim(f"{creating}.ClientToken.mismatch", "IdempotentParameterMismatch for the same token with other parameters")
    def _(hand, creating=creating):
        calls, other = creations(hand, f"by-hand-mismatch-{creating}")
        first, second = calls[creating](), calls[creating](other)
        assert first != second
        return f"{creating} twice with one token, in two subnets", f"accepted: {first} and {second}"


# --- All of them ------------------------------------------------------------------------------------------------------


def verify(hand):
    """For each rule: its name, what was asked, what came, what the law says, and what is not as claimed."""
    for operation, good in GOOD.items():
        came = hand.raw(operation, **good(hand))
        if came != ACCEPTED:
            yield operation, f"{operation}, as it should be", came, "accepted", "the right request was not accepted"
    for rule, operation, change, wanted, law in rows():
        request = {name: value for name, value in (GOOD[operation](hand) | change).items() if value is not None}
        came = hand.raw(operation, **request)
        holds = came == wanted or came.startswith(f"{wanted}:")
        asked = " ".join(f"without {name}" if value is None else f"{name}={value}" for name, value in change.items())
        yield rule, f"{operation} {asked}", came, law, None if holds else f"claimed was {wanted}"
    for rule, (function, law) in CLAIMS.items():
        try:
            asked, came = function(hand)
        except (AssertionError, ClientError, KeyError, IndexError) as error:
            yield rule, "as claimed", f"{type(error).__name__}: {error}", law, "moto does not do what is claimed"
        else:
            yield rule, asked, came, law, None


def verify_missing(hand):
    """For each operation of the law, whether moto has it: what is not as claimed."""
    page = hand.raw("ByHandNoSuchAction"), hand.body
    assert page[0] == CRASHED, page
    for operation in sorted({*GOOD, *MISSING}):
        there = hasattr(EC2Response, camelcase_to_underscores(operation))
        # An action that moto does not have is answered with the page for actions that nobody has.
        unknown = (hand.raw(operation, NatGatewayId="nat-0"), hand.body) == page
        if there == (operation in MISSING) or operation in MISSING and not unknown:
            yield f"{operation}: has moto it? {there}; is it answered like what nobody has? {unknown}"


def main():
    hand = Hand(sys.argv[1].rstrip("/"))
    lines, failed, rules = [], 0, set()
    for rule, asked, came, law, fault in verify(hand):
        line = " ".join(f"{rule}: asked: {asked}; came: {came}; the law: {law}".split())
        if fault:
            failed += 1
            print(f"FAILED ({fault}): {line}")
        else:
            lines.append(line)
            print(line)
        assert rule not in rules, rule
        rules.add(rule)
    for fault in verify_missing(hand):
        failed += 1
        print(f"FAILED: {fault}")
    print(f"moto has none of: {', '.join(sorted(MISSING))}")
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    print(f"by hand: {len(lines)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
