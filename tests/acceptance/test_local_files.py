"""Files beside a spec: data, archives of code and hyperparameters, from the spec to what lies in S3."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import Run

BUCKET = "sagemaker-us-west-2-123456789012"
TRAINING = """
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: t}
spec:
  training_image: image:1
  source_code: {source_dir: code.tar.gz, entry_script: train.py}
  hyperparameters: settings/${file}.yaml
  input_data_config:
    - {channel_name: train, data_source: data}
    - {channel_name: test, data_source: data/test.csv}
"""
GIVEN = ("-D", "file=h")


@pytest.fixture
def training(project: Path) -> Path:
    """A project that is its own git work tree; data and hyperparameters look like specs, and lie among them."""
    specs = project / "specs"
    for name, text in {
        "t.yaml": TRAINING,
        "settings/h.yaml": "lr: 0.1\nnote: ${lr}\n",
        "data/test.csv": "1\n",
        "data/a.yaml": "kind: ModelTrainer\n",
        "data/.cache/hidden.json": "[",
        "data/__pycache__/x.pyc": "x",
        "data/.git/config": "x",
        "train.py": "print(1)\n",
    }.items():
        (specs / name).parent.mkdir(parents=True, exist_ok=True)
        (specs / name).write_text(text, "utf-8")
    with tarfile.open(specs / "code.tar.gz", "w:gz") as archive:
        archive.add(specs / "train.py", "./train.py")
    return project


def made(run: Run) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("compile", *GIVEN, "--stdout", "ModelTrainer/t").stdout)
    return document


def requests(document: dict[str, Any]) -> dict[str, Any]:
    return {request["id"]: request["parameters"] for request in document["requests"]}


def test_data_is_uploaded_whole_and_nothing_of_it_is_a_spec(training: Path, run: Run) -> None:
    said = run("compile", *GIVEN).stderr
    assert "warning[no-spec]: this file is code or data of a spec" in said
    assert said.count("[") == 1, said
    sent = requests(made(run))
    names = [id.removeprefix("data/train/") for id in sent if id.startswith("data/train/")]
    assert names == [".cache/hidden.json", "__pycache__/x.pyc", "a.yaml", "test.csv"]
    channels = {c["ChannelName"]: c["DataSource"]["S3DataSource"]["S3Uri"] for c in sent["job"]["InputDataConfig"]}
    assert channels["train"].endswith("/")
    assert channels["test"] == f"s3://{BUCKET}/{sent['data/test/test.csv']['Key']}"
    assert channels["code"] == f"s3://{BUCKET}/{sent['source/code.tar.gz']['Key']}"
    assert sent["drivers/sourcecode.json"]["Body"]["$json"] == {
        "entry_script": "train.py",
        "source_dir": "code.tar.gz",
    }


def test_the_project_itself_may_be_the_data(training: Path, run: Run) -> None:
    spec = training / "specs" / "t.yaml"
    spec.write_text(TRAINING.replace("data_source: data}", "data_source: ..}"), "utf-8")
    run("compile", *GIVEN)
    first = made(run)
    names = [id for id in requests(first) if id.startswith("data/train/")]
    assert "data/train/specs/t.yaml" in names
    assert not [name for name in names if "compiled" in name or "lock" in name or ".git/" in name]
    run("compile", *GIVEN)
    assert made(run) == first


def test_what_a_file_of_hyperparameters_says_is_data_and_counts(training: Path, run: Run) -> None:
    first = made(run)
    assert requests(first)["job"]["HyperParameters"] == {"lr": "0.1", "note": "${lr}"}
    run("compile", *GIVEN)
    file = training / "specs" / "settings" / "h.yaml"
    file.write_text("lr: 0.2\nnote: ${lr}\n", "utf-8")
    stale = run("compile", *GIVEN, "--check", code=1).stderr
    assert "spec.hyperparameters.lr has changed" in stale
    assert "(specs/settings/h.yaml:1)" in stale
    assert made(run)["metadata"]["identity"] != first["metadata"]["identity"]
    file.write_text(f"lr: 0.2\nnote: {'x' * 2501}\n", "utf-8")
    told = run("compile", *GIVEN, code=1).stderr
    assert "specs/settings/h.yaml:2:7: error[api-length]" in told
    assert "note: xxx" in told, "its line is shown"


def test_no_line_of_hyperparameters_from_outside_is_shown(training: Path, run: Run, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "h.yaml").write_text("token: [secret\n", "utf-8")
    project = "apiVersion: sagespec/v1\nkind: Project\n"
    (training / "sagespec.yaml").write_text(project, "utf-8")
    (training / "specs" / "settings" / "h.yaml").unlink()
    (training / "specs" / "settings" / "h.yaml").symlink_to(outside / "h.yaml")
    told = run("compile", *GIVEN, code=1).stderr
    assert "specs/t.yaml:8:20: error[outside-project]: settings/h.yaml leads out of the project" in told
    (training / "sagespec.yaml").write_text(f"{project}allow_outside: ['{outside}']\n", "utf-8")
    told = run("compile", *GIVEN, code=1).stderr
    assert "specs/t.yaml:8:20: error[syntax]: settings/h.yaml: not a JSON or YAML file with one mapping" in told
    assert "secret" not in told
    (outside / "h.yaml").write_text("token: secret\n", "utf-8")
    assert requests(made(run))["job"]["HyperParameters"] == {"token": "secret"}


def test_local_files_arrive_once(training: Path, aws: Sandbox, run: Run) -> None:
    run("compile", *GIVEN)
    run("apply", "--yes")
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    there = {o["Key"].partition("/")[2]: o for o in listed if not o["Key"].endswith("/output/model.tar.gz")}
    assert {key.split("/")[0] for key in there} == {"train", "test", "code", "sm_drivers"}
    changes = len(aws.mutations())
    run("compile", *GIVEN)
    run("apply", "--yes")
    assert len(aws.mutations()) == changes
    (training / "specs" / "data" / "test.csv").write_text("2\n", "utf-8")
    run("compile", *GIVEN)
    run("apply", "--yes")
    assert len(aws.region("us-west-2").table("training_jobs")) == 2
