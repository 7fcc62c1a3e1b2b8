"""What `apply -o json` writes: one document, also when it fails half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sagespec.cli import exits
from sagespec.sandbox import Sandbox
from sagespec.sandbox.server import Call
from sagespec.sandbox.service import OPERATIONS, Region, ServiceError, Timing

from tests import formats, proxy
from tests.conftest import ROOT, Result, Run

FAST = ("--yes", "--wait", "--poll", "1", "-o", "json")
TRAINER = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
LINE = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: %s}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.6
  compute: {instance_type: ml.p5.48xlarge}
"""


def read(said: Result) -> dict[str, Any]:
    """Read the one document of stdout, and hold it against its schema and the exit code."""
    document = check(said.code, said.stdout)
    assert document["exit"] == said.code
    return document


def check(code: int, out: str) -> dict[str, Any]:
    """Hold a document against its schema: commands in processes of their own are not held to it by `run`."""
    formats.check(("apply", "-o", "json"), code, out)
    document: dict[str, Any] = json.loads(out)
    return document


def outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {entry["address"].partition("/")[2]: entry["outcome"] for entry in document["entries"]}


def write(project: Path, run: Run, *specs: str) -> None:
    (project / "specs" / "a.yaml").write_text("---\n".join(specs), "utf-8")
    run("compile")


@pytest.fixture
def chain(project: Path, run: Run) -> Path:
    """A trainer, and an evaluation of what it puts out with a threshold."""
    evaluator = """\
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: math, thresholds: [{metric: exact_match, minimum: 0.999}]}
spec:
  model: {ref: MultiTurnRLTrainer/support-agent}
  benchmark: math
  s3_output_path: s3://my-bucket/evaluations
"""
    write(project, run, TRAINER, evaluator)
    return project


def test_what_has_completed_with_its_results(chain: Path, aws: Sandbox, run: Run) -> None:
    said = run("apply", *FAST, code=exits.FAILED)
    document = read(said)
    assert "START" in said.stderr
    assert outcomes(document) == {"support-agent": "completed", "math": "completed"}
    trainer, evaluation = document["entries"]
    assert trainer["results"]["output_model_package_arn"].startswith("arn:aws:sagemaker:")
    assert trainer["run"]["name"] == f"support-agent-{trainer['identity'][:12]}"
    assert trainer["started"]
    for entry in document["entries"]:
        assert entry["creation_time"] < entry["end_time"], entry["address"]
    assert evaluation["results"]["scores"]
    assert [(verdict["metric"], verdict["met"]) for verdict in evaluation["thresholds"]] == [("exact_match", False)]
    again = read(run("apply", *FAST, code=exits.FAILED))
    assert outcomes(again) == outcomes(document)
    assert not any(entry["started"] for entry in again["entries"])


def test_what_waits_and_what_is_only_planned(chain: Path, aws: Sandbox, run: Run) -> None:
    assert outcomes(read(run("apply", "--dry-run", "-o", "json"))) == {
        "support-agent": "not sent",
        "math": "not sent",
    }
    document = read(run("apply", "--yes", "-o", "json"))
    assert outcomes(document) == {"support-agent": "running", "math": "waiting"}
    assert document["entries"][1]["waits_for"] == ["MultiTurnRLTrainer/support-agent"]
    assert document["counts"] == {"running": 1, "waiting": 1}


def test_what_has_failed_and_what_it_blocks(chain: Path, aws: Sandbox, run: Run) -> None:
    spec = chain / "specs" / "a.yaml"
    text = spec.read_text("utf-8").replace("---\n", "  tags: {'sandbox:fail': out of memory}\n---\n", 1)
    spec.write_text(text, "utf-8")
    run("compile")
    document = read(run("apply", *FAST, code=exits.FAILED))
    assert outcomes(document) == {"support-agent": "failed", "math": "blocked"}
    assert "out of memory" in document["entries"][0]["failure"]["reason"]


