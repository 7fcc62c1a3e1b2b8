"""Policies: what their own keywords say, limits that no schema can express, and tests of policies."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Run

SPEC = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: line}
spec:
  training_image: an-image:1
  compute: {instance_type: ml.m5.large, instance_count: 4}
  output_data_config: {s3_output_path: s3://my-bucket/output}
  stopping_condition: {max_runtime_in_seconds: 7200}
  region: us-west-2
"""
NO_OUTPUT = {"properties": {"requests": {"items": {"properties": {"parameters": {"required": ["VpcConfig"]}}}}}}
EXAMPLES = ROOT / "docs" / "guides" / "policies"


def write(project: Path, policy: dict[str, Any], policies: str = "[vpc.json]") -> None:
    (project / "specs" / "a.yaml").write_text(SPEC, "utf-8")
    (project / "vpc.json").write_text(json.dumps({**NO_OUTPUT, **policy}), "utf-8")
    text = f"apiVersion: sagespec/v1\nkind: Project\npolicies: {policies}\nenvironments: {{prod: {{}}, dev: {{}}}}\n"
    (project / "sagespec.yaml").write_text(text, "utf-8")


def test_a_policy_says_its_id_and_what_to_do(project: Path, run: Run) -> None:
    write(project, {"x-id": "vpc", "title": "jobs run in a VPC", "description": "set networking"})
    said = run("compile", code=1).stderr
    assert "error[policy]: vpc: jobs run in a VPC (requests[0].parameters: " in said
    assert "hint: set networking" in said
    write(project, {})
    assert "error[policy]: vpc.json: requests[0].parameters: " in run("compile", code=1).stderr


def test_a_policy_that_is_a_warning_lets_files_be_written(project: Path, run: Run) -> None:
    write(project, {"x-severity": "warning"})
    assert "warning[policy]: vpc.json" in run("compile").stderr
    assert (project / "compiled" / "ModelTrainer" / "line.json").is_file()


@pytest.mark.parametrize(
    ("applies", "code"),
    [
        ({"kind": "ModelTrainer"}, 1),
        ({"kind": ["SFT*", "Model*"]}, 1),
        ({"kind": "MultiTurnRLTrainer"}, 0),
        ({"environment": "prod"}, 1),
        ({"environment": "dev"}, 0),
        ({"kind": "ModelTrainer", "environment": "dev"}, 0),
    ],
)
def test_a_policy_applies_to_kinds_and_environments(project: Path, run: Run, applies: Any, code: int) -> None:
    write(project, {"x-applies-to": applies})
    run("compile", "-e", "prod", code=code)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"x-severity": "fatal"}, "x-severity is error or warning"),
        ({"x-id": 1}, "x-id is a text"),
        ({"x-applies-to": ["ModelTrainer"]}, "x-applies-to is an object"),
        ({"x-applies-to": {"kinds": "ModelTrainer"}}, "x-applies-to has no 'kinds'"),
        ({"x-applies-to": {"kind": 1}}, "kind is a pattern, or a list of patterns"),
        ({"title": 1}, "title"),
    ],
)
def test_keywords_that_mean_nothing_are_refused(project: Path, run: Run, keywords: Any, said: str) -> None:
    write(project, keywords)
    told = run("compile", code=1).stderr
    assert "vpc.json:1:" in told
    assert "error[bad-schema]" in told
    assert said in told


@pytest.mark.parametrize(("limit", "code"), [("8", 0), ("7.5", 1), ("0", 1)])
def test_instance_hours_are_limited(project: Path, run: Run, limit: str, code: int) -> None:
    write(project, {}, f"{{limits: {{instance_hours_per_run: {limit}}}}}")
    said = run("compile", code=code).stderr
    assert ("error[policy]: instance_hours_per_run: at most 8 instance-hours" in said) == bool(code)


def test_a_list_is_short_for_schemas(project: Path, run: Run) -> None:
    write(project, {}, "{schemas: [vpc.json]}")
    assert "error[policy]: vpc.json" in run("compile", code=1).stderr
    write(project, {}, "{schemas: [none.json]}")
    assert "none.json: there is no such file" in run("compile", code=1).stderr
    write(project, {}, "{schema: [vpc.json]}")
    assert "sagespec.yaml:3:" in run("compile", code=1).stderr


EXCEPTION = "exceptions: [{policy: vpc, address: ModelTrainer/line, reason: moving, until: %s}]\n"


