"""Every member that `schemas/v1/outputs/` describes is written by a command.

That no command writes another one holds for all tests: `run` hands all JSON to `tests/formats.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from sagespec.cli import exits
from sagespec.sandbox import Sandbox

from tests import formats
from tests.acceptance.test_commits import git
from tests.conftest import ROOT, Run
from tools import write_formats

FAST = ("--yes", "--wait", "--poll", "1")
TRAINER, EVALUATION = "MultiTurnRLTrainer/support-agent", "BenchMarkEvaluator/math"
LINE, JUDGE = "ModelTrainer/line", "LLMAsJudgeEvaluator/support-tone"
SPEC = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
EVALUATE = """\
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: math, thresholds: [{metric: exact_match, minimum: 0.1}]}
spec:
  model: {ref: MultiTurnRLTrainer/support-agent}
  benchmark: math
  s3_output_path: s3://my-bucket/evaluations
"""
TRAIN = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: line}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.6
  compute: {instance_type: ml.p5.48xlarge}
  stopping_condition: {max_runtime_in_seconds: 1800}
  hyperparameters: {learning_rate: 2e-5}
"""
PROJECT = "apiVersion: sagespec/v1\nkind: Project\nprices: {ml.p5.48xlarge: 98.32}\n"
TAGS = "defaults: {tags: {team: rl}}\n"
EXCEPTION = """\
policies: {schemas: [], limits: {instance_hours_per_run: 0.1}}
exceptions: [{policy: instance_hours_per_run, address: ModelTrainer/line, reason: once, until: 2999-06-30}]
"""
NEVER = {f"common/cost {name}": "no kind makes a tuner yet" for name in ("jobs", "jobs_at_once")}
"""Members that no command can write, and why they are described."""


