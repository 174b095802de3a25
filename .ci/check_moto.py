#!/usr/bin/env python3
"""Checks runs of eipcheck on moto_server. Called by `.ci/moto`.

check_moto.py answers URL            does the server answer?
check_moto.py plant URL FILE         makes things that are none of the run's, and takes stock
check_moto.py stock URL FILE         takes stock: what does the server hold?
check_moto.py check RUN RUN --most-requests N --allowed-seconds N --verified FILE
                                     checks two runs of one seed, each a folder with
                                     report.json, trace.jsonl, run.json, before.json, after.json;
                                     FILE is what moto_by_hand.py has written
check_moto.py alarms RUN... (the same options)
                                     checks runs of any seeds, each by itself, and that none reports what is not in FILE
"""

import argparse
import collections
import json
import pathlib
import re
import sys
import urllib.parse

import boto3
from botocore.config import Config

# What moto 5.2.5 does not have: moto_by_hand.py asks it, and looks for it in moto itself.
MISSING = {
    "AssignPrivateNatGatewayAddress",
    "AssociateNatGatewayAddress",
    "DisassociateNatGatewayAddress",
    "UnassignPrivateNatGatewayAddress",
}
# What moto_by_hand.py shows and a run does not find, and why.
KNOWN_MISSES = {
    # Of an instance that is terminated moto keeps the interface, which breaks a rule of its own. Whatever goes on from
    # there is in doubt, and every way to this rule does.
    "associate-gone-instance",
    # The law gives it ten minutes, and a run is patient for 15 seconds. It is found with --clock scaled:60.
    "nat-deleted-frees-addresses",
}
# Scenarios in flight, as `eipcheck run` has it.
JOBS = 8
LEVELS = ("must", "should", "assumed")
RESULTS = ("pass", "violation", "indeterminate", "unsupported", "not-reached")


def connect(url):
    return boto3.client(
        "ec2",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=60),
    )


def plant(ec2):
    """One of everything that a run makes too, in use: a run must touch none of it."""
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]
    internet_gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet_gateway, VpcId=vpc)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet)
    ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")
    free, of_interface, of_gateway = (ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(3))
    ec2.associate_address(AllocationId=of_interface, NetworkInterfaceId=interface)
    ec2.create_nat_gateway(SubnetId=subnet, AllocationId=of_gateway)


def stock(ec2):
    """What the server holds: for each kind, each live thing by its id."""

    def every(operation, key):
        return [item for page in ec2.get_paginator(operation).paginate() for item in page[key]]

    gateways = every("describe_nat_gateways", "NatGateways")
    instances = [item for group in every("describe_instances", "Reservations") for item in group["Instances"]]
    dead_gateways = [item for item in gateways if item["State"] == "deleted"]
    dead_instances = [item for item in instances if item["State"]["Name"] == "terminated"]

    def by(key, items, *changing):
        return {item[key]: {k: v for k, v in item.items() if k not in changing} for item in items}

    return {
        "addresses": {
            item.get("AllocationId", item["PublicIp"]): item for item in ec2.describe_addresses()["Addresses"]
        },
        "NAT gateways": by("NatGatewayId", [item for item in gateways if item not in dead_gateways]),
        "instances": by("InstanceId", [item for item in instances if item not in dead_instances]),
        "network interfaces": by("NetworkInterfaceId", every("describe_network_interfaces", "NetworkInterfaces")),
        "internet gateways": by("InternetGatewayId", every("describe_internet_gateways", "InternetGateways")),
        "VPCs": by("VpcId", every("describe_vpcs", "Vpcs")),
        "subnets": by("SubnetId", every("describe_subnets", "Subnets"), "AvailableIpAddressCount"),
        "interfaces of deleted NAT gateways": {
            address["NetworkInterfaceId"]: gateway["NatGatewayId"]
            for gateway in dead_gateways
            for address in gateway["NatGatewayAddresses"]
        },
    }


class Checks:
    def __init__(self):
        self.made = 0
        self.failed = []

    def true(self, what, holds, detail=""):
        self.made += 1
        if not holds:
            self.failed.append(f"{what}{': ' if detail else ''}{detail}")

    def equal(self, what, came, wanted):
        self.true(what, came == wanted, f"wanted {wanted!r}, came {came!r}")


