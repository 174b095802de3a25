"""The journey through all the EC2 operations of the law.

`drive_boto3.py` and `drive_awscli.py` each bring a client; this file says where it goes and what it must see on the
way. The server under way is `eipcheck serve --cloud ec2`.
"""

import re

from journey import Journey, only

OPERATIONS = (
    "DisassociateNatGatewayAddress",
    "UnassignPrivateNatGatewayAddress",
    "DisassociateAddress",
    "ReleaseAddress",
    "AllocateAddress",
    "AssociateAddress",
    "DescribeAddresses",
    "CreateVpc",
    "DeleteVpc",
    "DescribeVpcs",
    "CreateSubnet",
    "DeleteSubnet",
    "DescribeSubnets",
    "CreateInternetGateway",
    "AttachInternetGateway",
    "DetachInternetGateway",
    "DeleteInternetGateway",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "RunInstances",
    "TerminateInstances",
    "DescribeInstances",
    "CreateNatGateway",
    "DeleteNatGateway",
    "DescribeNatGateways",
    "AssociateNatGatewayAddress",
    "AssignPrivateNatGatewayAddress",
)

# Well-formed ids that no server has given out.
NO_VPC = "vpc-0123456789abcdef0"
NO_SUBNET = "subnet-0123456789abcdef0"
NO_INTERNET_GATEWAY = "igw-0123456789abcdef0"
NO_INTERFACE = "eni-0123456789abcdef0"
NO_INSTANCE = "i-0123456789abcdef0"
NO_NAT_GATEWAY = "nat-0123456789abcdef0"
NO_ALLOCATION = "eipalloc-0123456789abcdef0"
NO_ASSOCIATION = "eipassoc-0123456789abcdef0"

# Where the provider itself spells a code in more than one way, each spelling is right.
VPC_NOT_FOUND = ("InvalidVpcID.NotFound",)
SUBNET_NOT_FOUND = ("InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound", "InvalidSubnet")
INTERNET_GATEWAY_NOT_FOUND = ("InvalidInternetGatewayID.NotFound", "InvalidInternetGateway.NotFound")
INTERFACE_NOT_FOUND = ("InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterface.NotFound")
INSTANCE_NOT_FOUND = ("InvalidInstanceID.NotFound", "InvalidInstanceID")
ALLOCATION_NOT_FOUND = ("InvalidAllocationID.NotFound",)
ALLOCATION_UNKNOWN_ON_RELEASE = ("InvalidAllocationID.NotFound", "InvalidAddressID.NotFound", "AuthFailure")


# Looking.


def address(j, allocation):
    return only("DescribeAddresses", j.do("DescribeAddresses", AllocationIds=[allocation])["Addresses"])


def gateway(j, gateway_id):
    return only("DescribeNatGateways", j.do("DescribeNatGateways", NatGatewayIds=[gateway_id])["NatGateways"])


