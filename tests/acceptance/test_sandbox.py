"""The sandbox as a service: it answers whatever comes in, as AWS would, and misbehaves only when asked to."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from sagespec import sandbox
from sagespec.sandbox import Faults, Sandbox, requests, service

from tests.conftest import LOCK, ROOT, Run

NOTHING = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 40, "s3": {"addressing_style": "path"}}


def client(running: Sandbox, name: str, **config: Any) -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-west-2"}
    return boto3.client(name, endpoint_url=running.url, config=Config(**{**NOTHING, **config}), **keys)


def raw(
    running: Sandbox, head: str, body: bytes = b"", service: str = "sagemaker", host: str = "localhost"
) -> tuple[int, str]:
    """Send bytes that no client of AWS would, and give status and text of the answer; 0 for none."""
    scope = f"Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-west-2/{service}/aws4_request\r\n"
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"{head}\r\nHost: {host}\r\n{scope}".encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")
    return (int(said.split(" ", 2)[1]), said.partition("\r\n\r\n")[2]) if said else (0, "")


def call(running: Sandbox, operation: str, body: bytes, target: str = "SageMaker") -> tuple[int, dict[str, Any]]:
    """Send a body to an operation, and give the status and the answer."""
    head = f"POST / HTTP/1.1\r\nX-Amz-Target: {target}.{operation}\r\nContent-Length: {len(body)}"
    status, text = raw(running, head, b"\r\n" + body, "logs" if target.startswith("Logs") else "sagemaker")
    return status, json.loads(text or "{}")


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing that comes in ends in a traceback."""
    logging.getLogger("sagespec.sandbox.server").setLevel(logging.INFO)
    yield
    assert capfd.readouterr().err == ""


STRANGE = [
    ("ListJobs", {"JobCategory": "AgentRFT", "NextToken": "abc"}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "NextToken": "-1"}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "MaxResults": 101}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "MaxResults": -1}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "MaxResults": "1"}, "SerializationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "StatusEquals": "Succeeded"}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "NameContains": "a_b"}, "ValidationException"),
    ("ListJobs", {"JobCategory": "AgentRFT", "CreationTimeAfter": "soon"}, "SerializationException"),
    ("ListJobs", {"JobCategory": "Nothing"}, "ValidationException"),
    ("ListJobs", {}, "ValidationException"),
    ("ListTrainingJobs", {"StatusEquals": "Succeeded"}, "ValidationException"),
    ("ListTrainingJobs", {"MaxResults": 0}, "ValidationException"),
    ("ListPipelineExecutions", {"PipelineName": "a", "CreatedAfter": []}, "ResourceNotFound"),
    ("DescribeJob", {"JobName": {}, "JobCategory": 3}, "SerializationException"),
    ("DescribeJob", {"JobName": "-", "JobCategory": "AgentRFT"}, "ValidationException"),
    ("DescribeModelPackageGroup", {"ModelPackageGroupName": None}, "SerializationException"),
    ("DescribeHubContent", {"HubName": "a", "HubContentType": "Modell"}, "ValidationException"),
    ("FrobJob", {}, "UnknownOperationException"),
    ("CreatePipeline", {"PipelineName": "a"}, "ValidationException"),
]


@pytest.mark.parametrize(("operation", "request_", "code"), STRANGE, ids=lambda value: str(value)[:60])
def test_requests_are_checked_as_the_service_does(
    account: Sandbox, quiet: None, operation: str, request_: dict[str, Any], code: str
) -> None:
    status, answer = call(account, operation, json.dumps(request_).encode())
    assert (status, answer["__type"]) == (400, code)
    assert account.mutations() == [] or operation.startswith(("Create", "Frob"))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"zzz", b"\xff\xfe", b"[" * 100_000, b'{"JobName": {"$file": 1}}']
)
@pytest.mark.parametrize("operation", ["SageMaker.DescribeJob", "SageMaker.Frob", "Logs_20140328.FilterLogEvents"])
def test_bodies_that_are_no_requests(account: Sandbox, quiet: None, operation: str, body: bytes) -> None:
    target, _, name = operation.partition(".")
    assert call(account, name, body, target)[0] in (400, 500)


