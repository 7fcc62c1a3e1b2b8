"""Who may use a running sandbox: programs that ask for it by its own name, and no page of another site."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from moto.backends import list_of_moto_modules
from sagespec.sandbox import Sandbox, access

from tests.acceptance.test_sandbox import client, raw

LIST = "POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListPipelines\r\nContent-Length: 2"
PATHS = ("/", "/_sagespec/calls", "/my-bucket/key", "/moto-api/data.json", "/api/2.0/mlflow/runs/search")


def ask(running: Sandbox, headers: dict[str, str], path: str = "/", method: str = "GET") -> tuple[int, str, str]:
    """Send a request with these headers and nothing else; give status, head and body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode("latin-1"))
        said = b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")
    head, _, body = said.partition("\r\n\r\n")
    return int(head.split(" ", 2)[1]), head, body


@pytest.fixture
def port(account: Sandbox) -> str:
    return account.url.rpartition(":")[2]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        *[
            "evil.example",
            "evil.example:PORT",
            "127.0.0.1.evil.example:PORT",
            "localhost.evil.example",
            "0.0.0.0:PORT",
        ],
        *["", "127.0.0.1:PORT,evil.example", "a/my-bucket.localhost:PORT", "user@127.0.0.1:PORT", "127.0.0.1:PORT/x"],
        *["[::1]:PORT", "2130706433:PORT", "127.1:PORT", "127.0.0.1:99999999", "sts.us-west-2.amazonaws.com"],
    ],
)
def test_it_answers_under_its_own_names_only(account: Sandbox, port: str, host: str, path: str) -> None:
    status, _, body = ask(account, {"Host": host.replace("PORT", port)}, path)
    assert status == 403
    assert "127.0.0.1 or localhost" in body
    assert account.calls == []


