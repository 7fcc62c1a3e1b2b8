"""Secrets stand in specs and compiled files, and in nothing that any command prints or saves."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec.diagnostics import secrets
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import Timing

from tests import proxy
from tests.conftest import Result, Run

TRAINER, AGENT = "ModelTrainer/t", "CustomAgentLambda/a"


def planted(age: str) -> dict[str, str]:
    """A secret for each place that can hold one, none like another; those in variables need not look like any."""
    return {
        "token": f"hf_{age}TOKENVALUE7",
        "database": f"{age.lower()} correct horse; battery",
        "quoted": f'{age.lower()}-it\'s "quoted"',
        "short": f"{age[0]}7z",
        "agent": f"{age.lower()}-agent-variable",
        "hyperparameter": f"{age.lower()}-hyper-parameter",
        "inner": f"{age.lower()}-inner-password",
        "form": f"sk-{age}0123456789abcdefghij",
        "tag": f"ghp_{age}0123456789ABCDEFGHIJKLMN",
        "command": f"{age.lower()}-of-a-command",
        "url": f"{age.lower()}-of-a-url",
        "code": f"AKIA{age:X<4}ABCDEFGHIJKL",
        "default": f"{age.lower()}-default-variable",
    }


def specs(s: dict[str, str]) -> list[dict[str, Any]]:
    trainer = {
        "region": "us-west-2",
        "training_image": "an-image:1",
        "compute": {"instance_type": "ml.m5.large"},
        "output_data_config": {"s3_output_path": "s3://my-bucket/out"},
        "environment": {"HF_TOKEN": s["token"], "DB": s["database"], "QUOTED": s["quoted"], "PIN": s["short"]},
        "hyperparameters": {"api_key": s["hyperparameter"], "note": s["form"], "login": {"password": s["inner"]}},
        "tags": {"note": s["tag"]},
        "source_code": {"command": f"PASSWORD={s['command']} pip install -i https://me:{s['url']}@host/simple x"},
    }
    code = f"KEY = '{s['code']}'\ndef lambda_handler(event, context): return 1\n"
    agent = {"source": code, "environment": {"AGENT_URL": s["agent"]}}
    return [
        {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": "t"}, "spec": trainer},
        {"apiVersion": "sagespec/v1", "kind": "CustomAgentLambda", "metadata": {"name": "a"}, "spec": agent},
    ]


def write(project: Path, s: dict[str, str], **more: Any) -> None:
    for spec in specs(s):
        name = spec["metadata"]["name"]
        spec["spec"].update(more if name == "t" else {})
        (project / "specs" / f"{name}.json").write_text(json.dumps(spec, indent=2), "utf-8")
    defaults = {"environment": {"SHARED": s["default"]}, "region": "us-west-2"}
    allowed = ["HF_TOKEN", "note", "command", "source"]  # what is looked at here is what becomes of them
    content = {"apiVersion": "sagespec/v1", "kind": "Project", "defaults": defaults, "allow_secrets": allowed}
    (project / "sagespec.yaml").write_text(json.dumps(content), "utf-8")


class Printed:
    """Everything that commands print and save; nothing in it may be a secret."""

    def __init__(self, run: Run, *values: dict[str, str]) -> None:
        self._run, self.text = run, ""
        self._secrets = {f"{name}: {form}" for s in values for name, value in s.items() for form in forms(value)}

    def __call__(self, *args: str | Path) -> Result:
        found = self._run(*args, code=None)
        self.add(f"{found.stdout}\n{found.stderr}", " ".join(map(str, args)))
        return found

    def add(self, text: str, what: str) -> None:
        self.text += text
        shown = [secret for secret in self._secrets if secret.partition(": ")[2] in text]
        assert not shown, f"{what} shows {shown}:\n{text}"


def forms(value: str) -> set[str]:
    """A secret as it is, and as JSON and Python quote it."""
    return {value, json.dumps(value)[1:-1], repr(value)[1:-1]}


@pytest.fixture
def printed(project: Path, run: Run) -> Printed:
    return Printed(run, planted("OLD"), planted("NEW"))


FORMATS = [(), *(("--format", form) for form in ("json", "github", "sarif", "junit"))]
READS: list[tuple[str, ...]] = [
    ("plan",),
    ("plan", "-o", "json"),
    ("plan", "--save", "saved.json"),
    ("apply", "--dry-run"),
    ("list",),
    ("list", "-o", "json"),
    ("status",),
    ("status", "-o", "json"),
    *itertools.product(("status", "describe", "verify", "logs"), (TRAINER, AGENT), ("-o",), ("text", "json")),
]


@pytest.mark.slow
def test_no_command_prints_or_saves_a_secret(project: Path, aws: Sandbox, printed: Printed) -> None:
    write(project, planted("OLD"))
    assert printed("compile").code == 0
    assert printed("apply", "--yes", "--wait", "--poll", "0.1").code == 0, printed.text
    for args in READS:
        printed(*args)
    job = next(iter(aws.region("us-west-2").table("training_jobs").values()))
    job["Environment"]["HF_TOKEN"] = planted("NEW")["token"]
    old = planted("OLD")
    job["FailureReason"] = f"bad login {old['database']} for {old['tag']} with {old['hyperparameter']}"
    assert "/Environment/HF_TOKEN: changed" in printed("verify", TRAINER).stdout
    assert "bad login *** for *** with ***" in printed("status", TRAINER).stdout
    write(project, planted("NEW"))
    for form in FORMATS:
        assert printed("compile", "--check", *form).code == 1
    assert '"HF_TOKEN": "*** (changed)"' in printed("compile", "--check").stdout
    printed("compile")
    for args in READS:
        printed(*args)
    assert "/Environment/DB: changed" in printed("plan", "--verbose").stdout
    printed.add(Path("saved.json").read_text("utf-8"), "the saved plan")


@pytest.mark.parametrize("broken", ["{", '"', '{"metadata": 1, ', "\r\n"])
def test_a_compiled_file_that_is_none_is_compared_without_its_secrets(
    project: Path, printed: Printed, broken: str
) -> None:
    write(project, planted("OLD"))
    printed("compile")
    write(project, planted("NEW"))
    for file in project.glob("compiled/*/*.json"):
        text = file.read_text("utf-8")
        file.write_text(text.replace("\n", broken) if broken == "\r\n" else broken + text, "utf-8", newline="")
    for form in FORMATS:
        assert printed("compile", "--check", *form).code == 1
    for args in READS[:4]:
        printed(*args)


WRONG: list[dict[str, Any]] = [
    {"environment": {"HF_TOKEN": planted("OLD")["token"], "LONG": planted("OLD")["database"] * 60}},
    {"environment": {"HF_TOKEN": [planted("OLD")["database"]]}},
    {"environment": {"HF_TOKEN": planted("OLD")["token"], "bad name": planted("OLD")["quoted"]}},
    {"environment": [planted("OLD")["token"], planted("OLD")["form"]]},
    {"compute": 3},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_no_diagnostic_quotes_a_secret(project: Path, printed: Printed, wrong: dict[str, Any]) -> None:
    write(project, planted("OLD"), **wrong)
    for form in FORMATS:
        assert printed("validate", *form).code + printed("compile", *form).code > 0
    for file in project.glob("specs/*.json"):
        spec = json.loads(file.read_text("utf-8"))
        flow = {name: json.dumps(value) for name, value in spec["spec"].items()}
        lines = [f"  {name}: {text}" for name, text in flow.items()]
        head = [f"{name}: {json.dumps(spec[name])}" for name in ("apiVersion", "kind", "metadata")]
        for number in range(len(lines)):  # a mistake of syntax in each line, which its reader does not get past
            text = "\n".join([*head, "spec:", *lines[:number], lines[number][:-1], *lines[number + 1 :]])
            file.with_suffix(".yaml").write_text(text, "utf-8")
            for form in FORMATS:
                printed("validate", file.with_suffix(".yaml"), *form)
        file.with_suffix(".yaml").unlink()


HIDDEN = "correct-Horse-battery"
MISTAKES = [
    *(f"{name}: {{KEY: {HIDDEN}}}" for name in ("enviroment", "evironment", "Environment", "env", "env_vars")),
    f"environment: {HIDDEN}",
    f"environment: |\n    {HIDDEN}",
    f"environment: {{KEY:{HIDDEN}}}",
    f"environment: {{KEY={HIDDEN}}}",
    f"environment:\n    KEY:{HIDDEN}",
    f"environment:\n    - KEY={HIDDEN}",
    f"environment: {{KEY: {HIDDEN}",
    f'environment: {{"KEY: a, B: "{HIDDEN}"}}',
    *(f"environment: {{KEY: {sign}{HIDDEN}}}" for sign in "*!&@%`"),
    *(f"hyperparameters: {{db_password: {sign}{HIDDEN}}}" for sign in "*!&@%`"),
    f"hyperparameters: {{db_password: '{HIDDEN}}}",
]


@pytest.mark.parametrize("line", MISTAKES)
def test_no_mistake_in_writing_a_secret_shows_it(project: Path, run: Run, line: str) -> None:
    spec = specs(planted("OLD"))[0]
    spec["spec"].pop(line.partition(":")[0], None)
    head = [f"{name}: {json.dumps(spec[name])}" for name in ("apiVersion", "kind", "metadata")]
    fields = [f"  {name}: {json.dumps(value)}" for name, value in spec["spec"].items() if name != "environment"]
    (project / "specs" / "t.yaml").write_text("\n".join([*head, "spec:", *fields, f"  {line}", ""]), "utf-8")
    for form in FORMATS:
        done = run("validate", *form, code=None)
        assert HIDDEN not in done.stdout + done.stderr
    assert done.code == 1 or "&" in line


def quoting(operation: str, body: bytes) -> proxy.Answer | None:
    """Refuse what creates something, with the whole request in the message."""
    if operation not in ("CreateTrainingJob", "POST /2015-03-31/functions"):
        return None
    key = planted("OLD")["hyperparameter"] if operation == "CreateTrainingJob" else "its name"
    message = f"value {json.loads(body)} at 'environment' is not allowed. {body.decode()}, {key} neither"
    return 400, json.dumps({"__type": "ValidationException", "message": message}).encode()


def test_messages_of_aws_that_quote_the_request(
    project: Path, aws: Sandbox, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, planted("OLD"))
    printed("compile")
    with proxy.before(aws.url, quoting) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = printed("apply", "--yes")
    assert found.code == 3
    assert "is not allowed" in found.stderr


def test_the_callers_own_keys_are_never_printed(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token-of-no-form")
    refused = 400, json.dumps({"__type": "ExpiredToken", "message": "a-session-token-of-no-form is over"}).encode()
    with proxy.before(aws.url, lambda *_: refused) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = run("list", code=3)
    assert "*** is over" in found.stderr
    assert "a-session-token" not in found.stderr


def test_logs_of_jobs_are_masked_and_a_url_that_was_asked_for_is_not(
    project: Path, aws: Sandbox, printed: Printed
) -> None:
    write(project, planted("OLD"))
    printed("compile")
    aws.region("us-west-2").timing = Timing(job=0.05)
    printed("apply", "--yes", "--wait", "--poll", "0.1")
    for form in ("text", "json"):
        assert printed("logs", TRAINER, "-o", form).code == 0


SECRET = [
    "hf_abcdefghijKLMNOPQRSTUVWXYZ01234567",
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "IQoJb3JpZ2luX2VjEJv//////////wEaCXVzLWVhc3QtMSJHMEU",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "glpat-abcdefghij0123456789",
    "sk-abcdefghij0123456789abcdefghij0123456789",
    "sk-proj-abcdefghij_0123456789-abcdefghij",
    "xoxb-0123456789-abcdefghij",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
]
OPEN = [
    "support-agent-32db9da54ecb",
    "arn:aws:secretsmanager:us-west-2:123456789012:secret:a-AbCdEf",
    "s3://my-bucket/sk-trainer/output",
    "hf_transformers",
    "max_tokens=512, pad_token=<pad>, eos_token: </s>",
    "https://host:8443/simple@x",
    "token 5 of 6",
    "sha256:3f9c2a1b7d04e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e",
]


def around() -> Iterator[tuple[str, str]]:
    yield from (("", ""), ("see ", "."), ("'", "'"), ('{"a": "', '"}'), ("url=", "&b=c"))


@pytest.mark.parametrize("secret", SECRET)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret: str) -> None:
    for before, after in around():
        assert secrets.masked(f"{before}{secret}{after}") == f"{before}{secrets.MASK}{after}"


def test_what_signs_a_url_and_who_is_named_in_it_are_masked() -> None:
    url = "https://me:pass@host/x?X-Amz-Credential=A%2FB&X-Amz-Signature=0f&X-Amz-Security-Token=b%3D&z=1"
    shown = "https://***@host/x?X-Amz-Credential=***&X-Amz-Signature=***&X-Amz-Security-Token=***&z=1"
    assert secrets.masked(url) == shown
    assert secrets.masked(shown) == shown


@pytest.mark.parametrize("text", OPEN)
def test_other_text_is_not(text: str) -> None:
    assert secrets.masked(text) == text
