"""Scalars that become text arrive as they are written; those that stay values keep their types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sagespec.compiling import workspace
from sagespec.compiling.workspace import Compilation
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project
from sagespec.reading import source

from tests.conftest import LOCK

FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
SIGN, DIGITS, POINT = st.sampled_from(["", "-", "+"]), st.from_regex(r"[0-9]{1,14}", fullmatch=True), st.just(".")
EXPONENT = st.from_regex(r"[eE][-+]?[0-9]{1,2}", fullmatch=True)
NUMBERS = st.one_of(
    st.tuples(SIGN, DIGITS),
    st.tuples(SIGN, DIGITS, POINT, DIGITS),
    st.tuples(SIGN, POINT, DIGITS),
    st.tuples(SIGN, DIGITS, POINT),
    st.tuples(SIGN, DIGITS, EXPONENT),
    st.tuples(SIGN, DIGITS, POINT, DIGITS, EXPONENT),
    st.tuples(st.just("0x"), st.from_regex(r"[0-9a-fA-F]{1,8}", fullmatch=True)),
    st.tuples(st.just("0o"), st.from_regex(r"[0-7]{1,8}", fullmatch=True)),
).map("".join)
WORDS = st.sampled_from(
    ["true", "True", "TRUE", "false", "False", "null", "Null", "NULL", "~", "yes", "no", "on", "off", "y", "1_000"]
) | st.sampled_from(
    ["2026-01-31", "2026-01-31T12:00:00Z", "12:30:45", "0b11", "1e", "0xZ", "1.2.3", "01", "-0", "1.e1"]
)
SPELLINGS = NUMBERS | WORDS
JSON_NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,5})?([eE][-+]?[0-9]{1,2})?", fullmatch=True)

YAML = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {{name: a}}
spec:
  training_image: "repo/image:v${{tag}}"
  compute: {{instance_type: ml.m5.large}}
  output_data_config: {{s3_output_path: "s3://my-bucket/out/${{tag}}"}}
  environment: {{WRITTEN: &x {0}, ALIAS: *x, FILLED: "${{tag}}", LATER: "${{later}}"}}
  tags:
    - {{key: written, value: {0}}}
    - {{key: filled, value: "${{tag}}"}}
"""
ENVIRONMENT = """\
apiVersion: sagespec/v1
kind: Project
defaults: {{tags: {{default: {0}, filled-default: "${{tag}}"}}}}
environments: {{prod: {{values: {{tag: {0}, later: "${{tag}}"}}}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sagespec.lock.json").write_bytes(LOCK.read_bytes())
    return tmp_path


def compiled(folder: Path, file: str, text: str, environment: str | None, **values: Any) -> Compilation:
    (folder / file).write_text(text, "utf-8")
    chosen, diagnostics = project_settings.choose(opened(folder), environment, values)
    assert chosen is not None, diagnostics
    done = workspace.compile(workspace.check(chosen, [folder / file]))
    assert not done.failed, done.diagnostics
    return done


def opened(folder: Path) -> Project:
    found, diagnostics = workspace.open_project(folder, None)
    assert found is not None, diagnostics
    return found


def texts(done: Compilation) -> dict[str, Any]:
    """Every text of the job that a scalar has become."""
    (build,) = done.builds.values()
    (job,) = [r.parameters for r in build.compiled.requests if r.id == "job"]
    tags = {tag["Key"]: tag["Value"] for tag in job["Tags"] if not tag["Key"].startswith("sagespec:")}
    image, path = job["AlgorithmSpecification"]["TrainingImage"], job["OutputDataConfig"]["S3OutputPath"]
    inside = {"image": image.removeprefix("repo/image:v"), "path": path.removeprefix("s3://my-bucket/out/")}
    return {**job.get("Environment", {}), **tags, **inside}


@FOLDER
@given(SPELLINGS)
@example("1.30")
@example("012345678901")
@example("12345e6")
def test_a_scalar_of_a_yaml_file_arrives_as_it_is_written(folder: Path, spelling: str) -> None:
    (folder / "sagespec.yaml").write_text(ENVIRONMENT.format(spelling), "utf-8")
    found = texts(compiled(folder, "a.yaml", YAML.format(spelling), "prod"))
    assert len(found) == 10
    assert set(found.values()) == {spelling}


@FOLDER
@given(SPELLINGS)
def test_a_scalar_of_the_command_line_arrives_as_it_is_written(folder: Path, spelling: str) -> None:
    given_values = {"tag": source.scalar(spelling), "later": source.scalar("${tag}")}
    found = texts(compiled(folder, "a.yaml", YAML.format(spelling), None, **given_values))
    assert set(found.values()) == {spelling}


@FOLDER
@given(JSON_NUMBERS | st.sampled_from(["true", "false", "null"]))
def test_a_scalar_of_a_json_file_arrives_as_it_is_written(folder: Path, spelling: str) -> None:
    document = yaml.safe_load(YAML.format('"here"'))
    written = json.dumps(document).replace('"here"', spelling)
    found = texts(compiled(folder, "a.json", written, None, tag=source.scalar(spelling), later="${tag}"))
    assert set(found.values()) == {spelling}


@FOLDER
@given(NUMBERS)
def test_a_number_that_stays_one_has_its_value(folder: Path, spelling: str) -> None:
    text = YAML.format("x") + f'  hyperparameters: {{written: {spelling}, filled: "${{tag}}", list: [{spelling}]}}\n'
    done = compiled(folder, "a.yaml", text, None, tag=source.scalar(spelling), later=1)
    (build,) = done.builds.values()
    (job,) = [r.parameters for r in build.compiled.requests if r.id == "job"]
    value = json.dumps(source.load("a.yaml", spelling.encode())[0][0].data)
    assert job["HyperParameters"] == {"written": value, "filled": value, "list": f"[{value}]"}


def test_whole_maps_and_lists_keep_the_text_too(folder: Path) -> None:
    written = YAML.format("1.30")
    filled = written[: written.index("  environment")] + '  environment: "${all}"\n  tags: ["${one}"]\n'
    values = {"all": source.scalar("{A: 3.10, B: 0x1F}"), "one": source.scalar("{key: k, value: 0042}")}
    found = texts(compiled(folder, "a.yaml", filled, None, tag=source.scalar("1.30"), **values))
    assert found == {"A": "3.10", "B": "0x1F", "k": "0042", "image": "1.30", "path": "1.30"}