def test_what_aws_refuses_half_way(project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = OPERATIONS["CreateJob"]

    def refused(region: Region, request: dict[str, Any]) -> dict[str, Any]:
        if request["JobName"].startswith("odd"):
            raise ServiceError("ValidationException", "that is too odd")
        return usual(region, request)

    write(project, run, LINE % "fine", TRAINER.replace("name: support-agent", "name: odd"))
    monkeypatch.setitem(OPERATIONS, "CreateJob", refused)
    document = read(run("apply", *FAST, code=exits.AWS))
    assert outcomes(document) == {"fine": "completed", "odd": "failed"}
    failure = document["entries"][-1]["failure"]
    assert "that is too odd" in failure["reason"]
    assert (failure["by_aws"], failure["request"]) == (True, "job")


def test_what_is_refused_before_anything_is_sent(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, run, LINE % "fine", TRAINER.replace("s3://my-bucket/output", "s3://no-bucket/output"))
    document = read(run("apply", *FAST, code=exits.AWS))
    assert outcomes(document) == {"fine": "not sent", "support-agent": "refused"}
    assert "no-bucket" in document["entries"][1]["failure"]["reason"]
    assert document["error"] is None


Started = subprocess.Popen[str]


def start(*more: str, **others: Any) -> Started:
    command = [sys.executable, "-m", "sagespec", "apply", "--yes", "--concurrency", "1", "-o", "json", *more]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **others}
    return subprocess.Popen(command, env=environment, text=True, **streams)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_tells_what_runs(project: Path, aws: Sandbox, run: Run, sent: signal.Signals) -> None:
    write(project, run, *(LINE % f"line-{n}" for n in range(5)))
    process = start()

    def interrupt(call: Call, done: bool) -> None:
        if done and call.operation == "CreateTrainingJob":
            process.send_signal(sent)

    aws.observer = interrupt
    out, said = process.communicate(timeout=120)
    document = read(Result(process.returncode, out, said))
    assert document["exit"] == exits.INTERRUPTED
    assert document["error"] == {"message": "interrupted", "hint": ""}
    created = [call for call in aws.mutations() if call.operation == "CreateTrainingJob"]
    running = [entry for entry in document["entries"] if entry["started"]]
    assert 1 <= len(running) == len(created) < 5


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_more_interrupts_do_not_call_unsent_what_is_being_sent(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    write(project, run, *(LINE % f"line-{n}" for n in range(3)))
    is_sent, is_over = threading.Event(), threading.Event()

    def hang(operation: str, _body: bytes) -> None:
        if operation == "CreateTrainingJob":
            is_sent.set()
            is_over.wait(60)

    with proxy.before(aws.url, hang) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        process = start()
        assert is_sent.wait(60)
        while process.poll() is None:  # nobody waits for the answer, and half a document is none
            process.send_signal(sent)
            time.sleep(0.002)
        out = process.communicate()[0]
        is_over.set()
    document = check(exits.INTERRUPTED, out)
    assert document["exit"] == exits.INTERRUPTED
    assert outcomes(document) == {"line-0": "unknown", "line-1": "not sent", "line-2": "not sent"}


def test_an_interrupt_while_others_wait_for_a_quota(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, run, *(LINE % f"line-{n}" for n in range(3)))
    region = aws.region("us-west-2")
    region.limits["TrainingJob"], region.timing = 1, Timing(job=1000)
    process, tried = start("--wait", "--poll", "0"), list[Call]()

    def interrupt(call: Call, done: bool) -> None:
        if done and call.operation == "CreateTrainingJob":
            tried.append(call)
            if len(tried) == 4:  # the second try of line-1, when that of line-2 waits for its turn
                process.send_signal(signal.SIGINT)

    aws.observer = interrupt
    out, said = process.communicate(timeout=120)
    document = read(Result(process.returncode, out, said))
    assert document["exit"] == exits.INTERRUPTED
    assert outcomes(document) == {"line-0": "running", "line-1": "failed", "line-2": "not sent"}


def test_an_end_by_the_machine_has_the_exit_code(project: Path, aws: Sandbox, run: Run) -> None:
    write(project, run, LINE % "fine")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = start(stderr=full)
        out, _ = process.communicate(timeout=120)
    document = read(Result(process.returncode, out, ""))
    assert document["error"] == {"message": "no space left on device", "hint": ""}


def test_a_time_out_tells_what_runs(chain: Path, aws: Sandbox, run: Run) -> None:
    document = read(run("apply", "--yes", "--wait", "--timeout", "0", "-o", "json", code=exits.TIMED_OUT))
    assert document["error"]["message"].startswith("not done after 0 seconds")
    assert len(document["entries"]) == 2


def test_mistakes_before_anything_is_known(chain: Path, aws: Sandbox, run: Run) -> None:
    assert read(run("apply", "-o", "json", code=exits.USAGE))["error"]["message"].endswith("give --yes")
    assert read(run("apply", "nothing.json", "-o", "json", code=exits.INVALID))["entries"] == []
    (chain / "sagespec.yaml").write_text("kind: Nonsense", "utf-8")
    assert read(run("apply", "-o", "json", code=exits.INVALID))["entries"] == []