@pytest.mark.parametrize("name", sorted(service.OPERATIONS))
def test_every_operation_is_one_of_the_api(name: str) -> None:
    with pytest.raises(service.ServiceError, match=r"no such member|is required"):
        requests.check("sagemaker", name, {"Frob": 1})


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Length: abc", b"\r\n{}"),
        ("Content-Length: -5", b"\r\n{}"),
        ("Transfer-Encoding: chunked", b"\r\nzz\r\n"),
        ("Transfer-Encoding: chunked", b"\r\n5\r\n{}"),
    ],
)
def test_bodies_without_an_end(account: Sandbox, quiet: None, header: str, body: bytes) -> None:
    status, text = raw(account, f"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListJobs\r\n{header}", body)
    assert (status, json.loads(text)["__type"]) == (400, "SerializationException")
    assert account.calls == []


def test_what_moto_is_not_up_to_is_an_error_too(account: Sandbox, quiet: None) -> None:
    assert call(account, "Frob", b"{}", "Logs_20140328")[0] >= 400
    negative = b'{"logGroupName": "/aws/sagemaker/TrainingJobs", "limit": -1}'
    assert call(account, "FilterLogEvents", negative, "Logs_20140328")[1]["__type"] == "InvalidParameterException"
    assert raw(account, "POST / HTTP/1.1\r\nContent-Length: 11", b"\r\nAction=Frob", "iam")[0] >= 400
    assert raw(account, "PUT /2015-03-31/functions/x HTTP/1.1\r\nContent-Length: 3", b"\r\nzzz", "lambda")[0] >= 400
    assert raw(account, "GET /runtimes/?maxResults=abc HTTP/1.1", b"\r\n", "bedrock-agentcore")[0] == 400
    assert raw(account, "GET /api/2.0/mlflow/runs/get HTTP/1.1", b"\r\n")[0] == 400


@pytest.mark.parametrize(("program", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("kill -INT $$; exit 4", 130)])
def test_a_program_ends_as_it_would_in_a_shell(project: Path, run: Run, program: str, code: int) -> None:
    run("sandbox", "--", "sh", "-c", program, code=code)


