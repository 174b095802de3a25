#!/usr/bin/env python3
"""Drives `eipcheck serve --cloud alibaba` with the provider's Python SDK of the present generation.

usage: drive_alibabacloud.py http://127.0.0.1:PORT      the key is taken from the environment
"""

import sys
from importlib import metadata

import alibaba
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_tea_openapi import models as open_api
from alibabacloud_tea_openapi.client import Client as OpenApiClient
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions
from journey import Refused, Stop


def snake(name):
    """`DescribeVSwitches` as the SDK spells its method."""
    return alibaba.re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


class AlibabaCloud:
    """The SDK, as the journey needs it, signing in one of its two ways."""

    textual = False
    wrong_secret = ("SignatureDoesNotMatch",)

    def __init__(self, url, key, signature):
        self.url, self.key, self.signature = url, key, signature
        self.refused_request = None
        version = metadata.version("alibabacloud_vpc20160428")
        self.name = f"alibabacloud_vpc20160428 {version}, {self.way()}"
        config = open_api.Config(
            access_key_id=key.access,
            access_key_secret=key.secret,
            security_token=key.token,
            region_id=alibaba.REGION,
            protocol="http",
            endpoint=url.removeprefix("http://"),
            signature_algorithm=signature,
        )
        self.make(config)

    def way(self):
        token = " with a token" if self.key.token else ""
        return f"{'RPC v1' if self.signature == 'v2' else 'ACS3'}{token}, typed calls, POST with a query"

    def make(self, config):
        self.clients = {"Vpc": (VpcClient(config), vpc_models), "Ecs": (EcsClient(config), ecs_models)}

    def with_key(self, key):
        return type(self)(self.url, key, self.signature)

    def call(self, operation, parameters):
        try:
            return self.answer(operation, alibaba.PRODUCTS.get(operation, "Vpc"), parameters)
        except AlibabaCloudException as error:
            told = error.data
            for member in ("RequestId", "HostId", "Code", "Message"):
                if not told.get(member):
                    raise Stop(f"{operation}: the error has no {member}: {told}") from None
            if (error.code, error.request_id) != (told["Code"], told["RequestId"]):
                raise Stop(f"{operation}: the SDK reads {error} from {told}") from None
            self.refused_request = error.request_id
            raise Refused(error.code, error.message, error.status_code) from None
        except DaraException as error:
            raise Stop(f"{operation}: the SDK cannot make anything of the answer: {error}") from None

    def answer(self, operation, product, parameters):
        client, models = self.clients[product]
        request = getattr(models, f"{operation}Request")().from_map(parameters)
        if (taken := {name: value for name, value in request.to_map().items() if value != []}) != parameters:
            raise Stop(f"{operation}: of {parameters} the SDK's request has only {taken}")
        response = getattr(client, snake(operation))(request)
        if response.status_code != 200:
            raise Stop(f"{operation}: wanted 200, came {response.status_code}")
        return response.body.to_map()

    def farewell(self, j):
        """Nothing that the journey has not shown."""


class InTheBody(AlibabaCloud):
    """The SDK's generic call: the action and the signature where they are otherwise, the parameters in a form."""

    def way(self):
        return super().way().replace("typed calls, POST with a query", "generic calls, POST with a form")

    def make(self, config):
        self.client = OpenApiClient(config)

    def answer(self, operation, product, parameters):
        told = open_api.Params(
            action=operation,
            version=alibaba.VERSIONS[product],
            protocol="HTTP",
            method="POST",
            auth_type="AK",
            style="RPC",
            pathname="/",
            req_body_type="formData",
            body_type="json",
        )
        answer = self.client.call_api(told, open_api.OpenApiRequest(body=parameters), RuntimeOptions())
        if answer["statusCode"] != 200:
            raise Stop(f"{operation}: wanted 200, came {answer['statusCode']}")
        return answer["body"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url, key = sys.argv[1], alibaba.Key()
    clients = [client(url, key, signature) for client in (AlibabaCloud, InTheBody) for signature in (None, "v2")]
    return alibaba.travel(clients, url)


if __name__ == "__main__":
    sys.exit(main())
