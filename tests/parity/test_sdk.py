"""The real SDK, pointed at the sandbox, reads what we have submitted; `make parity` runs this."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sagespec.sandbox import Sandbox

from tests.acceptance.test_isolation import PROXIES, in_the_sandbox
from tests.conftest import ROOT, Recorder, Run

SCRIPT = ROOT / "tests" / "parity" / "reads_with_the_sdk.py"
FINE_TUNING = {"SFTTrainer", "DPOTrainer", "RLVRTrainer", "RLAIFTrainer"}
TYPES = {
    "BenchMarkEvaluator": "benchmark",
    "CustomScorerEvaluator": "customscorer",
    "LLMAsJudgeEvaluator": "llmasjudge",
    "MultiTurnRLEvaluator": "mtrl",
}


@pytest.mark.parity
def test_the_sdk_reads_jobs_and_evaluations(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    run("compile")
    run("apply", "--yes", "--wait", "--poll", "0.1")
    ours = json.loads(run("status", "-o", "json").stdout)["status"]
    job = next(s for s in ours if s["address"] == "MultiTurnRLTrainer/support-agent")
    executions = {s["arn"]: s for s in ours if s["kind"] == "execution"}
    tuned = {s["name"]: s for s in ours if s["address"].partition("/")[0] in FINE_TUNING}
    command = [os.environ["PARITY_PYTHON"], str(SCRIPT), job["name"], *executions, *tuned]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=project)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])

    details = job["details"]
    assert read["job"]["name"] == job["name"]
    assert read["job"]["status"] == job["status"] == "Completed"
    assert read["job"]["output"] == details["output_model_package_arn"]
    assert read["job"]["s3_output_path"] == details["s3_output_path"]
    assert read["job"]["agent"] == details["agent_config"]
    assert read["job"]["training"] == details["training_config"]
    listed = json.loads(run("list", "--kind", "MultiTurnRLTrainer", "-o", "json").stdout)["runs"]
    assert set(read["jobs"]) == {entry["name"] for entry in listed} > {job["name"]}

    assert {s["address"].partition("/")[0] for s in tuned.values()} == FINE_TUNING
    for name, status in tuned.items():
        training, details = read["trainings"][name], status["details"]
        assert training["status"] == status["status"] == "Completed"
        assert f"{training['technique']}Trainer" == status["address"].partition("/")[0]
        assert training["model"] == details["serverless_job_config"]["BaseModelArn"]
        assert training["package"] == details["output_model_package_arn"]
        assert training["hyperparameters"] == details["hyper_parameters"]
        assert training["mlflow_run"] == details["mlflow_details"]["RunId"]
        assert training["tokens"] == details["billable_token_count"] > 0

    assert {e["arn"] for e in read["listed"]} == set(executions)
    for found in (*read["listed"], *read["executions"].values()):
        expected = executions[found["arn"]]
        assert found["type"] == TYPES[expected["address"].partition("/")[0]], found
        assert found["status"] == "Succeeded"
        assert sorted(found["steps"]) == sorted(step["name"] for step in expected["steps"])


ALONE = """
import sys
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train.agent_rft_job import AgentRFTJob
from sagemaker.train.common_utils.mlflow_url_utils import get_presigned_mlflow_experiment_url