def interface(j, interface_id):
    found = j.do("DescribeNetworkInterfaces", NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
    return only("DescribeNetworkInterfaces", found)


def instance(j, instance_id):
    reservations = j.do("DescribeInstances", InstanceIds=[instance_id])["Reservations"]
    return only("DescribeInstances", only("DescribeInstances", reservations)["Instances"])


def held(record, key, value):
    """The entries of a gateway (or of an answer about one) in which `key` is `value`."""
    return [entry for entry in record["NatGatewayAddresses"] if entry.get(key) == value]


def associated(j, allocation, wanted):
    """An address is shown with an association, or with none of its traces."""
    seen = address(j, allocation)
    for key in ("AssociationId", "NetworkInterfaceId", "PrivateIpAddress"):
        j.equal(f"DescribeAddresses of {allocation}: has {key}", bool(seen.get(key)), wanted)
    return seen


def allocate(j):
    answer = j.do("AllocateAddress", Domain="vpc")
    j.an_id(answer["AllocationId"], "eipalloc")
    j.true(f"AllocateAddress: a public IP, came {answer}", re.fullmatch(r"\d+(\.\d+){3}", answer["PublicIp"]))
    j.equal("AllocateAddress: Domain", answer["Domain"], "vpc")
    return answer


# The legs.


def network(j):
    """A VPC with an internet gateway, a subnet and a network interface."""
    made = j.do_after_dry("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]
    vpc = j.an_id(made["VpcId"], "vpc")
    j.equal("CreateVpc: CidrBlock", made["CidrBlock"], "10.0.0.0/16")
    seen = only("DescribeVpcs", j.do_after_dry("DescribeVpcs", VpcIds=[vpc])["Vpcs"])
    j.equal("DescribeVpcs: VpcId", seen["VpcId"], vpc)
    j.equal("DescribeVpcs: CidrBlock", seen["CidrBlock"], "10.0.0.0/16")
    j.optional("DescribeVpcs", seen, "State", "available")
    j.optional("DescribeVpcs", seen, "IsDefault", False)
    j.refuse("DescribeVpcs", *VPC_NOT_FOUND, VpcIds=[NO_VPC])

    made = j.do_after_dry("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]
    subnet = j.an_id(made["SubnetId"], "subnet")
    j.equal("CreateSubnet: VpcId", made["VpcId"], vpc)
    j.equal("CreateSubnet: CidrBlock", made["CidrBlock"], "10.0.1.0/24")
    seen = only("DescribeSubnets", j.do_after_dry("DescribeSubnets", SubnetIds=[subnet])["Subnets"])
    j.equal("DescribeSubnets: SubnetId", seen["SubnetId"], subnet)
    j.equal("DescribeSubnets: VpcId", seen["VpcId"], vpc)
    j.optional("DescribeSubnets", seen, "State", "available")
    j.refuse("DescribeSubnets", *SUBNET_NOT_FOUND, SubnetIds=[NO_SUBNET])
    if j.thorough:
        j.refuse("CreateSubnet", *VPC_NOT_FOUND, VpcId=NO_VPC, CidrBlock="10.0.2.0/24")
        j.refuse("CreateSubnet", "InvalidSubnet.Conflict", VpcId=vpc, CidrBlock="10.0.1.0/24")

    made = j.do_after_dry("CreateInternetGateway")["InternetGateway"]
    internet_gateway = j.an_id(made["InternetGatewayId"], "igw")
    j.do_after_dry("AttachInternetGateway", InternetGatewayId=internet_gateway, VpcId=vpc)
    if j.thorough:
        j.refuse(
            "AttachInternetGateway",
            "Resource.AlreadyAssociated",
            "InvalidParameterValue",
            InternetGatewayId=internet_gateway,
            VpcId=vpc,
        )
        j.refuse("AttachInternetGateway", *INTERNET_GATEWAY_NOT_FOUND, InternetGatewayId=NO_INTERNET_GATEWAY, VpcId=vpc)
    j.refuse("DeleteInternetGateway", "DependencyViolation", InternetGatewayId=internet_gateway)

    made = j.do_after_dry("CreateNetworkInterface", SubnetId=subnet)["NetworkInterface"]
    eni = j.an_id(made["NetworkInterfaceId"], "eni")
    j.optional("CreateNetworkInterface", made, "SubnetId", subnet)
    j.optional("CreateNetworkInterface", made, "VpcId", vpc)
    j.client.wait(j, "network_interface_available", NetworkInterfaceIds=[eni])
    if j.thorough:
        j.dry("DescribeNetworkInterfaces", NetworkInterfaceIds=[eni])
        j.refuse("CreateNetworkInterface", *SUBNET_NOT_FOUND, SubnetId=NO_SUBNET)
    seen = interface(j, eni)
    j.equal("DescribeNetworkInterfaces: Status", seen.get("Status"), "available")
    j.optional("DescribeNetworkInterfaces", seen, "SubnetId", subnet)
    j.refuse("DescribeNetworkInterfaces", *INTERFACE_NOT_FOUND, NetworkInterfaceIds=[NO_INTERFACE])
    j.refuse("DeleteVpc", "DependencyViolation", VpcId=vpc)
    j.refuse("DeleteSubnet", "DependencyViolation", SubnetId=subnet)
    return {"vpc": vpc, "subnet": subnet, "internet_gateway": internet_gateway, "interface": eni}


def addresses(j, net):
    """An address: allocated, associated with an interface, disassociated, released."""
    if j.thorough:
        j.dry("AllocateAddress", Domain="vpc")
    made = allocate(j)
    allocation, public_ip = made["AllocationId"], made["PublicIp"]
    seen = associated(j, allocation, False)
    j.equal("DescribeAddresses: PublicIp", seen["PublicIp"], public_ip)
    j.equal("DescribeAddresses: Domain", seen["Domain"], "vpc")
    if j.thorough:
        j.dry("DescribeAddresses", AllocationIds=[allocation])
        by_ip = only("DescribeAddresses", j.do("DescribeAddresses", PublicIps=[public_ip])["Addresses"])
        j.equal("DescribeAddresses by public IP: AllocationId", by_ip["AllocationId"], allocation)
    j.refuse("DescribeAddresses", *ALLOCATION_NOT_FOUND, AllocationIds=[NO_ALLOCATION])

    onto = {"AllocationId": allocation, "NetworkInterfaceId": net["interface"], "AllowReassociation": False}
    association = j.an_id(j.do_after_dry("AssociateAddress", **onto)["AssociationId"], "eipassoc")
    seen = associated(j, allocation, True)
    j.equal("DescribeAddresses: AssociationId", seen.get("AssociationId"), association)
    j.equal("DescribeAddresses: NetworkInterfaceId", seen.get("NetworkInterfaceId"), net["interface"])
    shown = interface(j, net["interface"]).get("Association")
    if shown:
        j.optional("DescribeNetworkInterfaces: Association", shown, "AllocationId", allocation)
        j.optional("DescribeNetworkInterfaces: Association", shown, "PublicIp", public_ip)

    j.refuse("ReleaseAddress", "InvalidIPAddress.InUse", AllocationId=allocation)
    associated(j, allocation, True)
    if j.thorough:
        j.refuse("AssociateAddress", *ALLOCATION_NOT_FOUND, **{**onto, "AllocationId": NO_ALLOCATION})
        j.refuse("AssociateAddress", *INTERFACE_NOT_FOUND, **{**onto, "NetworkInterfaceId": NO_INTERFACE})
        j.refuse("AssociateAddress", "MissingParameter", "InvalidParameterCombination", AllocationId=allocation)
    j.refuse("DisassociateAddress", "MissingParameter")

    j.do_after_dry("DisassociateAddress", AssociationId=association)
    associated(j, allocation, False)
    j.do("DisassociateAddress", AssociationId=association)  # a repeat is no error, says the document
    associated(j, allocation, False)

    j.refuse("ReleaseAddress", "MissingParameter")
    j.refuse("ReleaseAddress", "InvalidAddress.NotFound", AllocationId=allocation, NetworkBorderGroup="us-west-2")
    associated(j, allocation, False)
    j.do_after_dry("ReleaseAddress", AllocationId=allocation)
    j.refuse("DescribeAddresses", *ALLOCATION_NOT_FOUND, AllocationIds=[allocation])
    j.refuse("ReleaseAddress", *ALLOCATION_UNKNOWN_ON_RELEASE, AllocationId=allocation)


def instances(j, net):
    """An instance with an address, from its start to its end."""
    wanted = {"ImageId": "ami-0abcdef1234567890", "InstanceType": "t3.micro", "SubnetId": net["subnet"]}
    answer = j.do_after_dry("RunInstances", MinCount=1, MaxCount=1, **wanted)
    made = only("RunInstances", answer["Instances"])
    instance_id = j.an_id(made["InstanceId"], "i")
    j.one_of("RunInstances: State", made["State"]["Name"], ("pending", "running"))
    j.optional("RunInstances", made, "SubnetId", net["subnet"])
    j.client.wait(j, "instance_running", InstanceIds=[instance_id])
    if j.thorough:
        j.dry("DescribeInstances", InstanceIds=[instance_id])
    seen = instance(j, instance_id)
    j.equal("DescribeInstances: State", seen["State"]["Name"], "running")
    j.optional("DescribeInstances: State", seen["State"], "Code", 16)
    j.refuse("DescribeInstances", *INSTANCE_NOT_FOUND, InstanceIds=[NO_INSTANCE])

    allocation = allocate(j)["AllocationId"]
    association = j.do("AssociateAddress", AllocationId=allocation, InstanceId=instance_id)["AssociationId"]
    seen = associated(j, allocation, True)
    j.equal("DescribeAddresses: InstanceId", seen.get("InstanceId"), instance_id)
    j.refuse("ReleaseAddress", "InvalidIPAddress.InUse", AllocationId=allocation)
    j.refuse(
        "DetachInternetGateway", "DependencyViolation", InternetGatewayId=net["internet_gateway"], VpcId=net["vpc"]
    )
    j.do("DisassociateAddress", AssociationId=association)
    j.true(
        "DescribeAddresses: no InstanceId once disassociated", not associated(j, allocation, False).get("InstanceId")
    )
    j.do("ReleaseAddress", AllocationId=allocation)

    j.refuse("TerminateInstances", *INSTANCE_NOT_FOUND, InstanceIds=[instance_id, NO_INSTANCE])
    j.equal("DescribeInstances: State", instance(j, instance_id)["State"]["Name"], "running")
    answer = j.do_after_dry("TerminateInstances", InstanceIds=[instance_id])
    ending = only("TerminateInstances", answer["TerminatingInstances"])
    j.equal("TerminateInstances: InstanceId", ending["InstanceId"], instance_id)
    if "PreviousState" in ending:
        j.equal("TerminateInstances: PreviousState", ending["PreviousState"]["Name"], "running")
    if "CurrentState" in ending:
        j.one_of("TerminateInstances: CurrentState", ending["CurrentState"]["Name"], ("shutting-down", "terminated"))
    j.client.wait(j, "instance_terminated", InstanceIds=[instance_id])
    j.equal("DescribeInstances: State", instance(j, instance_id)["State"]["Name"], "terminated")


def public_gateway(j, net):
    """A public NAT gateway: a second address comes, drains and goes."""
    first, second, third = (allocate(j) for _ in range(3))
    j.refuse("CreateNatGateway", "MissingParameter", SubnetId=net["subnet"])
    if j.thorough:
        j.refuse("CreateNatGateway", SubnetId=NO_SUBNET, AllocationId=first["AllocationId"])
    answer = j.do_after_dry("CreateNatGateway", SubnetId=net["subnet"], AllocationId=first["AllocationId"])
    made = answer["NatGateway"]
    nat = j.an_id(made["NatGatewayId"], "nat")
    j.one_of("CreateNatGateway: State", made["State"], ("pending", "available"))
    j.equal("CreateNatGateway: SubnetId", made["SubnetId"], net["subnet"])
    j.optional("CreateNatGateway", made, "VpcId", net["vpc"])
    j.optional("CreateNatGateway", made, "ConnectivityType", "public")
    j.client.wait(j, "nat_gateway_available", NatGatewayIds=[nat])
    if j.thorough:
        j.dry("DescribeNatGateways", NatGatewayIds=[nat])
    seen = gateway(j, nat)
    j.equal("DescribeNatGateways: State", seen["State"], "available")
    j.equal("DescribeNatGateways: SubnetId", seen["SubnetId"], net["subnet"])
    primary = only("DescribeNatGateways", seen["NatGatewayAddresses"])
    j.equal("the first address: AllocationId", primary.get("AllocationId"), first["AllocationId"])
    j.equal("the first address: PublicIp", primary.get("PublicIp"), first["PublicIp"])
    j.equal("the first address: IsPrimary", primary.get("IsPrimary"), True)
    j.an_id(primary.get("AssociationId"), "eipassoc")
    associated(j, first["AllocationId"], True)
    j.refuse("DescribeNatGateways", "NatGatewayNotFound", NatGatewayIds=[NO_NAT_GATEWAY])
    j.refuse("ReleaseAddress", AllocationId=first["AllocationId"])
    associated(j, first["AllocationId"], True)

    # A second address.
    onto = {"NatGatewayId": nat, "AllocationIds": [second["AllocationId"]]}
    j.refuse("AssociateNatGatewayAddress", "NatGatewayNotFound", **{**onto, "NatGatewayId": NO_NAT_GATEWAY})
    answer = j.do_after_dry("AssociateNatGatewayAddress", **onto)
    j.equal("AssociateNatGatewayAddress: NatGatewayId", answer["NatGatewayId"], nat)
    entry = only("AssociateNatGatewayAddress", held(answer, "AllocationId", second["AllocationId"]))
    j.one_of("AssociateNatGatewayAddress: Status", entry["Status"], ("associating", "succeeded"))
    j.optional("AssociateNatGatewayAddress", entry, "IsPrimary", False)
    entries = j.settle(
        "the second address' association",
        lambda: held(gateway(j, nat), "AllocationId", second["AllocationId"]),
        lambda entries: [entry.get("Status") for entry in entries] == ["succeeded"],
    )
    j.equal("the second address: PublicIp", entries[0].get("PublicIp"), second["PublicIp"])
    j.equal("the second address: IsPrimary", entries[0].get("IsPrimary"), False)
    association = j.an_id(entries[0].get("AssociationId"), "eipassoc")
    seen = associated(j, second["AllocationId"], True)
    j.equal("DescribeAddresses: AssociationId", seen.get("AssociationId"), association)

    # What cannot be disassociated.
    off = {"NatGatewayId": nat, "AssociationIds": [association]}
    j.refuse("DisassociateNatGatewayAddress", **{**off, "AssociationIds": [primary["AssociationId"]]})
    j.refuse("DisassociateNatGatewayAddress", **{**off, "AssociationIds": [NO_ASSOCIATION]})
    j.refuse("DisassociateNatGatewayAddress", "NatGatewayNotFound", **{**off, "NatGatewayId": NO_NAT_GATEWAY})
    j.refuse("UnassignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddresses=[entries[0]["PrivateIp"]])
    if j.thorough:
        j.refuse("DisassociateNatGatewayAddress", "MissingParameter", **{**off, "AssociationIds": []})
        j.refuse("DisassociateNatGatewayAddress", MaxDrainDurationSeconds=4001, **off)
        j.refuse("AssociateNatGatewayAddress", *ALLOCATION_NOT_FOUND, NatGatewayId=nat, AllocationIds=[NO_ALLOCATION])
    j.equal(
        "the statuses after refusals",
        [entry.get("Status") for entry in gateway(j, nat)["NatGatewayAddresses"]],
        ["succeeded", "succeeded"],
    )

    # The drain.
    answer = j.do_after_dry("DisassociateNatGatewayAddress", **off)
    j.equal("DisassociateNatGatewayAddress: NatGatewayId", answer["NatGatewayId"], nat)
    entry = only("DisassociateNatGatewayAddress", answer["NatGatewayAddresses"])
    j.equal("DisassociateNatGatewayAddress: Status", entry["Status"], "disassociating")
    j.equal("DisassociateNatGatewayAddress: AssociationId", entry.get("AssociationId"), association)
    j.equal("DisassociateNatGatewayAddress: AllocationId", entry.get("AllocationId"), second["AllocationId"])
    j.optional("DisassociateNatGatewayAddress", entry, "IsPrimary", False)
    seen = gateway(j, nat)
    j.equal("during the drain: State", seen["State"], "available")
    draining = only("during the drain", held(seen, "AllocationId", second["AllocationId"]))
    j.equal("during the drain: Status", draining["Status"], "disassociating")
    seen = associated(j, second["AllocationId"], True)
    j.equal("during the drain: AssociationId", seen.get("AssociationId"), association)
    j.refuse("AssociateNatGatewayAddress", NatGatewayId=nat, AllocationIds=[third["AllocationId"]])
    j.refuse("ReleaseAddress", AllocationId=second["AllocationId"])
    associated(j, second["AllocationId"], True)
    j.advance(350)
    j.equal("after the drain: entries", held(gateway(j, nat), "AllocationId", second["AllocationId"]), [])
    seen = associated(j, second["AllocationId"], False)
    j.equal("after the drain: PublicIp", seen["PublicIp"], second["PublicIp"])
    j.do("ReleaseAddress", AllocationId=second["AllocationId"])
    associated(j, third["AllocationId"], False)
    j.do("ReleaseAddress", AllocationId=third["AllocationId"])

    delete_gateway(j, nat)
    associated(j, first["AllocationId"], False)
    j.do("ReleaseAddress", AllocationId=first["AllocationId"])


def private_gateway(j, net):
    """A private NAT gateway: private addresses come, drain and go."""
    made = j.do_after_dry("CreateNatGateway", SubnetId=net["subnet"], ConnectivityType="private")["NatGateway"]
    nat = j.an_id(made["NatGatewayId"], "nat")
    j.equal("CreateNatGateway: ConnectivityType", made["ConnectivityType"], "private")
    j.client.wait(j, "nat_gateway_available", NatGatewayIds=[nat])
    primary = only("DescribeNatGateways", gateway(j, nat)["NatGatewayAddresses"])
    j.equal("the first private address: IsPrimary", primary.get("IsPrimary"), True)
    j.true("a private gateway's address has nothing public", not primary.get("PublicIp"))

    j.refuse(
        "AssignPrivateNatGatewayAddress", "NatGatewayNotFound", NatGatewayId=NO_NAT_GATEWAY, PrivateIpAddressCount=1
    )
    answer = j.do_after_dry("AssignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddressCount=1)
    j.equal("AssignPrivateNatGatewayAddress: NatGatewayId", answer["NatGatewayId"], nat)
    j.one_of(
        "AssignPrivateNatGatewayAddress: Status",
        only("AssignPrivateNatGatewayAddress", [a for a in answer["NatGatewayAddresses"] if not a.get("IsPrimary")])[
            "Status"
        ],
        ("assigning", "succeeded"),
    )

    def secondaries():
        return held(gateway(j, nat), "IsPrimary", False)

    def settled(count):
        return lambda entries: [entry.get("Status") for entry in entries] == ["succeeded"] * count

    entries = j.settle("a second private address", secondaries, settled(1))
    chosen = entries[0]["PrivateIp"]
    j.true(f"a private address, came {chosen}", re.fullmatch(r"\d+(\.\d+){3}", chosen))
    j.do("AssignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddressCount=1)
    entries = j.settle("a third private address", secondaries, settled(2))
    other = only("a third private address", [entry["PrivateIp"] for entry in entries if entry["PrivateIp"] != chosen])

    # What cannot be unassigned.
    off = {"NatGatewayId": nat, "PrivateIpAddresses": [chosen]}
    j.refuse("UnassignPrivateNatGatewayAddress", **{**off, "PrivateIpAddresses": [primary["PrivateIp"]]})
    j.refuse("UnassignPrivateNatGatewayAddress", "NatGatewayNotFound", **{**off, "NatGatewayId": NO_NAT_GATEWAY})
    j.refuse("DisassociateNatGatewayAddress", NatGatewayId=nat, AssociationIds=[NO_ASSOCIATION])
    if j.thorough:
        j.refuse("UnassignPrivateNatGatewayAddress", **{**off, "PrivateIpAddresses": ["10.0.1.200"]})
        j.refuse("UnassignPrivateNatGatewayAddress", "MissingParameter", **{**off, "PrivateIpAddresses": []})
        j.refuse("UnassignPrivateNatGatewayAddress", MaxDrainDurationSeconds=4001, **off)

    # The drain, of a length that the caller names.
    answer = j.do_after_dry("UnassignPrivateNatGatewayAddress", MaxDrainDurationSeconds=60, **off)
    j.equal("UnassignPrivateNatGatewayAddress: NatGatewayId", answer["NatGatewayId"], nat)
    entry = only("UnassignPrivateNatGatewayAddress", answer["NatGatewayAddresses"])
    j.equal("UnassignPrivateNatGatewayAddress: Status", entry["Status"], "unassigning")
    j.equal("UnassignPrivateNatGatewayAddress: PrivateIp", entry["PrivateIp"], chosen)
    j.true("UnassignPrivateNatGatewayAddress: nothing public", not entry.get("PublicIp"))
    draining = only("during the drain", held(gateway(j, nat), "PrivateIp", chosen))
    j.equal("during the drain: Status", draining["Status"], "unassigning")
    j.refuse("AssignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddressCount=1)
    j.refuse("UnassignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddresses=[other])
    j.advance(60)
    j.equal("after the drain: entries", held(gateway(j, nat), "PrivateIp", chosen), [])
    j.equal("after the drain: what stays", [entry["PrivateIp"] for entry in secondaries()], [other])

    # A gateway can be deleted while an address drains.
    j.do("UnassignPrivateNatGatewayAddress", NatGatewayId=nat, PrivateIpAddresses=[other])
    delete_gateway(j, nat)


def delete_gateway(j, nat):
    if j.thorough:
        j.refuse("DeleteNatGateway", "NatGatewayNotFound", NatGatewayId=NO_NAT_GATEWAY)
    answer = j.do_after_dry("DeleteNatGateway", NatGatewayId=nat)
    j.equal("DeleteNatGateway: NatGatewayId", answer["NatGatewayId"], nat)
    j.one_of("DescribeNatGateways: State", gateway(j, nat)["State"], ("deleting", "deleted"))
    j.client.wait(j, "nat_gateway_deleted", NatGatewayIds=[nat])
    j.equal("DescribeNatGateways: State", gateway(j, nat)["State"], "deleted")


def clearing(j, net):
    """Everything is deleted again, and gone."""
    if j.thorough:
        j.refuse("DeleteNetworkInterface", *INTERFACE_NOT_FOUND, NetworkInterfaceId=NO_INTERFACE)
        j.refuse("DeleteInternetGateway", *INTERNET_GATEWAY_NOT_FOUND, InternetGatewayId=NO_INTERNET_GATEWAY)
        j.refuse("DeleteSubnet", *SUBNET_NOT_FOUND, SubnetId=NO_SUBNET)
        j.refuse("DeleteVpc", *VPC_NOT_FOUND, VpcId=NO_VPC)
    j.do_after_dry("DeleteNetworkInterface", NetworkInterfaceId=net["interface"])
    j.refuse("DescribeNetworkInterfaces", *INTERFACE_NOT_FOUND, NetworkInterfaceIds=[net["interface"]])
    both = {"InternetGatewayId": net["internet_gateway"], "VpcId": net["vpc"]}
    j.do_after_dry("DetachInternetGateway", **both)
    j.refuse("DetachInternetGateway", "Gateway.NotAttached", **both)
    j.do_after_dry("DeleteInternetGateway", InternetGatewayId=net["internet_gateway"])
    j.do_after_dry("DeleteSubnet", SubnetId=net["subnet"])
    j.refuse("DescribeSubnets", *SUBNET_NOT_FOUND, SubnetIds=[net["subnet"]])
    j.do_after_dry("DeleteVpc", VpcId=net["vpc"])
    j.refuse("DescribeVpcs", *VPC_NOT_FOUND, VpcIds=[net["vpc"]])


def travel(client, url, thorough):
    """Makes the journey, and gives the exit code."""
    j = Journey(client, url, OPERATIONS, thorough)
    net = j.leg("network", network)
    if net:
        j.leg("addresses", addresses, net)
        j.leg("instances", instances, net)
        j.leg("public NAT gateway", public_gateway, net)
        j.leg("private NAT gateway", private_gateway, net)
        j.leg("clearing", clearing, net)
    client.farewell(j)
    return j.end()
