"""The journey through the life of an address by the law of Alibaba Cloud.

`drive_alibabacloud.py`, `drive_aliyunsdk.py` and `drive_node.py` each bring one of the provider's own clients, in every
way in which it can sign and send; this file says where the journey goes and what must be seen on the way. The server
under way is `eipcheck serve --cloud alibaba --verify-signatures`.

A client calls by the names of the wire, `client.call("DescribeVpcs", {"RegionId": …})`, and gives what its SDK has made
of the answer, under the names of the wire too. In a `textual` answer (XML) all values are text.
"""

import os
import re

from journey import Journey, Stop, only

OPERATIONS = (
    "CreateVpc",
    "DescribeVpcs",
    "DeleteVpc",
    "CreateVSwitch",
    "DescribeVSwitches",
    "DeleteVSwitch",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "RunInstances",
    "DescribeInstances",
    "DeleteInstance",
    "CreateNatGateway",
    "DescribeNatGateways",
    "DeleteNatGateway",
    "AllocateEipAddress",
    "AssociateEipAddress",
    "DescribeEipAddresses",
    "UnassociateEipAddress",
    "ReleaseEipAddress",
)

# Of which product an operation is; of the first one unless it stands here.
PRODUCTS = {
    operation: "Ecs"
    for operation in (
        "CreateSecurityGroup",
        "DeleteSecurityGroup",
        "RunInstances",
        "DescribeInstances",
        "DeleteInstance",
    )
}
VERSIONS = {"Vpc": "2016-04-28", "Ecs": "2014-05-26"}

REGION = "cn-hangzhou"
NO_ALLOCATION = "eip-0123456789abcdef01234"
NO_INSTANCE = "i-0123456789abcdef01234"

# Everything that signing has to escape, and what each client escapes in its own way.
AWKWARD = "tok-~*+ %/=&!'()"
AWKWARD_NAME = "née ~*+ %/=&!'(),;:@$?#[]\"<>|\\^`{}_-."

# Where the documents give more than one code for it, each is right.
WHILE_BOUND = ("IncorrectEipStatus",)
WHILE_LEAVING = ("TaskConflict", "IncorrectEipStatus", "OperationConflict", "OperationFailed.LastTokenProcessing")
NOT_FOUND = ("InvalidAllocationId.NotFound",)
WITHOUT_ALLOCATION = ("MissingParameter", "MissingAllocationId")

REQUEST_ID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")


class Key:
    """The key with which the server was started, from the environment in which it was."""

    def __init__(self):
        self.access = os.environ.pop("ALIBABA_CLOUD_ACCESS_KEY_ID")
        self.secret = os.environ.pop("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        self.token = os.environ.pop("ALIBABA_CLOUD_SECURITY_TOKEN", None) or None

    def but(self, **other):
        """The same key, except for something."""
        changed = object.__new__(Key)
        changed.__dict__ = {**self.__dict__, **other}
        return changed


class Address(Journey):
    """A journey whose every answer must carry a request id of its own."""

    def __init__(self, client, url, token):
        super().__init__(client, url, OPERATIONS, wordy=False)
        self.token = token
        self.request_ids = set()

    def do(self, operation, **parameters):
        answer = super().do(operation, **parameters)
        self.asked(operation, answer.get("RequestId"))
        return answer

    def refuse(self, operation, *codes, **parameters):
        super().refuse(operation, *codes, **parameters)
        self.asked(operation, self.client.refused_request)

    def asked(self, operation, request_id):
        """The id of a request is a UUID in capitals, and no two answers have the same."""
        fits = isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id)
        self.true(f"{operation}: {request_id!r} is a request id", fits)
        self.true(f"{operation}: the request id {request_id!r} is new", request_id not in self.request_ids)
        self.request_ids.add(request_id)

    def an_id(self, came, prefix):
        if not isinstance(came, str) or not re.fullmatch(rf"{prefix}-[0-9a-z]+", came):
            raise Stop(f"{came!r} is not an id of the form {prefix}-…")
        self.checks += 1
        return came

    def number(self, what, came, wanted):
        """A number, which in a textual answer is written out."""
        self.equal(what, came, str(wanted) if self.client.textual else wanted)


# Looking.


def address(j, allocation):
    """The one address that has this allocation id."""
    answer = j.do("DescribeEipAddresses", RegionId=REGION, AllocationId=allocation)
    j.number("DescribeEipAddresses: TotalCount", answer["TotalCount"], 1)
    return only("DescribeEipAddresses", answer["EipAddresses"]["EipAddress"])


def instance(j, instance_id):
    answer = j.do("DescribeInstances", RegionId=REGION, InstanceIds=f'["{instance_id}"]')
    return only("DescribeInstances", answer["Instances"]["Instance"])