def test_a_program_answers_signals_itself(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "compiler"))
    answers = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('on', flush=True)"
    command = [sys.executable, "-m", "sagespec", "sandbox", "--", sys.executable, "-c", f"{answers}; signal.pause()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"on\n"
        running.terminate()
        assert running.stdout.read() == b"", "which ends once the program has ended, too"
    assert running.returncode == 7


def test_a_port_that_is_taken(run: Run) -> None:
    aws = sandbox.start()
    port = aws.url.rpartition(":")[2]
    assert f"{port}: address already in use" in run("sandbox", "--port", port, code=2).stderr
    aws.close()
    sandbox.start(port=int(port)).close()


def test_without_its_extra_the_sandbox_says_so() -> None:
    program = "import sys; sys.modules['werkzeug'] = None; sys.argv[1:] = ['sandbox']; import sagespec.__main__"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: the sandbox needs `pip install 'sagespec[sandbox]'`\n")


STEPS = [
    {"Name": "a", "Type": "Training", "Arguments": {"OutputDataConfig": None, "RoleArn": "arn:aws:iam::1:role/a"}},
    {"Name": "a", "Type": "Training", "Arguments": {}},
    {"Name": "a", "Type": "Job", "Arguments": {"JobCategory": "AgentRFT", "JobConfigDocument": "[]"}},
    {"Name": "a", "Type": "Lineage", "Arguments": {"Actions": 3}},
    {"Name": "a", "Type": "Lineage", "Arguments": {"Artifacts": [{"ArtifactName": {"Std:Join": {}}}]}},
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step["Arguments"])[:40])
def test_a_step_that_cannot_run_fails_alone(account: Sandbox, quiet: None, step: dict[str, Any]) -> None:
    sagemaker = client(account, "sagemaker")
    before = sagemaker.list_jobs(JobCategory="AgentRFT")["JobSummaries"], sagemaker.list_training_jobs()
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    role = "arn:aws:iam::123456789012:role/Theirs"
    sagemaker.create_pipeline(PipelineName="theirs", RoleArn=role, PipelineDefinition=definition)
    arn = sagemaker.start_pipeline_execution(PipelineName="theirs")["PipelineExecutionArn"]
    (shown,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert shown["StepStatus"] == "Failed"
    assert shown["FailureReason"].startswith("ClientError: ")
    jobs, trainings = sagemaker.list_jobs(JobCategory="AgentRFT")["JobSummaries"], sagemaker.list_training_jobs()
    assert jobs == before[0]
    assert trainings["TrainingJobSummaries"] == before[1]["TrainingJobSummaries"]


@pytest.mark.parametrize(
    "definition",
    ["[]", "{}", '{"Steps": {}}', '{"Steps": [1]}', '{"Steps": [{"Name": "a"}]}', "[" * 100_000],
)
def test_definitions_that_are_none(account: Sandbox, quiet: None, definition: str) -> None:
    role = "arn:aws:iam::123456789012:role/Theirs"
    with pytest.raises(ClientError, match="pipeline definition"):
        client(account, "sagemaker").create_pipeline(PipelineName="a", RoleArn=role, PipelineDefinition=definition)


def test_threads_read_and_write_the_same_objects(account: Sandbox, quiet: None) -> None:
    """moto closes an object's file when the object is written again, also while another request reads it."""
    s3 = client(account, "s3")
    large = b"x" * 300_000

    def write_and_read(number: int) -> int:
        s3.put_object(Bucket="my-bucket", Key=f"k{number % 2}", Body=large)
        return len(s3.get_object(Bucket="my-bucket", Key=f"k{number % 2}")["Body"].read())

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(write_and_read, range(200))) == {len(large)}


def asked(seed: int, order: list[int], threads: int) -> dict[tuple[int, int], str]:
    """What becomes of forty requests, each made three times, asked in some order by some threads."""
    found: dict[tuple[int, int], str] = {}
    faults = Faults(throttle=0.2, error=0.1, drop=0.2, cut=0.2, html=0.1, seed=seed)
    with sandbox.start(json.loads(LOCK.read_text("utf-8")), faults=faults) as running:
        sagemaker = client(running, "sagemaker")

        def ask(number: int) -> None:
            for nth in range(3):
                try:
                    sagemaker.describe_job(JobName=f"job-{number}", JobCategory="AgentRFT")
                    found[number, nth] = "an answer without members, as botocore reads a page"
                except ClientError as error:
                    found[number, nth] = error.response["Error"]["Code"]
                except BotoCoreError as error:
                    found[number, nth] = type(error).__name__

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(ask, order))
    return found


def test_the_same_seed_misbehaves_the_same_in_any_order() -> None:
    numbers = list(range(40))
    once = asked(7, numbers, 1)
    assert set(once.values()) == {
        "400",  # half an error
        "ConnectionClosedError",
        "InternalFailure",
        "ResourceNotFound",
        "ThrottlingException",
        "an answer without members, as botocore reads a page",
    }
    assert asked(7, numbers[::-1], 8) == once
    assert asked(8, numbers, 8) != once


def test_ids_are_the_same_in_any_order() -> None:
    def made(names: list[str]) -> set[str]:
        with sandbox.start(json.loads(LOCK.read_text("utf-8"))) as running:
            sagemaker = client(running, "sagemaker")
            for name in names:
                uri = {"SourceUri": f"s3://my-bucket/{name}"}
                sagemaker.create_artifact(ArtifactName=name, Source=uri, ArtifactType="Model")
            return {a["ArtifactArn"] for a in sagemaker.list_artifacts()["ArtifactSummaries"]}

    assert made(["a", "b", "c"]) == made(["c", "a", "b"])
