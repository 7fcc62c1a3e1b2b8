"""Metrics by ARN, through MLflow's real plugin: from the sandbox, from a recorder and from a real tracking server."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from sagespec.executor import metrics
from sagespec.sandbox import Sandbox
from sagespec.sandbox.service import OPERATIONS, Region

from tests import mlflow_clients
from tests.conftest import ROOT, Run
from tests.loopback import Silent, serving

APP = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-DEFAULT"
SERVER = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-tracking-server/theirs"
JOB = "finished-mtrl-job"
RUN = "ab" * 16
ENDPOINT = "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT"


@pytest.fixture(autouse=True)
def _no_more_than_the_extra(
    mlflow_at_once: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hide from MLflow's client what the extra does not install, in a client of its own as well."""
    monkeypatch.syspath_prepend(mlflow_clients.hide(tmp_path_factory.mktemp("extra")))


@pytest.fixture
def own_client(_no_more_than_the_extra: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command start the client that it starts for users."""
    monkeypatch.setattr(metrics, "CLIENT", mlflow_clients.CLIENT)


@dataclass
class Tracking:
    """A tracking server that answers as it is told to, and keeps what it was asked: path, parameters, headers."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)

    def answer(self, name: str, query: dict[str, list[str]]) -> tuple[int, str, bytes, int]:
        """Status, type, body and how many bytes short it is."""
        given = self.answers[name]
        found = given(query) if callable(given) else given
        return found if isinstance(found, tuple) else (200, "application/json", json.dumps(found).encode(), 0)


@pytest.fixture
def tracking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracking]:
    found = Tracking()

    class Handler(Silent):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            found.asked.append((url.path, query, dict(self.headers)))
            status, kind, body, short = found.answer(url.path.removeprefix("/api/2.0/mlflow/"), query)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) + short))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as found.url:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        found.answers = {"runs/get": run_of("reward"), "metrics/get-history": history}
        yield found


def run_of(*metrics: str, run_id: str = RUN) -> dict[str, Any]:
    info = {"run_id": run_id, "run_uuid": run_id, "experiment_id": "1", "status": "FINISHED"}
    points = [{"key": name, "value": 0.5, "timestamp": 1, "step": 2} for name in metrics]
    return {"run": {"info": info, "data": {"metrics": points}}}


def history(query: dict[str, list[str]]) -> dict[str, Any]:
    name = query["metric_key"][0]
    return {"metrics": [{"key": name, "value": step / 4, "timestamp": 1, "step": step} for step in (1, 2)]}


def says(monkeypatch: pytest.MonkeyPatch, arn: Any = APP, **details: Any) -> None:
    """Let jobs say that they log to another server, and as another run."""
    describe = OPERATIONS["DescribeJob"]

    def answer(region: Region, request: dict[str, Any]) -> dict[str, Any]:
        found = describe(region, request)
        document = json.loads(found["JobConfigDocument"])
        document["TrainingConfig"]["MlflowConfig"] = {"MlflowResourceArn": arn}
        output = document["ServiceOutput"]
        output["MlflowDetails"] = {**output["MlflowDetails"], "RunId": RUN, **details}
        return {**found, "JobConfigDocument": json.dumps(document)}

    monkeypatch.setitem(OPERATIONS, "DescribeJob", answer)


def to(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, tracking.url)


def credentials(headers: dict[str, str]) -> str:
    found = re.search(r"Credential=([^,]+)", headers["Authorization"])
    assert found is not None
    return found[1]


