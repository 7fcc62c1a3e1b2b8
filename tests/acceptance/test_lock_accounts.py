"""Whose facts are locked: accounts, environments, regions, and specs that are locked or upgraded alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import Run

FILE = "sagespec.lock.json"
HERE, THERE = "123456789012", "210987654321"
QWEN, LARGE = "huggingface-reasoning-qwen3-4b", "huggingface-reasoning-qwen3-32b"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for specs and no lock; the working directory."""
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contexts(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / FILE).read_text("utf-8"))["contexts"]
    return found


def write(project: Path, *specs: dict[str, Any], file: str = "") -> None:
    text = "---\n".join(json.dumps(spec, indent=1) + "\n" for spec in specs)
    (project / "specs" / f"{file or specs[0]['metadata']['name']}.yaml").write_text(text, "utf-8")


def benchmark(name: str, **fields: Any) -> dict[str, Any]:
    given = {"model": QWEN, "benchmark": "mmlu", "s3_output_path": f"s3://my-bucket/{name}", **fields}
    return {"apiVersion": "sagespec/v1", "kind": "BenchMarkEvaluator", "metadata": {"name": name}, "spec": given}


def describe(project: Path, **content: Any) -> None:
    (project / "sagespec.yaml").write_text(
        json.dumps({"apiVersion": "sagespec/v1", "kind": "Project", **content}), "utf-8"
    )


def environments(**accounts: str) -> dict[str, Any]:
    return {name: {"defaults": {"account": account}} for name, account in accounts.items()}


