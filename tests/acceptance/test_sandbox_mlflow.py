"""The sandbox's MLflow: what real clients do with it by ARN, and what a presigned URL leads to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from botocore.exceptions import ClientError
from sagespec import sandbox
from sagespec.sandbox import Sandbox
from sagespec.sandbox.mlflow import server
from sagespec.sandbox.mlflow.search import select
from sagespec.sandbox.service import ServiceError

from tests.acceptance.test_sandbox import client
from tests.conftest import Run

APP = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-DEFAULT"
SERVER = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-tracking-server/mine"
JOB = "finished-mtrl-job"

CLIENT = """
import math, sys
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

def refused(code, call, *given, **more):
    try:
        call(*given, **more)
    except MlflowException as error:
        assert error.error_code == code, error
    else:
        raise AssertionError(f"{call} was not refused")

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("mine")
with mlflow.start_run(run_name="first", tags={"team": "a"}) as run:
    mlflow.log_params({"lr": 0.1, "model": "qwen"})
    for step in range(3):
        mlflow.log_metric("loss", 1 - step / 4, step=step)
    mlflow.log_metrics({"odd": float("nan"), "large": float("inf")})
    mlflow.log_dict({"a": 1}, "made/a.json")
client = MlflowClient()
first = run.info.run_id
assert [(m.step, m.value) for m in client.get_metric_history(first, "loss")] == [(0, 1.0), (1, 0.75), (2, 0.5)]
assert client.get_metric_history(first, "none") == []
shown = client.get_run(first)
assert (shown.info.status, shown.info.run_name, shown.data.params["lr"]) == ("FINISHED", "first", "0.1")
assert math.isnan(shown.data.metrics["odd"]) and shown.data.metrics["large"] == math.inf
assert mlflow.artifacts.load_dict(f"{shown.info.artifact_uri}/made/a.json") == {"a": 1}

number = client.get_experiment_by_name("mine").experiment_id
second = client.create_run(number, run_name="second").info.run_id
points = [Metric("loss", 0.25, 1, 9), Metric("loss", 7.0, 1, 3)]
client.log_batch(second, points, [Param("lr", "0.2")], [RunTag("team", "b")])
client.set_tag(second, "note", "x"); client.delete_tag(second, "note")
client.set_terminated(second, "FAILED")
assert client.get_run(second).data.metrics == {"loss": 0.25}, "the value of the last step"

def found(condition="", **more):
    return [r.info.run_name for r in client.search_runs([number], condition, **more)]

assert sorted(found()) == ["first", "second"]
assert found("metrics.loss < 0.4") == ["second"]
assert found("params.lr = '0.1' AND tags.team = 'a' and attributes.status = 'FINISHED'") == ["first"]
assert found("attributes.run_name LIKE 'sec%'") == found("run_name ILIKE 'SEC_nd'") == ["second"]
assert found('tags.mlflow.runName = "first"') == ["first"]
assert found("attributes.run_id IN ('%s', 'x')" % second) == ["second"]
assert found("metrics.none > 1") == []
assert found(order_by=["metrics.loss ASC"]) == ["second", "first"]
assert found(order_by=["params.lr ASC"]) == ["first", "second"]
assert found(order_by=["attributes.start_time ASC"]) == ["first", "second"]
page = client.search_runs([number], max_results=1, order_by=["params.lr"])
assert [r.info.run_name for r in client.search_runs([number], max_results=1, page_token=page.token)] == ["first"]
refused("INVALID_PARAMETER_VALUE", found, "metrics.loss >")
refused("INVALID_PARAMETER_VALUE", found, "params.lr > '0'")