def test_by_arn_from_the_sandbox(project: Path, aws: Sandbox, run: Run, own_client: None) -> None:
    assert "MLFLOW_TRACKING_URI" not in aws.environment()
    shown = run("metrics", JOB)
    assert shown.stdout.split()[:3] == ["step", "rollout/reward/mean", "rollout/turns/mean"]
    assert len(shown.stdout.splitlines()) == 11
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("arn", "header", "service"),
    [
        (APP, "x-sm-mlflow-app-arn", "sagemaker"),
        (SERVER, "x-mlflow-sm-tracking-server-arn", "sagemaker-mlflow"),
    ],
)
def test_requests_are_signed_by_the_callers_profile(
    arn: str,
    header: str,
    service: str,
    project: Path,
    aws: Sandbox,
    run: Run,
    tracking: Tracking,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = tmp_path / "credentials"
    lines = ("[theirs]", "aws_access_key_id = AKIATHEIRS", "aws_secret_access_key = b", "aws_session_token = token")
    keys.write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    says(monkeypatch, arn)
    to(tracking, monkeypatch)
    rows = json.loads(run("metrics", JOB, "--profile", "theirs", "-o", "json").stdout)["steps"]
    assert rows == [{"step": 1, "metrics": {"reward": 0.25}}, {"step": 2, "metrics": {"reward": 0.5}}]
    assert len(tracking.asked) == 2
    for _, query, headers in tracking.asked:
        assert query["run_id"] == [RUN]
        assert re.fullmatch(rf"AKIATHEIRS/\d+/us-west-2/{service}/aws4_request", credentials(headers))
        assert (headers[header], headers["X-Amz-Security-Token"]) == (arn, "token")


def test_without_a_profile_they_are_signed_as_the_environment_says(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    to(tracking, monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    run("metrics", JOB)
    assert {credentials(headers).partition("/")[0] for _, _, headers in tracking.asked} == {"AKIAMINE"}
    assert not [headers for _, _, headers in tracking.asked if "X-Amz-Security-Token" in headers]


def test_a_role_of_the_plugin_is_assumed(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    to(tracking, monkeypatch)
    monkeypatch.setenv("SAGEMAKER_MLFLOW_ASSUME_ROLE_ARN", "arn:aws:iam::123456789012:role/SageMakerRole")
    run("metrics", JOB)
    assert {credentials(headers)[:4] for _, _, headers in tracking.asked} == {"ASIA"}


def test_the_document_says_where_and_not_the_environment(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.url)
    run("metrics", JOB)
    assert tracking.asked == []
    says(monkeypatch, None)
    run("metrics", JOB)
    assert len(tracking.asked) == 2
    assert "Authorization" not in tracking.asked[0][2]
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert f"{JOB} has no MLflow app" in run("metrics", JOB, code=1).stderr


@pytest.mark.parametrize("arn", ["arn:x", "x", f"{APP}/../x", "arn:aws:s3:::a", f"{APP}\n", "arn:aws:sagemaker:::"])
def test_what_is_no_arn_of_mlflow_is_not_asked(
    arn: str, project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, arn)
    assert "which is not the ARN of one" in run("metrics", JOB, code=1).stderr


@pytest.mark.parametrize("details", [{"RunId": ["a"], "RunName": 3}, {"RunId": {}, "ExperimentName": []}])
def test_names_of_others_may_be_anything(
    details: dict[str, Any], project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, **details)
    assert f"{JOB} has no MLflow run" in run("metrics", JOB, code=1).stderr


def html(status: int) -> tuple[int, str, bytes, int]:
    return (status, "text/html", b"<html>\x1b[31m" + b"<p>sign in</p>" * 1000, 0)


TROUBLE: dict[str, tuple[str, Any]] = {
    "a page": ("runs/get", html(200)),
    "a page, later": ("metrics/get-history", html(200)),
    "refused": ("runs/get", (403, "application/json", b'{"message": "User is not authorized"}', 0)),
    "refused by a page": ("runs/get", html(403)),
    "not there": ("runs/get", html(404)),
    "a fault": ("runs/get", html(500)),
    "a gateway's": ("metrics/get-history", html(504)),
    "a number": ("runs/get", (200, "application/json", b"12", 0)),
    "a list": ("runs/get", (200, "application/json", b"[]", 0)),
    "nothing": ("runs/get", (200, "application/json", b"", 0)),
    "an empty object": ("runs/get", {}),
    "another run": ("runs/get", run_of("reward", run_id="cd" * 16)),
    "members of other types": ("runs/get", {"run": [{"info": 3}]}),
    "metrics of other types": ("runs/get", {"run": {**run_of()["run"], "data": {"metrics": "x"}}}),
    "half of it": ("runs/get", (200, "application/json", json.dumps(run_of("reward")).encode()[:60], 0)),
    "cut": ("runs/get", (200, "application/json", json.dumps(run_of("reward")).encode()[:60], 100)),
    "cut, later": ("metrics/get-history", (200, "application/json", b'{"metrics": [', 100)),
    "nested": ("runs/get", (200, "application/json", b'{"run":' * 50_000, 0)),
    "no points": ("metrics/get-history", {}),
    "a page without end": ("metrics/get-history", lambda query: {**history(query), "next_page_token": "again"}),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_trouble_of_the_server_is_trouble_of_aws(
    name: str, project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    to(tracking, monkeypatch)
    operation, answer = TROUBLE[name]
    tracking.answers[operation] = answer
    said = run("metrics", JOB, code=3).stderr
    assert said.startswith("error: MLflow: ")
    assert "\x1b" not in said
    assert len(said) < 1000
    if "refused" in name:
        assert "hint: the caller needs the permission sagemaker:CallMlflowAppApi" in said


def test_nobody_answers(project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{closed.getsockname()[1]}")
        assert run("metrics", JOB, code=3).stderr.startswith("error: MLflow: API request to http://127.0.0.1:")


def test_a_client_that_dies(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, own_client: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    to(tracking, monkeypatch)

    children = Path(f"/proc/{os.getpid()}/task/{threading.main_thread().native_id}/children")
    before = children.read_text().split()

    def kill(_: object) -> None:
        for child in set(children.read_text().split()) - set(before):
            os.kill(int(child), signal.SIGKILL)

    tracking.answers["runs/get"] = kill
    assert "its client has ended without an answer (-9)" in run("metrics", JOB, code=3).stderr


def test_a_run_that_is_not_there(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    to(tracking, monkeypatch)
    absent = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run not found"}
    tracking.answers["runs/get"] = (404, "application/json", json.dumps(absent).encode(), 0)
    assert f"the tracking server knows no run {RUN}" in run("metrics", JOB, code=1).stderr


def test_without_credentials_nothing_is_asked(
    project: Path, aws: Sandbox, run: Run, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    to(tracking, monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    assert "sign in" in run("metrics", JOB, code=3).stderr
    assert tracking.asked == []


def test_results_of_an_evaluation_that_are_in_mlflow_alone(
    project: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document of the service's own job has no metrics."""
    for name in ("multi-turn-rl-evaluator", "multi-turn-rl-trainer"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", project / "specs")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "0.05")
    target = "MultiTurnRLEvaluator/support-agent-episodes"
    known = json.loads(run("results", target, "-o", "json").stdout)["scores"]
    describe = OPERATIONS["DescribeJob"]

    def answer(region: Region, request: dict[str, Any]) -> dict[str, Any]:
        found = describe(region, request)
        document = json.loads(found["JobConfigDocument"])
        document["ServiceOutput"].pop("EvaluationMetrics", None)
        return {**found, "JobConfigDocument": json.dumps(document)}

    monkeypatch.setitem(OPERATIONS, "DescribeJob", answer)
    logged = json.loads(run("results", target, "-o", "json").stdout)["scores"]
    assert sorted(logged, key=str) == sorted(known, key=str)
    assert [call for call in aws.calls if call.service == "mlflow"]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    run("results", target, code=3)
    run("apply", "--yes", "--wait", code=3)


STATE = """
import gc, json, logging, os, signal, sys, threading, time, warnings
import boto3, mlflow, moto.server, sagemaker_mlflow.session
from sagespec import cli, sandbox
from sagespec.executor import metrics
from sagespec.executor.runs import track
from sagespec.executor.cloud import Cloud
from sagespec.executor.runs.sorts import of_arn

mlflow.set_tracking_uri("http://theirs.example")

def state():
    known = [l for l in logging.root.manager.loggerDict.values() if isinstance(l, logging.Logger)]
    loggers = {l.name: (l.level, len(l.handlers), l.disabled, l.propagate) for l in known}
    return {
        "uri": mlflow.get_tracking_uri(), "environment": dict(os.environ), "loggers": loggers,
        "root": (logging.root.level, len(logging.root.handlers), logging.root.manager.disable),
        "filters": list(map(str, warnings.filters)), "session": str(sagemaker_mlflow.session._get_current_session()),
        "path": list(sys.path), "directory": os.getcwd(), "hook": str(sys.excepthook),
        "shown": str(warnings.showwarning), "garbage": (gc.isenabled(), gc.get_threshold()),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
    }

def seen():
    while not done.is_set():
        uris.add((mlflow.get_tracking_uri(), os.environ["MLFLOW_TRACKING_URI"], os.environ.get("AWS_ACCESS_KEY_ID")))
        time.sleep(0.005)

uris, done = set(), threading.Event()
with sandbox.start() as running:
    os.environ.update(running.environment())
    cloud = Cloud(None, "us-west-2")
    target = of_arn("arn:aws:sagemaker:us-west-2:123456789012:job/AgentRFT/finished-mtrl-job")
    track.status(cloud, target)
    before = state()
    watch = threading.Thread(target=seen)
    watch.start()
    found = metrics.read(cloud, track.status(cloud, target))
    done.set()
    watch.join()
    assert len(found.rows) == 10, found
before, after = (json.dumps(s, indent=1, sort_keys=True, default=str) for s in (before, state()))
assert before == after, after
assert uris == {("http://theirs.example", "http://theirs.example", "sandbox")}, uris
with sandbox.start(), sandbox.isolated():
    pass
for words in (["catalog", "benchmarks"], ["validate"], ["compile", "--check"], ["sandbox", "--", "true"], ["frob"]):
    sys.argv = ["sagespec", *words]
    cli.invoke()
after = json.dumps(state(), indent=1, sort_keys=True, default=str)
assert before == after, after
"""


@pytest.mark.slow
def test_a_program_that_imports_us_keeps_its_own_state() -> None:
    """Its tracking URI, environment, loggers and filters, during the call as well."""
    program = [sys.executable, "-W", "ignore", "-c", STATE]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_without_its_extra_it_says_so(project: Path, aws: Sandbox, tmp_path: Path) -> None:
    """The same libraries, without MLflow's plugin."""
    import boto3

    farm = tmp_path / "farm"
    farm.mkdir()
    for entry in Path(boto3.__file__).parent.parent.iterdir():
        if not entry.name.startswith("sagemaker_mlflow"):
            (farm / entry.name).symlink_to(entry)
    program = (
        f"import sys; sys.path[:0] = {[str(ROOT / 'compiler'), str(farm)]}; from sagespec.cli import main; main()"
    )
    command = [sys.executable, "-S", "-c", program, "metrics", JOB]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: metrics need `pip install 'sagespec[mlflow]'`\n")


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """A real tracking server on SQLite."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "mlflow"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # six processes more, for prompts
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, *stores], stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.2)
        assert server.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def post(server: str, operation: str, **body: Any) -> dict[str, Any]:
    """Ask a real tracking server, without a client that takes seconds to import."""
    request = Request(f"{server}/api/2.0/mlflow/{operation}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def log_a_run(server: str, experiment: str) -> str:
    """Log a run called "mine"; its id."""
    run_id: str = post(server, "runs/create", experiment_id=experiment, run_name="mine")["run"]["info"]["run_id"]
    values = [("rollout/reward/mean", step / 25, step) for step in range(1, 26)]
    values += [("rollout/turns/mean", 5.5, step) for step in range(1, 26)]
    values.append(("val/reward/pass_at_4", 0.75, 25))
    points = [{"key": key, "value": value, "timestamp": step, "step": step} for key, value, step in values]
    post(server, "runs/log-batch", run_id=run_id, metrics=points)
    return run_id


@pytest.mark.slow
@pytest.mark.timeout(900)  # MLflow's server takes a busy machine minutes to start
def test_by_arn_from_a_real_tracking_server(
    project: Path, aws: Sandbox, run: Run, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = post(mlflow_server, "experiments/create", name="theirs")["experiment_id"]
    logged = log_a_run(mlflow_server, experiment)
    monkeypatch.setenv(ENDPOINT, mlflow_server)
    says(monkeypatch, SERVER, RunId=logged)
    found = json.loads(run("metrics", JOB, "-o", "json").stdout)
    assert found["run_id"] == logged
    assert [row["step"] for row in found["steps"]] == list(range(1, 26))
    assert found["steps"][-1]["metrics"] == {"rollout/reward/mean": 1.0, "rollout/turns/mean": 5.5}
    picture = project / "reward.svg"
    says(monkeypatch, SERVER, RunId=None, ExperimentName="theirs", RunName="mine")
    rows = list(csv.DictReader(run("metrics", JOB, "-o", "csv", "--plot", picture).stdout.splitlines()))
    assert rows[4]["rollout/reward/mean"] == "0.2"
    assert "<svg" in picture.read_text("utf-8")
    assert "0.75" in run("metrics", JOB, "--metric", "val/reward/pass_at_4").stdout
    assert "has not logged charm" in run("metrics", JOB, "--metric", "charm", code=1).stderr
    says(monkeypatch, SERVER, RunId="cd" * 16)
    assert "knows no run cdcd" in run("metrics", JOB, code=1).stderr
    log_a_run(mlflow_server, experiment)
    says(monkeypatch, SERVER, RunId=None, ExperimentName="theirs", RunName="mine")
    assert "experiment 'theirs' has 2 runs called 'mine'" in run("metrics", JOB, code=3).stderr