def check_run(checks, folder, options):
    """One run by itself; gives its report, or None where there is none."""
    told = json.loads((folder / "run.json").read_text())
    name = folder.name
    seconds = told["milliseconds"] / 1000
    print(f"{name}: exit code {told['exit_code']}, {seconds:.1f} s, {told['requests']} requests")
    checks.equal(f"{name}: exit code", told["exit_code"], 1)
    checks.true(f"{name}: ends within {options.allowed_seconds} s", seconds <= options.allowed_seconds, f"{seconds} s")

    path = folder / "report.json"
    if not path.is_file():
        checks.true(f"{name}: there is a report.json", False)
        return None
    report = json.loads(path.read_text())
    check_report(checks, name, report, told)
    check_secrets(checks, name, folder)
    trace = [json.loads(line) for line in (folder / "trace.jsonl").read_text().splitlines()]
    check_requests(checks, name, trace, told, options)
    check_stock(checks, name, trace, *(json.loads((folder / file).read_text()) for file in ("before.json", "after.json")))
    return report


def check_report(checks, name, report, told):
    """The report is whole, and does not contradict itself."""
    checks.equal(f"{name}: format", report["format"], 3)
    checks.equal(f"{name}: target", report["target"].rstrip("/"), told["url"])
    checks.equal(f"{name}: seed", int(report["seed"]), told["seed"])
    checks.equal(f"{name}: the law's cloud", report["law"]["cloud"], "ec2")
    checks.true(f"{name}: the law has a digest", report["law"]["digest"])
    checks.equal(f"{name}: leftovers", report["leftovers"], [])
    checks.equal(f"{name}: requests, by the report and by the server", report["totals"]["requests"], told["requests"])

    missing = {operation["name"] for operation in report["operations"] if not operation["implemented"]}
    checks.equal(f"{name}: operations not implemented", sorted(missing), sorted(MISSING))
    for operation in report["operations"]:
        checks.true(f"{name}: evidence for {operation['name']}", operation.get("evidence"))

    rules = {rule["id"]: rule for rule in report["rules"]}
    checks.equal(f"{name}: each rule is listed once", len(rules), len(report["rules"]))
    for rule in rules.values():
        checks.true(f"{name}: {rule['id']}: level", rule["level"] in LEVELS, rule["level"])
        checks.true(f"{name}: {rule['id']}: result", rule["result"] in RESULTS, rule["result"])
        if rule["result"] == "unsupported":
            named, _, needs = rule["reason"].partition("unreachable: needs ")
            only_missing = not named and set(needs.split(", ")) <= MISSING
            checks.true(f"{name}: {rule['id']}: needs only what is missing", only_missing, rule["reason"])
        checks.true(
            f"{name}: {rule['id']} is about an operation that is missing",
            rule["id"].split(".")[0] not in MISSING or rule["result"] == "unsupported",
            rule["result"],
        )
        if rule["result"] in ("not-reached", "indeterminate"):
            checks.true(f"{name}: {rule['id']} is {rule['result']}: a reason", rule.get("reason"))
        if rule["result"] == "pass":
            checks.true(f"{name}: {rule['id']} is a pass: exercised", rule["exercised"] > 0)
    results = collections.Counter(rule["result"] for rule in rules.values())
    print(f"{name}: " + ", ".join(f"{results[result]} {result}" for result in RESULTS))
    checks.true(f"{name}: some rules are unsupported", results["unsupported"] > 0)
    checks.true(f"{name}: some rules pass", results["pass"] > 0)

    findings = report["findings"]
    checks.true(f"{name}: there are findings", findings)
    checks.true(f"{name}: there are findings of level must", any(f["level"] == "must" for f in findings))
    checks.equal(
        f"{name}: rules violated, and rules with findings",
        sorted(rule["id"] for rule in rules.values() if rule["result"] == "violation"),
        sorted({finding["rule"] for finding in findings}),
    )
    for finding in findings:
        for key in ("level", "says", "source", "allowed", "came", "steps", "exchanges"):
            checks.true(f"{name}: finding {finding['rule']} has {key}", finding.get(key))