session = Session()
assert session.account_id() == "123456789012"
assert get_execution_role(session).endswith(":role/SageMakerRole")
job = AgentRFTJob.get("finished-mtrl-job")
experiment = job.mlflow_details["ExperimentId"] if isinstance(job.mlflow_details, dict) else None
url = get_presigned_mlflow_experiment_url(sys.argv[1], "finished-mtrl-job")
assert url.startswith("http://127.0.0.1:") and "#/experiments/" in url, url
assert "searchFilter" not in url, "the experiment was found by its name"
"""


@pytest.mark.parity
def test_the_sdk_alone_reaches_the_sandbox_and_nothing_else(project: Path, recorder: Recorder) -> None:
    """STS, whose endpoint it pins; MLflow by presigned URLs; and it tells nobody what it does."""
    app = "arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-DEFAULT"
    proxies = dict.fromkeys(PROXIES, recorder.url)
    done = in_the_sandbox(os.environ["PARITY_PYTHON"], "-c", ALONE, app, **proxies)
    assert (done.returncode, recorder.seen) == (0, []), done.stderr[-3000:]


@pytest.mark.parity
def test_what_the_sdk_starts_is_ours_to_follow(tmp_path: Path) -> None:
    """One of each kind, started by the SDK as a notebook does, with no change to it; then read by us."""
    ours = f'"{sys.executable}" -m sagespec'
    script = f"""
        "$PARITY_PYTHON" "{ROOT}/tests/parity/starts_with_the_sdk.py" . > sdk.txt
        "$PARITY_PYTHON" -c 'import json; print(json.loads(open("sdk.txt").readlines()[-1])["job"]["name"])' > job
        {ours} list -o json > list.json
        {ours} status "$(cat job)" -o json > status.json
        {ours} metrics "$(cat job)" -o json > metrics.json
        shown='import json, sys; print(json.loads(open("sdk.txt").readlines()[-1])[sys.argv[1]])'
        for name in agent training; do
            "$PARITY_PYTHON" -c "$shown" $name > name
            {ours} status "$(cat name)" -o json > "status-$name.json"
        done
        for arn in $("$PARITY_PYTHON" -c 'import json
        for found in json.loads(open("sdk.txt").readlines()[-1])["executions"].values(): print(found["arn"])'); do
            {ours} status "$arn" -o json > "status-$(basename "$arn").json"
            {ours} results "$arn" -o json > "results-$(basename "$arn").json"
        done
    """
    lines = [line.strip() for line in script.splitlines()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler"), "COLUMNS": "200"}
    command = [
        sys.executable,
        "-m",
        "sagespec",
        "sandbox",
        "--bucket",
        "my-bucket",
        "--",
        "sh",
        "-euc",
        "\n".join(lines),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr + (tmp_path / "sdk.txt").read_text("utf-8")[-2000:]
    sdk = json.loads((tmp_path / "sdk.txt").read_text("utf-8").splitlines()[-1])

    def read(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        return found

    runs = {run["name"]: run for run in read("list")["runs"]}
    assert runs[sdk["job"]["name"]]["status"] == sdk["job"]["status"] == "Completed"
    assert runs[sdk["training"]]["kind"] == "ModelTrainer"
    (job,) = read("status")["status"]
    assert job["details"]["output_model_package_arn"] == sdk["job"]["package"]
    for kind, tuned in sdk["tuned"].items():
        assert (runs[tuned["name"]]["kind"], tuned["status"]) == (kind, "Completed")
        assert ":model-package/out-mpg/" in tuned["package"]
    assert sdk["tuned"]["DPOTrainer"]["source"] == sdk["tuned"]["SFTTrainer"]["package"]
    (training,), (agent,) = read("status-training")["status"], read("status-agent")["status"]
    assert (training["name"], training["status"]) == (sdk["training"], "Completed")
    assert agent["arn"] == sdk["agent"]
    steps = {row["step"]: row for row in sdk["metrics"]}
    assert steps
    assert len(read("metrics")["steps"]) == len(steps)
    arns = {found["arn"]: kind for kind, found in sdk["executions"].items()}
    assert {run["arn"]: run["kind"] for run in runs.values() if run["arn"] in arns} == arns
    for arn in arns:
        name = arn.rpartition("/")[2]
        (execution,) = read(f"status-{name}")["status"]
        assert execution["status"] == "Succeeded"
        scores = {score["metric"]: score for score in read(f"results-{name}")["scores"]}
        assert scores
        assert all(score["base"] and score["custom"] for score in scores.values()), arns[arn]
        if arns[arn] == "LLMAsJudgeEvaluator":
            assert set(scores) == {"Correctness", "Warmth"}
            assert "Warmth" in (tmp_path / "sdk.txt").read_text("utf-8"), "the SDK shows it, too"