client.delete_run(second)
assert found() == ["first"] and found(run_view_type=ViewType.DELETED_ONLY) == ["second"]
client.restore_run(second)
assert [e.name for e in client.search_experiments(filter_string="name = 'mine'")] == ["mine"]
assert {"Default", "mine"} <= {e.name for e in client.search_experiments()}
client.set_experiment_tag(number, "k", "v")
assert [e.name for e in client.search_experiments(filter_string="tags.k = 'v'")] == ["mine"]
client.rename_experiment(number, "ours")
assert client.get_experiment(number).name == "ours" and client.get_experiment_by_name("mine") is None
client.delete_experiment(number)
assert client.get_experiment(number).lifecycle_stage == "deleted"
client.restore_experiment(number)
refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "ours")
refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "ab" * 16)
refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "77")
refused("INVALID_PARAMETER_VALUE", client.log_batch, first, params=[Param("lr", "0.3")])

of_job = client.search_runs([e.experiment_id for e in client.search_experiments()], "run_name = 'finished-mtrl-job'")
if "mlflow-app" in sys.argv[1]:
    assert of_job[0].data.metrics["training/num_trajectories"] == 128
    assert client.get_experiment(of_job[0].info.experiment_id).name == "finished-mtrl-job"
    refused("PERMISSION_DENIED", client.log_metric, of_job[0].info.run_id, "a", 1)
else:
    assert of_job == [], "jobs log to the app that they name"
