"""ModelTrainer in full, by variations: each default, refusal and combination, at the field that it is about.

All are compiled together, in one project. A variation has a name, its fields, and what it is `refused` or `warned`
for: fields that its errors or warnings are about, or the file that they point into.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sagespec.compiling import workspace
from sagespec.compiling.workspace import Compilation
from sagespec.project import settings as project_settings

from tests.acceptance.test_trainer_vectors import FOLDER
from tests.conftest import HERE, RECORDED_LOCK

VARIATIONS = [
    json.loads(line) for line in (HERE / "acceptance" / "trainer_fields.jsonl").read_text("utf-8").splitlines()
]
IMAGE = {"training_image": "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu"}


def prepare(root: Path) -> None:
    """Lay the files of the vectors beside the specs, and some that nothing can be made of."""
    shutil.copy(RECORDED_LOCK, root)
    fixtures = root / "specs" / "fixtures"
    shutil.copytree(FOLDER / "fixtures", fixtures)
    (fixtures / "emptydir").mkdir()
    with tarfile.open(fixtures / "empty.tar.gz", "w:gz"):
        pass
    with tarfile.open(fixtures / "nested.tar.gz", "w:gz") as archive:
        archive.add(fixtures / "code" / "train.py", "./pkg/train.py")
        archive.add(fixtures / "code" / "requirements.txt", "r.txt")
    texts = {
        "bad.tar.gz": "no archive",
        "code.zip": "PK",
        "big.json": json.dumps({"a": "x" * 3000}),
        "many.yaml": "\n".join(f"k{i}: {i}" for i in range(101)),
        "two.yaml": "a: 1\n---\nb: 2\n",
        "nothing.yaml": "",
        "nan.yaml": "a: .nan\n",
        "merge.yaml": "a: 1\nb: {<<: {c: 1}}\n",
        "dollar.yaml": 'a: ${x}\nb: {c: "$${spec.name}"}\n',
    }
    for name, text in texts.items():
        (fixtures / name).write_text(text, "utf-8")
    (fixtures / "latin.yaml").write_bytes(b"a: \xe9\n")


def compiled(root: Path, specs: Mapping[str, Mapping[str, Any]]) -> Compilation:
    paths = []
    for name, fields in specs.items():
        spec = {"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": {"name": name}, "spec": fields}
        paths.append(root / "specs" / f"{name}.json")
        paths[-1].write_text(json.dumps(spec, indent=1), "utf-8")
    project, _ = workspace.open_project(root, None)
    assert project is not None
    settings, _ = project_settings.choose(project, None, {})
    assert settings is not None
    return workspace.compile(workspace.check(settings, paths))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Compilation:
    root = tmp_path_factory.mktemp("variations")
    prepare(root)
    return compiled(root, {v["name"]: {**IMAGE, **v["fields"]} for v in VARIATIONS})


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda variation: str(variation["name"]))
def test_a_variation(variation: Any, done: Compilation) -> None:
    address, refused = f"ModelTrainer/{variation['name']}", "refused" in variation
    said = [d for d in done.diagnostics if d.address == address]
    assert (address in done.builds) != refused, said
    worst = [d for d in said if d.is_error == refused]
    about = variation["refused" if refused else "warned"]
    assert bool(worst) == bool(about)
    assert all(any(field in f"{d.file} {d.path} {d.message}" for d in worst) for field in about), worst
    assert all(d.line >= 1 and d.rule not in ("unknown-key", "api-type", "api-pattern") for d in worst), worst
    assert len({(d.file, d.path) for d in worst}) == len(worst), "a mistake is reported twice"


def parameters(name: str, done: Compilation) -> dict[str, Any]:
    return done.builds[f"ModelTrainer/{name}"].compiled.requests[-1].parameters


def test_defaults_are_those_of_the_sdk(done: Compilation) -> None:
    machine = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
    assert parameters("c-empty", done)["ResourceConfig"] == machine
    assert parameters("c-count-only", done)["ResourceConfig"] == {**machine, "InstanceCount": 3}
    assert parameters("c-volume-groups", done)["ResourceConfig"].keys() == {"InstanceGroups", "VolumeSizeInGB"}
    assert parameters("c-pref-top", done)["ResourceConfig"]["InstanceCount"] == 2
    own = {
        "LocalPath": "/opt/ml/checkpoints",
        "S3Uri": {"$identity": ["s3://my-bucket/p/q/a_b/a-b-", "/checkpoints"]},
    }
    assert parameters("ck-base", done)["CheckpointConfig"] == own
    default = {"LocalPath": "/opt/ml/output/tensorboard", "S3OutputPath": "s3://my-bucket/p/pytorch-training-job"}
    assert parameters("tb-own-output", done)["TensorBoardOutputConfig"] == default


def test_what_is_written_is_sent(done: Compilation) -> None:
    assert parameters("c-place-false", done)["ResourceConfig"]["InstancePlacementConfig"] == {
        "EnableMultipleJobs": False
    }
    assert parameters("i-infra-false", done)["InfraCheckConfig"] == {"EnableInfraCheck": False}
    assert parameters("c-keep-none", done)["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 0
    assert parameters("d-seed0", done)["InputDataConfig"][0]["ShuffleConfig"] == {"Seed": 0}


def test_arguments_are_texts_as_python_writes_them(done: Compilation) -> None:
    requests = done.builds["ModelTrainer/a-num"].compiled.requests
    (source,) = [r.parameters["Body"]["$json"] for r in requests if r.id == "drivers/sourcecode.json"]
    assert source["args"] == ["1e-05", "3", "0.1", "-1", "1e+22", "x y", ""]


def test_the_content_of_a_file_is_data(done: Compilation) -> None:
    sent = parameters("h-in-file-only", done)["HyperParameters"]
    assert sent == {"a": "${x}", "b": '{"c": "$${spec.name}"}'}


def test_all_groups_get_what_is_uploaded(done: Compilation) -> None:
    channels = {c["ChannelName"]: c["DataSource"] for c in parameters("d-groups-fs", done)["InputDataConfig"]}
    assert "FileSystemDataSource" in channels.pop("u")
    named = {name: source["S3DataSource"].get("InstanceGroupNames") for name, source in channels.items()}
    every = ["data", "gpu"]
    assert named == {"t": ["data"], "l": every, "code": every, "sm_drivers": every}
