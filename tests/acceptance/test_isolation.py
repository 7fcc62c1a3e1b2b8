"""Nothing leaves the sandbox: no variable and no file of the user leads a request past it."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from sagespec import sandbox
from sagespec.sandbox import isolation

from tests.conftest import ROOT, Recorder, Run

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


SAGESPEC = (sys.executable, "-m", "sagespec")
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
    environment = {**os.environ, **hostile, "PYTHONPATH": str(ROOT / "compiler")}
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
    environment = {**os.environ, **hostile, "PYTHONPATH": str(ROOT / "compiler")}
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


PINNED = """
import os
import boto3, botocore.session
from botocore.config import Config

def account(**given):
    return boto3.client("sts", **given).get_caller_identity()["Account"]

assert account(endpoint_url="https://sts.us-west-2.amazonaws.com") == "123456789012"
assert account(endpoint_url="https://vpce-1.sts.us-west-2.vpce.amazonaws.com") == "123456789012"
assert account(endpoint_url="https://sts.corp.example", aws_access_key_id="AKIATHEIRS", aws_secret_access_key="x")
assert account(config=Config(ignore_configured_endpoint_urls=True)) == "123456789012"
sts = botocore.session.Session().create_client("sts", "eu-west-1", None, True, None, "https://sts.amazonaws.com")
assert sts.get_caller_identity()["Account"] == "123456789012"
s3 = boto3.client("s3", endpoint_url="https://s3.us-west-2.amazonaws.com")
s3.put_object(Bucket="my-bucket", Key="k", Body=b"x")
bucket = boto3.resource("s3", endpoint_url="https://s3.amazonaws.com").Bucket("my-bucket")
assert bucket.Object("k").get()["Body"].read() == b"x"
del os.environ["AWS_ENDPOINT_URL"]
assert account() == "123456789012"
os.environ["AWS_ENDPOINT_URL"] = "https://amazonaws.com"
assert account() == "123456789012"
print("led")
"""


def in_the_sandbox(*program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*SAGESPEC, "sandbox", "--bucket", "my-bucket", "--", *program]
    inherited = {**os.environ, "PYTHONPATH": str(ROOT / "compiler"), **environment}
    return subprocess.run(command, env=inherited, capture_output=True, text=True, check=False)


def test_endpoints_that_a_python_program_pins(project: Path, recorder: Recorder) -> None:
    proxies = dict.fromkeys(PROXIES, recorder.url)
    done = in_the_sandbox(sys.executable, "-c", PINNED, **proxies)
    assert (done.stdout, recorder.seen) == ("led\n", []), done.stderr


def test_an_endpoint_on_this_machine_is_the_programs_own(project: Path, recorder: Recorder) -> None:
    ask = "import boto3, sys; boto3.client('sts', endpoint_url=sys.argv[1]).get_caller_identity()"
    done = in_the_sandbox(sys.executable, "-c", ask, recorder.url)
    assert done.returncode == 1
    assert recorder.seen == ["POST / None"]


@pytest.mark.parametrize(("line", "ends"), [("print('theirs')", "theirs\n"), ("raise SystemError('theirs')", "")])
def test_a_sitecustomize_of_the_user_is_run_too(line: str, ends: str, project: Path, tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    place.mkdir()
    (place / "sitecustomize.py").write_text(f"import os\nNAME = __name__\n{line}\n")
    ask = "import boto3; print(boto3.client('sts', endpoint_url='https://sts.amazonaws.com').meta.endpoint_url[:17])"
    done = in_the_sandbox(sys.executable, "-c", ask, PYTHONPATH=f"{place}{os.pathsep}{ROOT / 'compiler'}")
    printed = done.stdout.splitlines(keepends=True)
    assert printed[-1] == "http://127.0.0.1:\n", done.stderr
    assert "".join(printed[:-1]).endswith(ends)


def test_what_python_imports_first_is_for_any_python() -> None:
    ast.parse((isolation.SITE / "sitecustomize.py").read_text("utf-8"), feature_version=(3, 8))
    without = {name: value for name, value in os.environ.items() if name != "SAGESPEC_SANDBOX"}
    ask = "import boto3; print(boto3.client('sts', 'us-west-2').meta.endpoint_url)"
    environment = {**without, "PYTHONPATH": str(isolation.SITE)}
    done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "https://sts.us-west-2.amazonaws.com\n", "outside a sandbox it does nothing"