"""


@pytest.fixture
def served(account: Sandbox) -> Sandbox:
    """A sandbox that has a tracking server beside its default app."""
    store = {"ArtifactStoreUri": "s3://my-bucket/mlflow", "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole"}
    client(account, "sagemaker").create_mlflow_tracking_server(TrackingServerName="mine", **store)
    return account


@pytest.mark.slow
@pytest.mark.parametrize("arn", [APP, SERVER])
def test_a_real_client_by_arn(served: Sandbox, arn: str, tmp_path: Path) -> None:
    account = served
    environment = sandbox.environment(os.environ, account.environment())
    command = [sys.executable, "-c", CLIENT, arn]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [call for call in account.mutations() if call.service == "mlflow"]


def ask(running: Sandbox, path: str, body: Any = None, arn: str = APP, opener: Any = None) -> tuple[int, Any]:
    """Ask the REST API as a client of ARNs does; status and answer."""
    header = "x-sm-mlflow-app-arn" if "mlflow-app" in arn else "x-mlflow-sm-tracking-server-arn"
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(f"{running.url}{path}", data=data, headers={header: arn} if arn else {})
    try:
        with (opener or build_opener()).open(request) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


STRANGE: list[Any] = [
    *[{}, [], "x", b"zzz", b"[" * 100_000, {"run_id": {}}, {"run_id": 3}, {"experiment_id": []}],
    *[{"experiment_ids": "x"}, {"experiment_ids": [{}], "order_by": [{}]}, {"filter": 3}, {"filter": "a" * 10_000}],
    *[{"max_results": -1}, {"max_results": "x"}, {"page_token": "x"}, {"page_token": -5}, {"run_view_type": "X"}],
    *[{"experiment_id": "0", "tags": [3]}, {"experiment_id": "0", "tags": [{"key": 3}]}, {"name": ["a"]}],
    *[{"experiment_id": "0", "start_time": "soon"}, {"experiment_id": "0", "run_name": 3}, {"view_type": {}}],
]


@pytest.mark.parametrize("operation", sorted(server.OPERATIONS))
def test_nothing_that_comes_in_is_a_defect(account: Sandbox, operation: str) -> None:
    _, made = ask(account, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    run_id = json.loads(made)["run"]["info"]["run_id"]
    odd: list[dict[str, Any]] = [{"value": {}}, {"value": 1, "step": "x"}, {"metrics": [3]}, {}]
    own: list[dict[str, Any]] = [{"run_id": run_id, "key": "a", **more} for more in odd]
    own += [{"run_id": run_id, name: [{"key": "a", "value": "x", "step": 1.5}]} for name in ("metrics", "params")]
    for body in [*STRANGE, *own]:
        status, answer = ask(account, f"/api/2.0/mlflow/{operation}", body)
        assert status in (200, 400, 403, 404), (body, answer)
        assert json.loads(answer) is not None


def test_what_it_has_not(account: Sandbox) -> None:
    status, answer = ask(account, "/api/2.0/mlflow/registered-models/search", {})
    assert (status, json.loads(answer)["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    theirs = APP.replace("123456789012", "210987654321")
    assert ask(account, "/api/2.0/mlflow/experiments/search", {}, arn=theirs)[0] == 403
    for arn in ("x", "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/../x", f"{APP}/x"):
        assert ask(account, "/api/2.0/mlflow/experiments/search", {}, arn=arn)[0] == 404
    assert ask(account, "/api/2.0/mlflow/experiments/search", {}, arn="")[0] == 200, "the default app"


def thing(name: str, **parts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"metrics": {}, "params": {}, "tags": {}, **parts, "attributes": {"id": name, "run_name": name}}


THINGS = [
    thing("a", metrics={"x/y": 1.0}, params={"p": "50%"}, tags={"t": "it's"}),
    thing("b", metrics={"x/y": -2.5}, params={"p": "a*b[c]?"}),
    thing("c", tags={"t": "Q"}),
]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", "abc"),
        ("  ", "abc"),
        ("metrics.`x/y` >= 1", "a"),
        ('metrics."x/y" < -2', "b"),
        ("metrics.x/y != 1.0 ", "b"),
        ("metric.x/y <= 1e0 AND metric.x/y > -3", "ab"),
        ('tags.t = "it\'s"', "a"),
        ("tag.t ilike 'q'", "c"),
        ("params.p LIKE '50%'", "a"),
        ("params.p LIKE 'a*b[c]?'", "b"),
        ("params.p LIKE '_*%'", "b"),
        ("`run_name` IN ('a', \"c\")", "ac"),
        ("run_name NOT  IN ('a')", "bc"),
        ("attributes.run_name!='a'AND run.run_name = 'b'", "b"),
        ("params.none = 'x'", ""),
    ],
)
def test_the_language_of_searches(condition: str, found: str) -> None:
    assert "".join(t["attributes"]["id"] for t in select(THINGS, condition, [])) == found


@pytest.mark.parametrize(
    "condition",
    [
        *["x", "x =", "= 1", "a = 'b' OR c = 'd'", "run_name = 'a' run_name = 'b'", "run_name IN 'a'", "(" * 5000],
        *["run_name = ('a')", "things.a = 'b'", "run_name > 'a'", "run_name = 3", "metrics.x/y = '1'", "name = 'a"],
    ],
)
def test_what_is_not_in_the_language(condition: str) -> None:
    with pytest.raises(ServiceError):
        select(THINGS, condition, [])


def test_the_order_of_what_is_found() -> None:
    def ordered(*keys: str) -> str:
        return "".join(t["attributes"]["id"] for t in select(THINGS, "", keys))

    assert (ordered("metrics.x/y"), ordered("metrics.`x/y` DESC"), ordered("run_name desc")) == ("bac", "abc", "cba")
    assert ordered("tags.none", "params.p DESC") == "bac"
    with pytest.raises(ServiceError):
        ordered("metrics.x sideways")


@pytest.mark.parametrize("arn", [APP, SERVER])
def test_a_presigned_url_leads_to_the_sandbox(served: Sandbox, arn: str) -> None:
    """What the SDK does with it: a session by the URL, then the REST API below the same address, signed by nobody."""
    account = served
    sagemaker = client(account, "sagemaker")
    if arn == APP:
        url = sagemaker.create_presigned_mlflow_app_url(Arn=arn)["AuthorizedUrl"]
    else:
        url = sagemaker.create_presigned_mlflow_tracking_server_url(TrackingServerName="mine")["AuthorizedUrl"]
    assert url.startswith(f"{account.url}/")
    base = url.split("/auth")[0].removeprefix(account.url)
    assert ask(account, f"{base}/", arn="")[0] == 403, "there is no session yet"
    browser = build_opener(HTTPCookieProcessor())
    status, page = ask(account, url.removeprefix(account.url), arn="", opener=browser)
    assert (status, arn in page.decode(), "<script" in page.decode()) == (200, True, False)
    found = f"{base}/api/2.0/mlflow/experiments/get-by-name?{urlencode({'experiment_name': 'Default'})}"
    status, answer = ask(account, found, arn="", opener=browser)
    assert (status, json.loads(answer)["experiment"]["experiment_id"]) == (200, "0")
    newest = {"experiment_ids": ["0"], "max_results": 1, "order_by": ["start_time DESC"]}
    search = {**newest, "filter": 'tags.mlflow.runName = "x"'}
    assert ask(account, f"{base}/api/2.0/mlflow/runs/search", search, arn="", opener=browser)[0] == 200
    assert ask(account, f"{base}/other", arn="", opener=browser)[0] == 404
    assert ask(account, url.removeprefix(account.url), arn="")[0] == 403, "it is good once"
    theirs = base.replace("app-DEFAULT", "another").replace("mine", "another")
    assert ask(account, f"{theirs}/", arn="", opener=browser)[0] == 403, "each has sessions of its own"


@pytest.mark.parametrize("arn", [f"{APP}S", SERVER, SERVER.replace("us-west-2", "eu-west-1")])
def test_what_does_not_exist_has_no_url_and_no_runs(account: Sandbox, arn: str) -> None:
    sagemaker = client(account, "sagemaker")
    if ":mlflow-app/" in arn:
        ask_url, given = sagemaker.create_presigned_mlflow_app_url, {"Arn": arn}
    else:
        ask_url, given = sagemaker.create_presigned_mlflow_tracking_server_url, {"TrackingServerName": "mine"}
    with pytest.raises(ClientError, match="ResourceNotFound"):
        ask_url(**given)
    status, answer = ask(account, "/api/2.0/mlflow/experiments/search", {}, arn=arn)
    assert (status, json.loads(answer)["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_presigned_urls_and_sessions_end(account: Sandbox) -> None:
    def presigned() -> str:
        given = {"ExpiresInSeconds": 5, "SessionExpirationDurationInSeconds": 1800}
        url: str = client(account, "sagemaker").create_presigned_mlflow_app_url(Arn=APP, **given)["AuthorizedUrl"]
        return url.removeprefix(account.url)

    late, good, browser = presigned(), presigned(), build_opener(HTTPCookieProcessor())
    assert ask(account, good, arn="", opener=browser)[0] == 200
    account.clock.advance(6)
    assert ask(account, late, arn="")[0] == 403
    page = f"{good.split('/auth')[0]}/"
    assert ask(account, page, arn="", opener=browser)[0] == 200
    account.clock.advance(1800)
    assert ask(account, page, arn="", opener=browser)[0] == 403
    assert ask(account, f"{page}auth?authToken=none", arn="")[0] == 403
    assert ask(account, "/_sagespec/mlflow/x", arn="")[0] == 404


def test_pages_show_text_of_users_as_text(account: Sandbox) -> None:
    made = ask(account, "/api/2.0/mlflow/experiments/create", {"name": "<script>alert(1)</script>"})
    assert made[0] == 200
    url = client(account, "sagemaker").create_presigned_mlflow_app_url(Arn=APP)["AuthorizedUrl"]
    status, page = ask(account, url.removeprefix(account.url), arn="", opener=build_opener(HTTPCookieProcessor()))
    assert (status, b"<script" in page, b"&lt;script&gt;" in page) == (200, False, True)


def test_the_command_prints_such_a_url(project: Path, aws: Sandbox, run: Run) -> None:
    said = run("mlflow-url", JOB)
    assert said.stderr == "anybody who has this URL can use it, once, within five minutes\n"
    url = urlsplit(said.stdout.strip())
    assert f"{url.scheme}://{url.netloc}" == aws.url
    details = json.loads(run("describe", JOB, "-o", "json").stdout)["details"]["mlflow_details"]
    assert url.fragment == f"/experiments/{details['ExperimentId']}/runs/{details['RunId']}?workspace=default"
    assert ask(aws, f"{url.path}?{url.query}", arn="", opener=build_opener(HTTPCookieProcessor()))[0] == 200