def check_secrets(checks, name, folder):
    """Neither credentials nor signatures are written down."""
    for file in ("report.json", "trace.jsonl"):
        path = folder / file
        if not path.is_file():
            checks.true(f"{name}: there is a {file}", False)
            continue
        text = path.read_text()
        found = re.search(r"Signature=[0-9a-f]{64}|x-amz-signature[\"=: ]+[0-9a-f]{64}", text, re.IGNORECASE)
        checks.true(f"{name}: {file} holds no signature", not found, found[0][:40] if found else "")
        if file == "trace.jsonl":
            lines = text.splitlines()
            for line in lines:
                json.loads(line)
            checks.true(f"{name}: trace.jsonl holds the exchanges", lines)


def check_requests(checks, name, trace, told, options):
    """The limit holds."""
    checks.equal(f"{name}: requests, by the trace and by the server", len(trace), told["requests"])
    cleanup = sum(line["cleanup"] for line in trace)
    # Each scenario in flight but one may just have been let through when the limit is reached.
    most = options.most_requests + JOBS - 1
    # What is played again to make a finding short has a limit of its own.
    again = sum(not line["cleanup"] and line["scenario"].startswith("again:") for line in trace)
    own = len(trace) - cleanup - again
    checks.true(f"{name}: at most {most} requests, clean-up not counted", own <= most, str(own))
    # Clean-up is not bound by the limit. What it removes was created by a request, and needs one to go, or two.
    made = own + again
    checks.true(f"{name}: clean-up takes no more requests than what it cleans up", cleanup <= made, f"{cleanup}, {made}")
    print(f"{name}: {own} requests of the run itself, {again} to make findings short and see them again, {cleanup} of its clean-up")


def half_made(trace):
    """For each subnet, how many times moto refused a NAT gateway there only after it had made its interface.

    moto makes the interface first and looks for the Elastic IP address then: the refusal leaves an interface behind that no
    answer names. Nobody can tell from a listing whose it is, so a run must not touch it.
    """
    subnets = collections.Counter()
    for line in trace:
        asked, answer = urllib.parse.parse_qs(line["exchange"]["body"]), line["exchange"]["answer"]
        if asked["Action"] == ["CreateNatGateway"] and "<Code>InvalidAllocationID.NotFound<" in answer["body"]:
            subnets.update(asked["SubnetId"])
    return subnets


def check_stock(checks, name, trace, before, after):
    """What is there after a run is what was there before."""
    # moto makes an interface for each NAT gateway and keeps it when the gateway is deleted. It is the gateway's own, which
    # on the real service nobody but the service may delete.
    kept = set(after.pop("interfaces of deleted NAT gateways")) - set(before.pop("interfaces of deleted NAT gateways"))
    refused = half_made(trace)
    for kind, were in before.items():
        are = after[kind]
        new = set(are) - set(were)
        if kind == "network interfaces":
            checks.true(f"{name}: what deleted NAT gateways leave is there", kept <= new, str(kept - new))
            new -= kept
            of_refused = collections.Counter(are[one]["SubnetId"] for one in new)
            checks.equal(f"{name}: interfaces of NAT gateways that were refused", dict(of_refused), dict(refused))
            new = {one for one in new if are[one]["SubnetId"] not in refused}
            print(f"{name}: moto keeps {len(kept)} interfaces of deleted NAT gateways, {refused.total()} of refused ones")
        checks.equal(f"{name}: {kind} left behind", sorted(new), [])
        checks.equal(f"{name}: {kind} that were there before and are gone", sorted(set(were) - set(are)), [])
        for one in set(were) & set(are):
            checks.equal(f"{name}: {one}, which is none of the run's", are[one], were[one])