def gateway(j, gateway_id):
    answer = j.do("DescribeNatGateways", RegionId=REGION, NatGatewayId=gateway_id)
    return only("DescribeNatGateways", answer["NatGateways"]["NatGateway"])


def settled(j, look, wanted):
    """Looks until the status is the wanted one."""
    return j.settle(f"status {wanted}", look, lambda seen: seen["Status"] == wanted)


def gone(j, what, look):
    """Looks until nothing is seen."""
    j.settle(f"the end of {what}", look, lambda seen: seen == [])


# The legs.


def network(j):
    """A VPC with a vSwitch, an instance and a NAT gateway in it."""
    j.equal("DescribeVpcs: at first", j.do("DescribeVpcs", RegionId=REGION)["Vpcs"], {"Vpc": []})
    made = j.do("CreateVpc", RegionId=REGION, CidrBlock="10.0.0.0/16")
    vpc = j.an_id(made["VpcId"], "vpc")

    def one_vpc():
        return only("DescribeVpcs", j.do("DescribeVpcs", RegionId=REGION, VpcId=vpc)["Vpcs"]["Vpc"])

    seen = settled(j, one_vpc, "Available")
    j.equal("DescribeVpcs: VpcId", seen["VpcId"], vpc)
    j.equal("DescribeVpcs: CidrBlock", seen["CidrBlock"], "10.0.0.0/16")
    j.optional("DescribeVpcs", seen, "IsDefault", "false" if j.client.textual else False)

    made = j.do("CreateVSwitch", RegionId=REGION, VpcId=vpc, ZoneId=f"{REGION}-h", CidrBlock="10.0.1.0/24")
    vswitch = j.an_id(made["VSwitchId"], "vsw")

    def one_vswitch():
        answer = j.do("DescribeVSwitches", RegionId=REGION, VSwitchId=vswitch)
        return only("DescribeVSwitches", answer["VSwitches"]["VSwitch"])

    seen = settled(j, one_vswitch, "Available")
    j.equal("DescribeVSwitches: VpcId", seen["VpcId"], vpc)
    made = j.do("CreateSecurityGroup", RegionId=REGION, VpcId=vpc)
    group = j.an_id(made["SecurityGroupId"], "sg")

    made = j.do(
        "RunInstances",
        RegionId=REGION,
        ImageId="aliyun_3_x64_20G_alibase_20240528.vhd",
        InstanceType="ecs.g7.large",
        VSwitchId=vswitch,
        SecurityGroupId=group,
    )
    launched = j.an_id(only("RunInstances", made["InstanceIdSets"]["InstanceIdSet"]), "i")
    seen = settled(j, lambda: instance(j, launched), "Running")
    j.equal("DescribeInstances: InstanceId", seen["InstanceId"], launched)
    j.equal("DescribeInstances: VpcId", seen["VpcAttributes"]["VpcId"], vpc)
    j.equal("DescribeInstances: VSwitchId", seen["VpcAttributes"]["VSwitchId"], vswitch)

    made = j.do(
        "CreateNatGateway",
        RegionId=REGION,
        VpcId=vpc,
        VSwitchId=vswitch,
        NatType="Enhanced",
        NetworkType="internet",
    )
    nat = j.an_id(made["NatGatewayId"], "ngw")
    seen = settled(j, lambda: gateway(j, nat), "Available")
    j.equal("DescribeNatGateways: VpcId", seen["VpcId"], vpc)
    return {"vpc": vpc, "vswitch": vswitch, "group": group, "instance": launched, "nat": nat}


def allocate(j, **more):
    """A new address, as the answer shows it."""
    made = j.do("AllocateEipAddress", RegionId=REGION, Bandwidth="7", InternetChargeType="PayByTraffic", **more)
    j.an_id(made["AllocationId"], "eip")
    j.true(f"AllocateEipAddress: an address, came {made}", re.fullmatch(r"\d+(\.\d+){3}", made["EipAddress"]))
    return made


def free(j, made):
    """Looks until an address is free; then it shows what it was made with, and nothing that it is bound to."""
    allocation = made["AllocationId"]
    seen = settled(j, lambda: address(j, allocation), "Available")
    j.equal("DescribeEipAddresses: AllocationId", seen["AllocationId"], allocation)
    j.equal("DescribeEipAddresses: IpAddress", seen["IpAddress"], made["EipAddress"])
    j.optional("DescribeEipAddresses", seen, "Bandwidth", "7")
    j.optional("DescribeEipAddresses", seen, "InternetChargeType", "PayByTraffic")
    j.optional("DescribeEipAddresses", seen, "ChargeType", "PostPaid")
    j.optional("DescribeEipAddresses", seen, "RegionId", REGION)
    for key in ("InstanceId", "InstanceType", "PrivateIpAddress"):
        j.true(f"DescribeEipAddresses: no {key} on a free address, came {seen.get(key)!r}", not seen.get(key))
    return seen


