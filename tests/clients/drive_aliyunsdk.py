#!/usr/bin/env python3
"""Drives `eipcheck serve --cloud alibaba` with the provider's Python SDK of the older generation.

usage: drive_aliyunsdk.py http://127.0.0.1:PORT      the key is taken from the environment
"""

import importlib
import json
import logging
import sys
import urllib.parse
import warnings
from importlib import metadata
from xml.etree import ElementTree

import alibaba
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from journey import Refused, Stop

MODULES = {"Vpc": "aliyunsdkvpc.request.v20160428", "Ecs": "aliyunsdkecs.request.v20140526"}

# In XML a list is an element that repeats another one, which none of them tells by itself.
LISTS = {
    "Vpcs": "Vpc",
    "VSwitches": "VSwitch",
    "Instances": "Instance",
    "InstanceIdSets": "InstanceIdSet",
    "NatGateways": "NatGateway",
    "EipAddresses": "EipAddress",
}


class AliyunSdk:
    """The SDK, as the journey needs it, sending in one of its ways."""

    textual = False
    # The SDK's own word for a signature that is not the server's although both signed the same text: it says that the
    # text to sign that came with the error is, byte for byte, the one of the client.
    wrong_secret = ("InvalidAccessKeySecret",)

    def __init__(self, url, key, method, form=False):
        self.url, self.key, self.method, self.form = url, key, method, form
        self.refused_request = None
        version = metadata.version("aliyun-python-sdk-vpc")
        token = " with a token" if key.token else ""
        self.name = f"aliyun-python-sdk-vpc {version}, RPC v1{token}, {self.way()}"
        where = urllib.parse.urlsplit(url)
        self.host = where.hostname
        credential = StsTokenCredential(key.access, key.secret, key.token) if key.token else None
        self.client = AcsClient(
            *(() if credential else (key.access, key.secret)),
            region_id=alibaba.REGION,
            port=where.port,
            credential=credential,
        )

    def way(self):
        return f"{self.method} with a {'query and a form' if self.form else 'query'}, JSON"

    def with_key(self, key):
        return type(self)(self.url, key, self.method, self.form)

    def request(self, operation, parameters):
        module = MODULES[alibaba.PRODUCTS.get(operation, "Vpc")]
        request = getattr(importlib.import_module(f"{module}.{operation}Request"), f"{operation}Request")()
        request.set_protocol_type("http")
        request.set_endpoint(self.host)
        request.set_method(self.method)
        for name, value in parameters.items():
            if name == "RegionId":
                # The SDK has no method for this one, and adds its own to a query that lacks it, whatever the form has.
                request.add_query_param(name, value)
            elif self.form:
                request.add_body_params(name, value)
            else:
                getattr(request, f"set_{name}")(value)
        return request

    def call(self, operation, parameters):
        try:
            return self.answer(operation, self.request(operation, parameters))
        except ServerException as error:
            self.refused_request = error.get_request_id()
            raise Refused(error.get_error_code(), error.get_error_msg(), error.get_http_status()) from None
        except (ClientException, ValueError) as error:
            raise Stop(f"{operation}: the SDK cannot make anything of the answer: {error}") from None

    def answer(self, operation, request):
        return json.loads(self.client.do_action_with_exception(request))

    def farewell(self, j):
        """Nothing that the journey has not shown."""


class InXml(AliyunSdk):
    """The SDK asking for XML, which it hands over as it came."""

    textual = True
    wrong_secret = ("SignatureDoesNotMatch",)

    def way(self):
        return super().way().replace("JSON", "XML")

    def answer(self, operation, request):
        request.set_accept_format("XML")
        status, headers, body = self.client.get_response(request)
        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            raise Stop(f"{operation}: no XML came: {error}: {body!r}") from None
        if headers["Content-Type"] != "text/xml;charset=utf-8":
            raise Stop(f"{operation}: came as {headers['Content-Type']}")
        told = read(root)
        if status == 200 and root.tag == f"{operation}Response":
            return told
        if status == 200 or root.tag != "Error" or not told.keys() >= {"RequestId", "HostId", "Code", "Message"}:
            raise Stop(f"{operation}: neither an answer nor an error: {status} {body!r}")
        raise ServerException(told["Code"], told["Message"], http_status=status, request_id=told["RequestId"])


def read(element):
    """An element as JSON would have it, but for the types of what is in it."""
    if element.tag in LISTS:
        if strange := {child.tag for child in element} - {LISTS[element.tag]}:
            raise Stop(f"{element.tag} has {strange}")
        return {LISTS[element.tag]: [read(child) for child in element]}
    if len(element) == 0:
        return element.text or ""
    return {child.tag: read(child) for child in element}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # An error is what the journey asks for, and the only public way to an answer as it came is called outdated.
    logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    url, key = sys.argv[1], alibaba.Key()
    clients = [
        AliyunSdk(url, key, "GET"),
        AliyunSdk(url, key, "POST"),
        AliyunSdk(url, key, "POST", form=True),
        InXml(url, key, "GET"),
        InXml(url, key, "POST"),
    ]
    return alibaba.travel(clients, url)


if __name__ == "__main__":
    sys.exit(main())