def check_repeat(checks, first, second, folders):
    """The same seed gives the same run."""

    def results(report):
        return {rule["id"]: rule["result"] for rule in report["rules"]}

    def exercised(report):
        return {rule["id"]: rule["exercised"] for rule in report["rules"]}

    def findings(report):
        return collections.Counter(finding["rule"] for finding in report["findings"])

    def implemented(report):
        return {operation["name"]: operation["implemented"] for operation in report["operations"]}

    for what, of in (
        ("results of rules", results),
        ("times that rules were exercised", exercised),
        ("findings", findings),
        ("operations", implemented),
    ):
        one, two = of(first), of(second)
        differing = {key: (one.get(key), two.get(key)) for key in {*one, *two} if one.get(key) != two.get(key)}
        checks.equal(f"repeated with the same seed: {what} that differ", differing, {})
    requests = [json.loads((folder / "run.json").read_text())["requests"] for folder in folders]
    checks.equal("repeated with the same seed: requests, by the server's own count", requests[1], requests[0])


def check_verified(checks, report, path):
    """Each rule that is reported as violated has been seen to be, by hand, and the other way round."""
    found = {finding["rule"] for finding in report["findings"]}
    verified = {line.split(":")[0] for line in path.read_text().splitlines()}
    checks.equal("rules violated, but not so by hand: false alarms, or to be added", sorted(found - verified), [])
    checks.equal("rules violated by hand, but missed by the run", sorted(verified - found), sorted(KNOWN_MISSES))


def check_alarms(checks, reports, path):
    """No run reports a rule as violated that has not been seen to be, by hand."""
    verified = {line.split(":")[0] for line in path.read_text().splitlines()}
    times = collections.Counter(finding["rule"] for report in reports for finding in report["findings"])
    for report in reports:
        found = {finding["rule"] for finding in report["findings"]}
        checks.equal(f"seed {report['seed']}: rules violated, but not so by hand", sorted(found - verified), [])
    seldom = {rule: count for rule, count in times.items() if count < len(reports)}
    print(f"{len(times)} rules violated in some run; not in each: {seldom}")


def short(value, width):
    text = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def table(report):
    """The findings, for people."""
    findings = sorted(report["findings"], key=lambda finding: (LEVELS.index(finding["level"]), finding["rule"]))
    widest = max([len(finding["rule"]) for finding in findings], default=4)
    print(f"\n{'level':<8} {'rule':<{widest}} {'steps':>5}  statement")
    for finding in findings:
        row = f"{finding['level']:<8} {finding['rule']:<{widest}} {len(finding['steps']):>5}"
        print(f"{row}  {short(finding['says'], 110)}")
        print(f"{'':<8} {'':<{widest}} {'':>5}    came: {short(finding['came'], 102)}")
    print()


def check(options):
    checks = Checks()
    reports = [check_run(checks, folder, options) for folder in options.folders]
    if options.command == "alarms":
        check_alarms(checks, [report for report in reports if report], options.verified)
    elif all(reports):
        table(reports[0])
        check_repeat(checks, *reports, options.folders)
        check_verified(checks, reports[0], options.verified)
    for failure in checks.failed:
        print(f"FAILED: {failure[:2000]}")
    if checks.failed:
        for folder in options.folders:
            for file in ("stdout.txt", "stderr.txt"):
                tail = (folder / file).read_text(errors="replace").splitlines()[-25:]
                print(f"--- the end of {folder / file}", *tail, sep="\n")
    print(f"moto: {checks.made - len(checks.failed)} checks passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("answers").add_argument("url")
    for command in ("plant", "stock"):
        sub = commands.add_parser(command)
        sub.add_argument("url")
        sub.add_argument("file", type=pathlib.Path)
    for command, runs in (("check", 2), ("alarms", "+")):
        sub = commands.add_parser(command)
        sub.add_argument("folders", nargs=runs, type=pathlib.Path)
        sub.add_argument("--most-requests", type=int, required=True)
        sub.add_argument("--allowed-seconds", type=int, required=True)
        sub.add_argument("--verified", type=pathlib.Path, required=True)
    options = parser.parse_args()

    if options.command in ("check", "alarms"):
        return check(options)
    ec2 = connect(options.url)
    if options.command == "answers":
        ec2.describe_vpcs()
        return 0
    if options.command == "plant":
        plant(ec2)
    options.file.write_text(json.dumps(stock(ec2), default=str, indent=1, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