def bound(j, allocation, to, kind):
    """Associates an address, and looks until it is in use."""
    j.do("AssociateEipAddress", RegionId=REGION, AllocationId=allocation, InstanceId=to, InstanceType=kind)
    seen = address(j, allocation)
    j.one_of("DescribeEipAddresses: Status at once", seen["Status"], ("Associating", "InUse"))
    seen = settled(j, lambda: address(j, allocation), "InUse")
    j.equal("DescribeEipAddresses: InstanceId", seen["InstanceId"], to)
    j.equal("DescribeEipAddresses: InstanceType", seen["InstanceType"], kind)


def leaving(j, made):
    """An address that has been told to leave: on its way, or free already; nothing else can be done with it before."""
    allocation = made["AllocationId"]
    seen = address(j, allocation)
    j.equal("DescribeEipAddresses: Status at once", seen["Status"], "Unassociating")
    j.refuse("UnassociateEipAddress", *WHILE_LEAVING, status=(400, 409), AllocationId=allocation)
    j.refuse("ReleaseEipAddress", "IncorrectEipStatus", "TaskConflict", status=(400,), AllocationId=allocation)
    free(j, made)


def release(j, allocation):
    """Releases an address, and looks until it is gone."""
    j.do("ReleaseEipAddress", AllocationId=allocation)

    def shown():
        answer = j.do("DescribeEipAddresses", RegionId=REGION, AllocationId=allocation)
        found = answer["EipAddresses"]["EipAddress"]
        j.number("DescribeEipAddresses: TotalCount", answer["TotalCount"], len(found))
        return found

    gone(j, "an address", shown)
    j.refuse("ReleaseEipAddress", *NOT_FOUND, status=(404,), AllocationId=allocation)


def on_an_instance(j, net):
    """An address is bound to an instance and taken from it."""
    made = allocate(j, Name=AWKWARD_NAME, ClientToken=j.token)
    again = allocate(j, Name=AWKWARD_NAME, ClientToken=j.token)
    allocation = made["AllocationId"]
    j.equal("AllocateEipAddress with the same token: AllocationId", again["AllocationId"], allocation)
    j.equal("AllocateEipAddress with the same token: EipAddress", again["EipAddress"], made["EipAddress"])
    j.equal("DescribeEipAddresses: Name", free(j, made)["Name"], AWKWARD_NAME)

    of = {"AllocationId": allocation, "InstanceId": net["instance"], "InstanceType": "EcsInstance"}
    j.refuse("UnassociateEipAddress", "IncorrectEipStatus", status=(400,), **of)
    bound(j, allocation, net["instance"], "EcsInstance")
    j.refuse("ReleaseEipAddress", *WHILE_BOUND, status=(400,), AllocationId=allocation)
    j.refuse("AssociateEipAddress", "IncorrectEipStatus", status=(400,), RegionId=REGION, **of)
    j.do("UnassociateEipAddress", RegionId=REGION, Force=False, **of)
    leaving(j, made)
    j.refuse("UnassociateEipAddress", "IncorrectEipStatus", status=(400,), **of)
    release(j, allocation)
    j.equal("DescribeInstances: Status at the end", instance(j, net["instance"])["Status"], "Running")


def on_a_gateway(j, net):
    """Two addresses are bound to a NAT gateway; one is taken from it, and the other stays."""
    first, second = allocate(j), allocate(j)
    for made in (first, second):
        bound(j, made["AllocationId"], net["nat"], "Nat")
    both = f"{first['AllocationId']},{second['AllocationId']}"
    answer = j.do("DescribeEipAddresses", RegionId=REGION, AllocationId=both)
    j.number("DescribeEipAddresses of two: TotalCount", answer["TotalCount"], 2)
    seen = sorted(item["AllocationId"] for item in answer["EipAddresses"]["EipAddress"])
    j.equal("DescribeEipAddresses of two: AllocationId", seen, sorted(both.split(",")))
    of = {"InstanceId": net["nat"], "InstanceType": "Nat"}
    j.do("UnassociateEipAddress", AllocationId=first["AllocationId"], Force=True, ClientToken=j.token, **of)
    leaving(j, first)
    j.equal("the other one: Status", address(j, second["AllocationId"])["Status"], "InUse")
    j.do("UnassociateEipAddress", AllocationId=second["AllocationId"], **of)
    leaving(j, second)
    for made in (first, second):
        release(j, made["AllocationId"])


