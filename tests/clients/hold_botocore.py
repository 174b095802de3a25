"""Holds the requests and answers of the snapshots against botocore: what it would have sent, and what it reads.

    hold_botocore.py FILE    FILE is what tests/wire_snapshots.rs leaves

Nothing is sent. botocore's serializer gets the same arguments, typed by its own model of the API, and must write the same
parameters; its parser must find in each answer every element that stands there, with its value, and nothing else.
"""

import json
import sys
from datetime import datetime
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

# An operation that shows nothing says so in this one element.
DONE = {"return": "true"}
# The answers without what may be left out.
SPARSE = "without what may be left out"
# Where the law has a resource's whole view, but demands no more of it than what the API shows: the rest is not read.
SHOWS_MORE = {"TerminateInstances"}


def typed(shape, value):
    """An argument as botocore wants it."""
    kind = shape.type_name
    if kind == "structure":
        return {name: typed(shape.members[name], inner) for name, inner in value.items()}
    if kind == "list":
        return [typed(shape.member, inner) for inner in value]
    if kind == "boolean":
        return {"true": True, "false": False}[value]
    if kind in ("integer", "long"):
        return int(value)
    return value


def written(value):
    """A parameter as it stands on the wire."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def elements(element):
    """What stands in an answer, by the names of its elements."""
    children = list(element)
    if not children:
        return element.text or ""
    names = [child.tag.rpartition("}")[2] for child in children]
    if set(names) == {"item"}:
        return [elements(child) for child in children]
    return dict(zip(names, map(elements, children)))


def renamed(shape, value):
    """What botocore has read, by the names of the wire."""
    if shape.type_name == "structure":
        members = {name: shape.members[name] for name in value}
        return {inner.serialization.get("name", name): renamed(inner, value[name]) for name, inner in members.items()}
    if shape.type_name == "list":
        return [renamed(shape.member, inner) for inner in value]
    return value


def differences(ours, theirs, place):
    """Where botocore has not read just what stands there."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in ours.keys() | theirs.keys():
            yield from differences(ours.get(name), theirs.get(name), f"{place}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for mine, other in zip(ours, theirs):
            yield from differences(mine, other, f"{place}/item")
    elif isinstance(theirs, datetime):
        if not isinstance(ours, str) or datetime.fromisoformat(ours) != theirs:
            yield f"{place}: {ours!r} is read as {theirs}"
    # An empty list is an empty element, as is a structure that nothing stands in.
    elif theirs in ([], {}) and ours == "":
        return
    elif ours is None or theirs is None or ours != written(theirs):
        yield f"{place}: {ours!r} is read as {theirs!r}"


def main():
    operations = json.load(open(sys.argv[1], encoding="utf-8"))
    models, wrong, requests, answers = {}, [], 0, 0
    serializer, parser = create_serializer("ec2", include_validation=False), create_parser("ec2")
    for operation in operations:
        name, version = operation["operation"], operation["version"]
        if version not in models:
            models[version] = ServiceModel(Loader().load_service_model("ec2", "service-2", version))
        model = models[version].operation_model(name)
        for request in operation["requests"]:
            theirs = serializer.serialize_to_request(typed(model.input_shape, request["args"]), model)
            expected = {key: written(value) for key, value in theirs["body"].items()}
            for sent in request["sent"]:
                pairs = parse_qsl(sent["body"], keep_blank_values=True, strict_parsing=True)
                requests += 1
                if dict(pairs) != expected or len(pairs) != len(expected):
                    wrong.append(f"{name}: eipcheck sends {dict(pairs)}\n    botocore sends {expected}")
                if sent["method"] != theirs["method"] or sent["query"] or theirs["query_string"]:
                    wrong.append(f"{name}: {sent['method']} ?{sent['query']}, not {theirs['method']}")
        for answer in operation["answers"]:
            raw = {"status_code": answer["status"], "headers": {}, "body": answer["body"].encode()}
            theirs = parser.parse(raw, model.output_shape)
            meta = theirs.pop("ResponseMetadata", {})
            answers += 1
            if meta.get("RequestId") != operation["request_id"]:
                wrong.append(f"{name}, {answer['what']}: botocore reads the request id {meta}")
            if answer["what"] == "error":
                expected = {"Code": answer["code"], "Message": answer["message"]}
                if theirs.get("Error") != expected:
                    wrong.append(f"{name}, {answer['code']}: botocore reads {theirs}")
                continue
            ours = elements(ElementTree.fromstring(answer["body"]))
            ours.pop("requestId")
            if model.output_shape is None:
                read = DONE if ours == DONE else None
            else:
                read = renamed(model.output_shape, theirs)
            if name in SHOWS_MORE and answer["what"] != SPARSE:
                continue
            found = set(differences(ours, read or {}, name))
            wrong.extend(sorted(f"{answer['what']}: {told}" for told in found))
    if not operations or not requests or not answers:
        sys.exit("FAILED: there is nothing to hold against botocore")
    if wrong:
        sys.exit("\n".join(["FAILED:"] + wrong))
    print(f"{len(operations)} operations: botocore sends the same {requests} requests and reads {answers} answers alike")


if __name__ == "__main__":
    main()