@pytest.mark.parametrize(
    ("exception", "environment", "said"),
    [
        (EXCEPTION % "2999-12-31", "prod", ""),
        (EXCEPTION % "2999-12-31", "dev", ""),
        (
            EXCEPTION % "2020-12-31",
            "prod",
            "error[expired-exception]: the exception of ModelTrainer/line from",
        ),
        (EXCEPTION.replace("/line", "/lines") % "2999-12-31", "prod", "no spec has the address ModelTrainer/lines"),
        (EXCEPTION.replace("vpc", "vcp") % "2999-12-31", "prod", "there is no policy and no limit 'vcp'"),
        (EXCEPTION % "soon", "prod", "a day such as 2026-12-31"),
        (EXCEPTION.replace("reason: moving, ", "") % "2999-12-31", "prod", "reason"),
    ],
)
def test_an_exception_counts_for_its_spec_until_its_day(
    project: Path, run: Run, exception: str, environment: str, said: str
) -> None:
    write(project, {"x-id": "vpc", "x-applies-to": {"environment": "prod"}})
    file = project / "sagespec.yaml"
    file.write_text(file.read_text("utf-8") + exception, "utf-8")
    told = run("compile", "-e", environment, code=1 if said else 0).stderr
    assert said in told
    assert not said or "sagespec.yaml:5:" in told


@pytest.mark.parametrize("address", ["ModelTrainer/*", "*/line", "line", "ModelTrainer/${env}-line"])
def test_an_exception_is_of_one_spec_that_it_names(project: Path, run: Run, address: str) -> None:
    """A glob would also excuse the specs that are written after it was reviewed."""
    write(project, {"x-id": "vpc"})
    file = project / "sagespec.yaml"
    file.write_text(file.read_text("utf-8") + (EXCEPTION % "2999-01-01").replace("ModelTrainer/line", f'"{address}"'))
    said = run("compile", code=1).stderr
    assert f'sagespec.yaml:5:37: error[bad-pattern]: "{address}" is not the address of one spec' in said


def test_an_exception_of_what_is_satisfied_is_an_error(project: Path, run: Run) -> None:
    write(project, {"x-id": "vpc"})
    file = project / "sagespec.yaml"
    file.write_text(file.read_text("utf-8") + EXCEPTION % "2999-12-31", "utf-8")
    run("compile")
    (project / "vpc.json").write_text('{"x-id": "vpc"}', "utf-8")
    said = run("compile", code=1).stderr
    assert "sagespec.yaml:5:14: error[unused-exception]: ModelTrainer/line satisfies vpc" in said


def test_the_policies_that_are_shipped_satisfy_their_tests(run: Run) -> None:
    assert "6 policies, 3 good and 7 bad files: no failures" in run("policy", "test", EXAMPLES).stderr


def test_a_policy_that_forbids_nothing_or_too_much_fails_its_test(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(EXAMPLES, folder)
    (folder / "bad" / "spot.json").unlink()
    said = run("policy", "test", folder, code=1).stderr
    assert said == "error: spot: no file in bad violates it\n6 policies, 3 good and 6 bad files: 1 failure\n"
    shutil.copy(folder / "good" / "training.json", folder / "bad" / "fine.json")
    assert "fine.json: violates no policy" in run("policy", "test", folder, code=1).stderr
    shutil.copy(EXAMPLES / "bad" / "kms.json", folder / "good")
    assert "kms.json: violates kms: output is encrypted" in run("policy", "test", folder, code=1).stderr
    (folder / "kms.json").write_text("{", "utf-8")
    assert "kms.json" in run("policy", "test", folder, code=1).stderr
    shutil.rmtree(folder / "bad")
    run("policy", "test", folder, code=1)


def test_the_shipped_policies_hold_in_a_project(project: Path, run: Run) -> None:
    """They are about compiled files as they are, not only as their tests write them."""
    write(project, {}, "[policies/*.json]")
    shutil.copytree(EXAMPLES, project / "policies", ignore=shutil.ignore_patterns("good", "bad"))
    said = run("compile", "-e", "prod", code=1).stderr
    found = {id for id in ("kms", "vpc", "regions", "instance-types", "tags", "spot") if f"[policy]: {id}: " in said}
    assert found == {"kms", "vpc", "instance-types", "tags", "spot"}
    lines = said.splitlines()
    lacking = [after.strip() for line, after in pairwise(lines) if "[policy]: vpc: " in line]
    assert {*lacking} == {"spec:"}, "what a request lacks is no field's fault"