def refusals(j, net):
    """What is refused of a free address, each with the documented code and status."""
    made = allocate(j)
    allocation = made["AllocationId"]
    to = {"InstanceId": net["instance"], "InstanceType": "EcsInstance"}
    j.refuse("UnassociateEipAddress", *NOT_FOUND, status=(404,), AllocationId=NO_ALLOCATION)
    j.refuse("AssociateEipAddress", *NOT_FOUND, status=(404,), AllocationId=NO_ALLOCATION, RegionId=REGION, **to)
    j.refuse("UnassociateEipAddress", *WITHOUT_ALLOCATION, status=(400,), InstanceId=net["instance"])
    j.refuse(
        "UnassociateEipAddress",
        "InvalidInstanceType.ValueNotSupported",
        status=(400,),
        AllocationId=allocation,
        InstanceId=net["instance"],
        InstanceType="Nothing",
    )
    j.refuse(
        "UnassociateEipAddress",
        "Forbidden.RegionNotFound",
        status=(404,),
        AllocationId=allocation,
        RegionId="no_where",
    )
    j.refuse(
        "AssociateEipAddress",
        "InvalidInstanId.NotFound",
        "InvalidInstanceId.NotFound",
        "OperationFailed.InstanceNotExist",
        "InvalidBindInstance.NotFound",
        AllocationId=allocation,
        InstanceId=NO_INSTANCE,
        RegionId=REGION,
    )
    answer = j.do("DescribeEipAddresses", RegionId=REGION, AllocationId=NO_ALLOCATION)
    j.equal("DescribeEipAddresses of nothing: EipAddresses", answer["EipAddresses"], {"EipAddress": []})
    j.number("DescribeEipAddresses of nothing: TotalCount", answer["TotalCount"], 0)
    free(j, made)
    release(j, allocation)


def strangers(j, net):
    """The same request, signed with something else; nothing comes of it, and the right key does as before."""
    made = allocate(j)
    mine = j.client
    key = mine.key
    wrong = [
        ("a wrong secret", key.but(secret=key.secret + "x"), mine.wrong_secret, (400,)),
        ("an unknown key", key.but(access=key.access + "x"), ("InvalidAccessKeyId.NotFound",), (404, 400)),
    ]
    if key.token:
        # No text says with which code.
        wrong.append(("a wrong token", key.but(token=key.token + "x"), (), None))
        wrong.append(("no token", key.but(token=None), (), None))
    for _, other, codes, status in wrong:
        j.client = mine.with_key(other)
        j.refuse("ReleaseEipAddress", *codes, status=status, AllocationId=made["AllocationId"])
    j.client = mine
    free(j, made)
    release(j, made["AllocationId"])


def clearing(j, net):
    """Everything is deleted again, and gone."""
    j.do("DeleteNatGateway", RegionId=REGION, NatGatewayId=net["nat"])
    gone(j, "the NAT gateway", lambda: j.do("DescribeNatGateways", RegionId=REGION)["NatGateways"]["NatGateway"])
    j.refuse("DeleteInstance", status=(403,), InstanceId=net["instance"])  # it is running
    j.do("DeleteInstance", InstanceId=net["instance"], Force=True)
    gone(j, "the instance", lambda: j.do("DescribeInstances", RegionId=REGION)["Instances"]["Instance"])
    j.do("DeleteSecurityGroup", RegionId=REGION, SecurityGroupId=net["group"])
    j.do("DeleteVSwitch", VSwitchId=net["vswitch"])
    gone(j, "the vSwitch", lambda: j.do("DescribeVSwitches", RegionId=REGION)["VSwitches"]["VSwitch"])
    j.do("DeleteVpc", VpcId=net["vpc"])
    gone(j, "the VPC", lambda: j.do("DescribeVpcs", RegionId=REGION)["Vpcs"]["Vpc"])
    answer = j.do("DescribeEipAddresses", RegionId=REGION)
    j.equal("DescribeEipAddresses at the end", answer["EipAddresses"], {"EipAddress": []})
    j.number("DescribeEipAddresses at the end: TotalCount", answer["TotalCount"], 0)


def travel(clients, url):
    """Makes the journey with each client, one after the other, and gives the exit code."""
    checks, wrong = 0, 0
    for number, client in enumerate(clients):
        # A server may remember a token for longer than a journey lasts.
        j = Address(client, url, f"{AWKWARD}{number}")
        net = j.leg("network", network)
        if net:
            j.leg("on an instance", on_an_instance, net)
            j.leg("on a NAT gateway", on_a_gateway, net)
            j.leg("refusals", refusals, net)
            j.leg("strangers", strangers, net)
            client.farewell(j)
            j.leg("clearing", clearing, net)
        j.end()
        checks += j.checks
        wrong += len(j.wrong)
    print(f"{len(clients)} journeys: {checks} checks, {wrong} mismatches", flush=True)
    return 1 if wrong else 0