class Seen:
    """Runs commands, and remembers which members they have written."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.members: set[str] = set()

    def __call__(self, *args: str, code: int | None = exits.DONE) -> None:
        """Run a command that writes a document."""
        written = self.run(*args, code=code).stdout
        name = formats.document(args)
        assert name is not None
        documents = formats.read(name, written)
        assert documents
        self.members.update(*(formats.seen(name, one) for one in documents))


@pytest.fixture
def seen(run: Run) -> Seen:
    return Seen(run)


RUNS = (
    *("plan", "apply", "status", "describe", "wait", "list", "logs", "verify", "results", "iam-policy"),
    *("common/cost", "common/run", "common/score", "common/threshold", "common/stale"),
)
REVIEWED = ("diff", "diagnostics", "graph")
EXPLAINED = ("explain",)
OFFERED = tuple(name for name in write_formats.names() if name.startswith("catalog-"))
MEASURED = ("metrics",)
"""Which test sees which documents, and parts that several of them have."""


def assert_seen(seen: Seen, names: tuple[str, ...]) -> None:
    """Assert that every member was written, but for those that cannot be, which were not."""
    members = {member for name in names for member in formats.described(name)}
    assert members - seen.members == members & NEVER.keys()


def test_all_documents_are_seen() -> None:
    shared = {f"{write_formats.SHARED}/{part}" for part in write_formats.load(write_formats.SHARED)["$defs"]}
    assert {*RUNS, *REVIEWED, *EXPLAINED, *OFFERED, *MEASURED} == shared | {*write_formats.names()}


@pytest.mark.slow
def test_what_applies_and_tracks(project: Path, aws: Sandbox, seen: Seen) -> None:
    specs, settings = project / "specs" / "a.yaml", project / "sagespec.yaml"
    judge = (ROOT / "specs" / "llm-as-judge-evaluator.yaml").read_text("utf-8")
    settings.write_text(PROJECT, "utf-8")
    specs.write_text("---\n".join((SPEC, EVALUATE, TRAIN, judge)), "utf-8")
    seen.run("compile")
    seen("plan", "-o", "json")
    seen("apply", "-o", "json", code=exits.USAGE)
    seen("apply", *FAST, "-o", "json")
    for command in ("list", "status"):
        seen(command, "-o", "json")
    for command, target in (("wait", TRAINER), ("describe", EVALUATION), ("logs", LINE), ("verify", TRAINER)):
        seen(command, target, "-o", "json")
    for target in (TRAINER, EVALUATION):
        seen("results", target, "-o", "json")
    seen("results", JUDGE, "--limit", "1", "-o", "json")
    seen("iam-policy", "--for", "execution")
    seen("iam-policy", "--for", "execution", "-o", "trust")
    seen.run("delete", TRAINER, "--yes")
    seen.run("apply", *FAST, code=None)
    seen("status", "-o", "json")
    settings.write_text(PROJECT + TAGS, "utf-8")
    refused, train = SPEC.replace("s3://my-bucket/output", "s3://no-bucket/output"), TRAIN.replace("2e-5", "1e-5")
    specs.write_text("---\n".join((refused, EVALUATE, train, judge)), "utf-8")
    seen.run("compile")
    seen("plan", "--sync-tags", "-o", "json", code=exits.AWS)
    seen("apply", "--dry-run", "-o", "json", code=exits.AWS)
    assert_seen(seen, RUNS)


def test_what_reviews(project: Path, seen: Seen) -> None:
    specs, settings = project / "specs" / "a.yaml", project / "sagespec.yaml"
    short = TRAIN.replace("name: line", "name: %s").replace("1800", "60")
    settings.write_text(PROJECT, "utf-8")
    git("init", "-q")
    for text in (SPEC, SPEC.replace("max_epochs: 2", "max_epochs: 3")):
        specs.write_text("---\n".join((text, EVALUATE, TRAIN, short % "lane")), "utf-8")
        seen.run("compile")
        git("add", ".")
        git("commit", "-q", "-m", "one")
    settings.write_text(PROJECT + EXCEPTION, "utf-8")
    train, renamed = TRAIN.replace("2e-5", "1e-5"), short % "lone"
    specs.write_text("---\n".join((SPEC, EVALUATE, train, renamed)), "utf-8")
    seen("diff", "-o", "json", code=None)
    seen("graph", "-o", "json")
    specs.write_text("---\n".join((SPEC.replace("model:", "modell:"), EVALUATE, train, renamed)), "utf-8")
    seen("diff", "-o", "json", code=exits.INVALID)
    seen("validate", "--format", "json", code=exits.INVALID)
    assert_seen(seen, REVIEWED)


def test_what_explains(project: Path, seen: Seen) -> None:
    assert project
    for name in ((), ("--all",), ("SFTTrainer.hyperparameters",), ("unknown-key",)):
        seen("explain", *name, "-o", "json")
    assert_seen(seen, EXPLAINED)


def test_what_can_be_chosen(project: Path, aws: Sandbox, seen: Seen) -> None:
    model = "huggingface-reasoning-qwen3-32b"
    for words in (["benchmarks"], ["benchmarks", "mmlu"], ["scorers"], ["judge-metrics"], ["judges"], ["models"]):
        seen("catalog", *words, "-o", "json")
    for words in (["hyperparameters", model], ["reward-prompts"], ["runtimes"]):
        seen("catalog", *words, "-o", "json")
    assert_seen(seen, OFFERED)


def test_what_is_measured(project: Path, aws: Sandbox, seen: Seen, mlflow_at_once: None) -> None:
    (project / "specs" / "a.yaml").write_text(SPEC, "utf-8")
    seen.run("compile")
    seen.run("apply", *FAST)
    seen("metrics", TRAINER, "-o", "json")
    assert_seen(seen, MEASURED)


@pytest.mark.parametrize("name", [*write_formats.names(), write_formats.SHARED])
def test_a_schema_is_valid_and_open(name: str) -> None:
    """A program that checks documents with it accepts those of a later version, with more members."""
    whole = write_formats.load(name)
    Draft202012Validator.check_schema(dict(whole))
    assert '"additionalProperties": false' not in json.dumps(whole)