def lock_as(account: str, project: Path, sagespec: Path) -> str:
    """Lock with the credentials of another account, which has the same things; give what was said."""
    theirs = project / "theirs"
    theirs.mkdir()
    known = {f"{account}/us-west-2": place(account, "us-west-2")}
    lock = {"apiVersion": "sagespec/v1", "kind": "Lock", "contexts": known}
    (theirs / FILE).write_text(json.dumps(lock), "utf-8")
    (theirs / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\n", "utf-8")
    command: list[str | Path] = [sagespec, "sandbox", "--project", theirs / "sagespec.yaml", "--", sagespec, "lock"]
    return subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stderr


def place(account: str, region: str) -> dict[str, str]:
    return {"account": account, "region": region, "partition": "aws"}


def test_two_accounts_are_locked_one_after_the_other(empty: Path, aws: Sandbox, run: Run, sagespec: Path) -> None:
    describe(empty, defaults={"region": "us-west-2"}, environments=environments(dev=HERE, prod=THERE))
    write(empty, benchmark("one", role="SageMakerRole"))
    said = run("lock").stderr
    assert "sagespec.yaml:1:" in said
    assert f"warning[missing-fact]: prod needs a lock from credentials of account {THERE}" in said
    assert list(contexts(empty)) == [f"{HERE}/us-west-2"]
    run("compile", "-e", "dev")
    dev = contexts(empty)[f"{HERE}/us-west-2"]
    assert f"dev needs a lock from credentials of account {HERE}" not in lock_as(THERE, empty, sagespec)
    assert contexts(empty)[f"{HERE}/us-west-2"] == dev
    assert sorted(contexts(empty)) == [f"{HERE}/us-west-2", f"{THERE}/us-west-2"]
    run("compile", "-e", "prod")


def test_what_another_account_lacks_blocks_nothing(empty: Path, aws: Sandbox, run: Run) -> None:
    describe(empty, defaults={"region": "us-west-2"}, environments=environments(dev=HERE, prod=THERE))
    write(empty, benchmark("one"))
    theirs = {f"{THERE}/us-west-2": place(THERE, "us-west-2")}
    (empty / FILE).write_text(json.dumps({"apiVersion": "sagespec/v1", "kind": "Lock", "contexts": theirs}), "utf-8")
    assert f"prod needs a lock from credentials of account {THERE}: no MLflow ARN" in run("lock").stderr
    assert contexts(empty)[f"{THERE}/us-west-2"] == theirs[f"{THERE}/us-west-2"]
    assert contexts(empty)[f"{HERE}/us-west-2"]["hub_models"]


@pytest.mark.parametrize(
    "project",
    [
        {"defaults": {"region": "us-west-2", "account": THERE}},
        {"defaults": {"region": "us-west-2"}, "environments": environments(prod=THERE)},
    ],
)
def test_credentials_of_an_account_that_nobody_asked_for_lock_nothing(
    project: dict[str, Any], empty: Path, aws: Sandbox, run: Run, sagespec: Path
) -> None:
    describe(empty, **project)
    write(empty, benchmark("one"))
    for check in ([], ["--check"]):
        said = run("lock", *check, code=1).stderr
        assert f"error[missing-fact]: the credentials are of account {HERE}, in which nothing of this project" in said
        assert f"sign in to account {THERE}" in said
    assert not (empty / FILE).exists()
    lock_as(THERE, empty, sagespec)
    before = (empty / FILE).read_bytes()
    run("lock", "--check", code=1)
    run("lock", "--upgrade", code=1)
    assert (empty / FILE).read_bytes() == before


def test_a_project_is_also_locked_without_its_environments(empty: Path, aws: Sandbox, run: Run) -> None:
    dev = {"values": {"model": LARGE}, "defaults": {"role": "SageMakerRole"}}
    describe(empty, defaults={"region": "us-west-2"}, environments={"dev": dev})
    write(empty, benchmark("one"))
    write(empty, benchmark("two", model="${model}"))
    run("lock")
    locked = contexts(empty)[f"{HERE}/us-west-2"]
    assert sorted(locked["hub_models"]) == [LARGE, QWEN]
    assert locked["role"]
    assert locked["roles"]
    run("compile", "-e", "dev")
    run("compile", "specs/one.yaml")
    assert "no value is called 'model'" in run("compile", code=1).stderr
    dev["defaults"] = {"region": "us-west-2"}
    describe(empty, environments={"dev": dev})
    (empty / FILE).unlink()
    run("lock")  # without the environment there is no region, which is no mistake
    assert list(contexts(empty)) == [f"{HERE}/us-west-2"]


@pytest.mark.parametrize("name", ["SAGEMAKER_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", "profile"])
def test_the_region_of_the_machine_counts_last(
    name: str, empty: Path, aws: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(other, raising=False)
    if name == "profile":
        (empty / "config").write_text("[default]\nregion = us-west-2\n", "utf-8")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(empty / "config"))
    else:
        monkeypatch.setenv(name, "us-west-2")
    write(empty, benchmark("one"))
    run("lock")
    assert list(contexts(empty)) == [f"{HERE}/us-west-2"]
    monkeypatch.setenv("SAGEMAKER_REGION", "eu-west-1")
    run("lock")  # the lock's only region is stronger
    assert list(contexts(empty)) == [f"{HERE}/us-west-2"]
    assert "eu-west-1" in run("lock", "--region", "eu-west-1", code=1).stderr
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "nobody" in run("lock", code=3).stderr


def test_a_context_that_nobody_uses_is_dropped(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, benchmark("one", region="us-west-2"))
    unused = place(HERE, "eu-west-1")
    document = {"apiVersion": "sagespec/v1", "kind": "Lock", "contexts": {f"{HERE}/eu-west-1": unused}}
    (empty / FILE).write_text(json.dumps(document), "utf-8")
    run("lock", "specs/one.yaml")
    assert sorted(contexts(empty)) == [f"{HERE}/eu-west-1", f"{HERE}/us-west-2"]
    run("lock")
    assert list(contexts(empty)) == [f"{HERE}/us-west-2"]


def test_where_nothing_asks_nothing_is_written(empty: Path, aws: Sandbox, run: Run) -> None:
    assert "nothing to lock" in run("lock").stderr
    assert not (empty / FILE).exists()
    (empty / "specs" / "a.yaml").write_text("kind: Nothing\n", "utf-8")
    said = run("lock", code=1).stderr
    assert "error[unknown-kind]" in said
    assert not (empty / FILE).exists()


def move(aws: Sandbox, *models: str) -> None:
    """Let the hub have new versions."""
    known = aws.region("us-west-2").facts["hub_models"]
    for name in models:
        arn = known[name]["arn"].rpartition("/")[0]
        known[name] = {**known[name], "version": "9.0.0", "arn": f"{arn}/9.0.0"}


def versions(project: Path) -> dict[str, str]:
    return {name: m["version"] for name, m in contexts(project)[f"{HERE}/us-west-2"]["hub_models"].items()}


def test_an_upgraded_file_leaves_the_others_alone(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, benchmark("one"))
    write(empty, benchmark("two", model=LARGE))
    run("lock", "--region", "us-west-2")
    move(aws, QWEN, LARGE)
    run("lock", "--upgrade", "specs/two.yaml")
    assert versions(empty) == {QWEN: "1.0.0", LARGE: "9.0.0"}
    run("lock", "--upgrade")
    assert versions(empty) == {QWEN: "9.0.0", LARGE: "9.0.0"}


def test_an_upgraded_address_asks_nothing_for_others(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, benchmark("one"))
    run("lock", "--region", "us-west-2")
    write(empty, benchmark("lost", model="no-such-model"))
    move(aws, QWEN)
    run("lock", "--upgrade", "BenchMarkEvaluator/one")
    assert versions(empty) == {QWEN: "9.0.0"}
    run("lock", code=1)


def test_a_value_that_nothing_uses_locks_nothing(empty: Path, aws: Sandbox, run: Run) -> None:
    write(empty, benchmark("one"))
    assert "nothing uses a value 'modle'" in run("lock", "--region", "us-west-2", "-D", "modle=x", code=2).stderr
    assert not (empty / "sagespec.lock.json").exists()


def test_an_upgraded_address_takes_what_it_refers_to_and_nothing_else(empty: Path, aws: Sandbox, run: Run) -> None:
    describe(empty, defaults={"region": "us-west-2"})
    trainer = {
        "apiVersion": "sagespec/v1",
        "kind": "MultiTurnRLTrainer",
        "metadata": {"name": "t"},
        "spec": {"model": LARGE, "agent_env": "myRuntime-aBcDeFgHiJ", "training_dataset": "s3://my-bucket/t.jsonl"},
    }
    write(empty, trainer)
    write(empty, benchmark("tuned", model={"ref": "MultiTurnRLTrainer/t"}), benchmark("other"))
    run("lock")
    move(aws, QWEN, LARGE)
    run("lock", "--upgrade", "BenchMarkEvaluator/tuned")
    assert versions(empty) == {QWEN: "1.0.0", LARGE: "9.0.0"}
