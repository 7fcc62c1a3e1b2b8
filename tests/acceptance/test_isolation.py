"""Nothing leaves the sandbox: no variable and no file of the user leads a request past it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import botocore.session
import pytest

from compiler import sandbox
from compiler.sandbox import isolation
from tests.conftest import ROOT, Run

SPEC = """
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: t}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu
  compute: {instance_type: ml.g5.xlarge}
  role: arn:aws:iam::123456789012:role/SageMakerRole
  source_code: {source_dir: src, entry_script: train.py}
"""
PROXIES = [p + "_PROXY" for p in ("HTTP", "HTTPS", "ALL")] + [p + "_proxy" for p in ("http", "https", "all")]
LIBRARIES = ("botocore", "boto3", "s3transfer", "sagemaker_mlflow")


@dataclass
class Recorder:
    """An endpoint, and a proxy, that is not the sandbox."""

    url: str
    seen: list[str] = field(default_factory=list)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    found = Recorder("")

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found.seen.append(f"{self.command} {self.path} {self.headers.get('X-Amz-Target')}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_CONNECT = answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()


def read_by_clients() -> set[str]:
    """Every variable of AWS that a client may read: those of botocore's table, and those named in its code."""
    variables = botocore.session.Session().session_var_map
    found = {
        name for _, names, *_ in variables.values() for name in ([names] if isinstance(names, str) else names or ())
    }
    services = botocore.session.Session().get_available_services()
    found |= {f"AWS_ENDPOINT_URL_{service.replace('-', '_').upper()}" for service in services}
    for library in LIBRARIES:
        spec = importlib.util.find_spec(library)
        assert spec is not None
        assert spec.origin is not None
        for file in Path(spec.origin).parent.rglob("*.py"):
            found |= set(
                re.findall(r"['\"]((?:AWS|BOTO|BOTOCORE|MLFLOW|SAGEMAKER)_[A-Z0-9_]+)['\"]", file.read_text("utf-8"))
            )
    return found


@pytest.fixture
def hostile(recorder: Recorder, tmp_path: Path) -> dict[str, str]:
    """Everything set that a client may read, each to what leads to the recorder or makes it fail."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    settings = [
        f"endpoint_url = {recorder.url}",
        "services = other",
        "credential_process = false",
        "region = eu-west-1",
    ]
    services = "".join(
        f"{service} =\n  endpoint_url = {recorder.url}\n" for service in ("sagemaker", "s3", "sts", "iam")
    )
    lines = "\n".join(settings)
    (home / ".aws" / "config").write_text(
        f"[default]\n{lines}\n[profile other]\n{lines}\n[services other]\n{services}"
    )
    named = dict.fromkeys(read_by_clients(), recorder.url)
    return {
        **named,
        **dict.fromkeys(PROXIES, recorder.url),
        "NO_PROXY": "corp.example",
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_PROFILE": "other",
    }


@pytest.fixture
def trainer(project: Path, run: Run) -> Path:
    (project / "specs" / "src").mkdir()
    (project / "specs" / "src" / "train.py").write_text("print(1)\n")
    (project / "specs" / "t.yaml").write_text(SPEC)
    run("compile")
    return project


def test_the_variables_are_those_that_clients_read() -> None:
    named = read_by_clients()
    assert len(named) > 300
    assert {"AWS_PROFILE", "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ROLE_ARN", "AWS_CA_BUNDLE"} <= named
    assert {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "SAGEMAKER_MLFLOW_ASSUME_ROLE_ARN"} <= named


def test_no_variable_is_inherited() -> None:
    with sandbox.start() as running:
        leading = running.environment()
    within = isolation.environment(dict.fromkeys(read_by_clients(), "theirs"), leading)
    assert {name for name, value in within.items() if value == "theirs"} == set()
    assert leading.items() <= within.items()
    assert isolation.environment({"no_proxy": "a", "NO_PROXY": "b"})["no_proxy"] == "127.0.0.1,localhost,a,b"


SAGESPEC = (sys.executable, "-m", "compiler")
COMMANDS = {
    "apply --sandbox": [*SAGESPEC, "apply", "--sandbox", "--yes", "--wait"],
    "sandbox -- sagespec": [*SAGESPEC, "sandbox", "--", *SAGESPEC, "apply", "--yes", "--wait", "--poll", "0.3"],
    "sandbox -- python": [
        *[*SAGESPEC, "sandbox", "--", sys.executable, "-c"],
        "import boto3; boto3.client('s3').list_buckets(); print(boto3.client('sts').get_caller_identity()['Arn'])",
    ],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_leaves_it(command: str, trainer: Path, hostile: dict[str, str], recorder: Recorder) -> None:
    environment = {**os.environ, **hostile, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(COMMANDS[command], env=environment, capture_output=True, text=True, check=False)
    assert recorder.seen == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "names", [("AWS_ENDPOINT_URL_S3",), ("AWS_ENDPOINT_URL",), ("AWS_PROFILE",), ("AWS_MAX_ATTEMPTS",), PROXIES]
)
def test_one_at_a_time_and_this_process_is_as_it_was(
    names: tuple[str, ...],
    trainer: Path,
    run: Run,
    recorder: Recorder,
    hostile: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in names:
        monkeypatch.setenv(name, hostile[name])
    before = dict(os.environ)
    run("apply", "--sandbox", "--yes")
    run("sandbox", "--", "true")
    assert dict(os.environ) == before
    assert recorder.seen == []


def test_what_others_set_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "theirs")
    monkeypatch.delenv("AWS_REGION", raising=False)
    with sandbox.isolated({"AWS_REGION": "us-west-2"}):
        assert "AWS_PROFILE" not in os.environ
        monkeypatch.setenv("AWS_PROFILE", "another")
        monkeypatch.setenv("SOMETHING", "else")
    assert os.environ["AWS_PROFILE"] == "another"
    assert os.environ["SOMETHING"] == "else"
    assert "AWS_REGION" not in os.environ


def test_a_sandbox_has_no_profiles(trainer: Path, run: Run) -> None:
    assert "leave --profile or --sandbox out" in run("apply", "--sandbox", "--profile", "p", code=2).stderr


def test_the_variables_that_are_printed_isolate_a_shell(
    tmp_path: Path, hostile: dict[str, str], recorder: Recorder
) -> None:
    environment = {**os.environ, **hostile, "PYTHONPATH": str(ROOT)}
    command = [*SAGESPEC, "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            lines.append(line)
            if line.startswith("export SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT="):
                break
        ask = f'{sys.executable} -c \'import boto3; print(boto3.client("sts").get_caller_identity()["Account"])\''
        done = subprocess.run(
            ["sh", "-c", "".join(lines) + ask], env=environment, capture_output=True, text=True, check=False
        )
        running.terminate()
    assert recorder.seen == []
    assert done.stdout == "123456789012\n", done.stderr