def test_a_name_in_the_request_line_counts_too(account: Sandbox, port: str) -> None:
    assert ask(account, {"Host": f"127.0.0.1:{port}"}, "http://evil.example/_sagespec/calls")[0] == 403
    twice = {"Host": f"127.0.0.1:{port}\r\nHost: evil.example"}
    assert ask(account, twice, "/_sagespec/calls")[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LocalHost", "127.0.0.1:1"])
def test_its_own_names(account: Sandbox, port: str, host: str) -> None:
    assert ask(account, {"Host": host.replace("PORT", port)}, "/_sagespec/calls")[0] == 200


@pytest.mark.parametrize("name", ["my-bucket.localhost", "my-bucket.127.0.0.1"])
def test_names_of_buckets_are_for_s3_alone(account: Sandbox, port: str, name: str) -> None:
    assert "ListBucketResult" in raw(account, "GET / HTTP/1.1", b"\r\n", "s3", f"{name}:{port}")[1]
    assert raw(account, "GET /_sagespec/calls HTTP/1.1", b"\r\n", "s3", f"{name}:{port}")[0] == 403
    assert raw(account, "GET /api/2.0/mlflow/runs/get HTTP/1.1", b"\r\n", "s3", f"{name}:{port}")[0] == 403
    assert raw(account, LIST, b"\r\n{}", "sagemaker", f"{name}:{port}")[0] == 403


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1:PORT"},
    {"Origin": "http://127.0.0.1:PORT.evil.example"},
    {"Origin": "http://localhost:PORT"},
    {"Referer": "http://evil.example/127.0.0.1:PORT"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    {"Origin": "http://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
    {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"},
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_page_of_another_site_uses_it(account: Sandbox, port: str, headers: dict[str, str], method: str) -> None:
    own = {"Host": f"127.0.0.1:{port}"}
    for path in PATHS:
        status, head, _ = ask(
            account, {**own, **{k: v.replace("PORT", port) for k, v in headers.items()}}, path, method
        )
        assert status == 403
        assert "access-control" not in head.lower()
    assert account.calls == []


def test_pages_of_its_own_do(account: Sandbox, port: str) -> None:
    own = {"Host": f"127.0.0.1:{port}", "Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}
    for path in PATHS:
        status, head, _ = ask(account, {**own, "Referer": f"http://127.0.0.1:{port}/x"}, path)
        assert (status == 403) == (path in ("/", "/my-bucket/key", "/moto-api/data.json")) or status in (200, 404)
        assert "access-control" not in head.lower()


def test_a_bucket_that_lets_other_sites_in_lets_none_in(account: Sandbox, port: str) -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
    s3 = client(account, "s3")
    s3.put_bucket_cors(Bucket="my-bucket", CORSConfiguration={"CORSRules": [rule]})
    s3.put_object(Bucket="my-bucket", Key="k", Body=b"x")
    answered = s3.get_object(Bucket="my-bucket", Key="k")["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in answered if name.startswith("access-control")]
    assert ask(account, {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.example"}, "/my-bucket/k")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        *["/moto-api", "/moto-api/data.json", "/moto-api/reset", "/moto-api/reset-auth", "/moto-api/config"],
        *["/moto-api/recorder/start-recording", "/moto-api/seed?a=1", "/favicon.ico", "/latest/meta-data/iam/"],
        *["/latest/api/token", "/us-east-1_x/.well-known/jwks.json", "/ec2_us-east-1/x"],
    ],
)
def test_it_has_no_pages_to_control_it(account: Sandbox, port: str, path: str) -> None:
    client(account, "s3").put_object(Bucket="my-bucket", Key="k", Body=b"x")
    for method in ("GET", "POST"):
        status, _, body = ask(account, {"Host": f"127.0.0.1:{port}", "Content-Length": "0"}, path, method)
        assert status >= 400
        assert "moto" not in body.lower().replace("moto-api", "")
    assert client(account, "s3").get_object(Bucket="my-bucket", Key="k")["Body"].read() == b"x"


def names_to_sign_for() -> Iterator[str]:
    """The names that requests to all services of AWS are signed for, from the heads of botocore's files."""
    loader = Loader()
    for name in loader.list_available_services("service-2"):
        file = Path(Loader.BUILTIN_DATA_PATH, name, loader.determine_latest_version(name, "service-2"))
        with gzip.open(file / "service-2.json.gz", "rt", encoding="utf-8") as opened:
            head = opened.read(5000)
        start = head.index("{", head.index('"metadata":'))
        metadata, _ = json.JSONDecoder().raw_decode(head, start)
        yield metadata.get("signingName", metadata["endpointPrefix"])


def test_it_has_no_service_that_it_does_not_need(account: Sandbox) -> None:
    """Whatever a request is signed for, moto answers for the services of our list alone."""
    served = {*access.OF_MOTO, "bedrock", "bedrock-agentcore", "sagemaker"}
    others = sorted(
        ({*names_to_sign_for()} | set(list_of_moto_modules()) | {"moto_api", "instance_metadata"}) - served
    )
    assert len(others) > 250
    for name in others:
        for head in ("POST / HTTP/1.1\r\nContent-Length: 2", "GET /a HTTP/1.1\r\nContent-Length: 2"):
            status, body = raw(account, head, b"\r\n{}", name)
            assert (status, "does not serve" in body) == (403, True), name


def test_clients_of_other_services_are_told(account: Sandbox) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-west-2"}
    once = Config(retries={"total_max_attempts": 1})
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("ec2", "describe_instances", {}),
        ("dynamodb", "list_tables", {}),
        ("route53", "list_hosted_zones", {}),
        ("batch", "describe_jobs", {"jobs": ["a"]}),
    ]
    for name, operation, given in asked:
        with pytest.raises(ClientError, match=f"does not serve this request to {name}"):
            getattr(boto3.client(name, endpoint_url=account.url, config=once, **keys), operation)(**given)


def test_functions_are_kept_and_not_run(account: Sandbox) -> None:
    """moto would fetch a container from the network."""
    functions = client(account, "lambda")
    with pytest.raises(ClientError, match="does not run them"):
        functions.invoke_with_response_stream(FunctionName="f", Payload=b"{}")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="f", Payload=b"{}")


def test_the_list_of_calls_is_for_programs(account: Sandbox, port: str) -> None:
    client(account, "sts").get_caller_identity()
    status, _, body = ask(account, {"Host": f"127.0.0.1:{port}"}, "/_sagespec/calls")
    assert (status, [call["operation"] for call in json.loads(body)]) == (200, ["GetCallerIdentity"])
