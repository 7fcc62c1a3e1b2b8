"""A diff shows a change once: in the spec's own file, and in one entry of each dependent's."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sagespec.compiling import workspace
from sagespec.documents import compiled
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project

from tests.conftest import LOCK, ROOT, Run

TRAINER = "MultiTurnRLTrainer/calculator-agent"
FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)


def texts(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).with_suffix("").as_posix(): p.read_text("utf-8") for p in folder.rglob("*.json")}


def test_one_hyperparameter_of_a_trainer_with_three_evaluators(project: Path, run: Run) -> None:
    graph = (ROOT / "specs" / "graph.yaml").read_text("utf-8").replace("max_epochs: 1", "max_epochs: 2")
    function = (
        "apiVersion: sagespec/v1\nkind: CustomAgentLambda\nmetadata: {name: calculator}\nspec: {source: a.py}\n"
    )
    (project / "specs" / "a.py").write_text("def handler(event, context): pass\n", "utf-8")
    (project / "specs" / "a.yaml").write_text(f"{function}---\n{graph}", "utf-8")
    run("compile")
    before = texts(project / "compiled")
    (project / "specs" / "a.yaml").write_text(
        f"{function}---\n{graph.replace('max_epochs: 2', 'max_epochs: 3')}", "utf-8"
    )
    run("compile")
    after = texts(project / "compiled")
    changed = {name for name in after if after[name] != before[name]}
    assert len(before) == 5
    assert changed == set(after) - {"CustomAgentLambda/calculator"}
    identity = json.loads(after[TRAINER])["metadata"]["identity"]
    for name in changed:
        old, new = before[name].splitlines(), after[name].splitlines()
        added = [line[1:].strip() for line in list(difflib.unified_diff(old, new, n=0))[2:] if line[0] == "+"]
        assert len(added) == 3, name
        assert len(old) == len(new)
        if name != TRAINER:
            assert f'"{TRAINER}": "{identity[:12]}"' in [line.rstrip(",") for line in added]


SPECS: dict[str, dict[str, Any]] = {
    "CustomAgentLambda": {"source": "def handler(event, context): pass\n\n", "runtime": "python3.12", "timeout": 60},
    "MultiTurnRLTrainer": {
        "model": "huggingface-reasoning-qwen3-32b",
        "agent_env": {"ref": "CustomAgentLambda/a"},
        "training_dataset": "s3://my-bucket/train.jsonl",
        "hyperparameters": {"max_epochs": 3},
    },
    "MultiTurnRLEvaluator": {
        "model": {"ref": "MultiTurnRLTrainer/a"},
        "dataset": "s3://my-bucket/evaluation.jsonl",
        "s3_output_path": "s3://my-bucket/out",
    },
    "BenchMarkEvaluator": {
        "model": {"ref": "MultiTurnRLTrainer/a"},
        "benchmark": "math",
        "s3_output_path": "s3://my-bucket/out",
    },
    "CustomScorerEvaluator": {
        "model": {"ref": "MultiTurnRLTrainer/a"},
        "evaluator": "prime_math",
        "dataset": "s3://my-bucket/evaluation.jsonl",
        "s3_output_path": "s3://my-bucket/out",
    },
    "LLMAsJudgeEvaluator": {
        "model": {"ref": "MultiTurnRLTrainer/a"},
        "evaluator_model": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "dataset": "s3://my-bucket/evaluation.jsonl",
        "builtin_metrics": ["Correctness"],
        "s3_output_path": "s3://my-bucket/out",
    },
    "ModelTrainer": {
        "training_image": "image:1",
        "compute": {"instance_type": "ml.m5.large"},
        "hyperparameters": {"rate": 0.1},
        "source_code": {"source_dir": "code", "entry_script": "train.py"},
    },
}
"""One spec a kind, all called a; values that are the same in several places of a document are none of these."""
TEXT = st.sampled_from(["one", "other", "a-b"])
PATHS = st.sampled_from(["s3://my-bucket/x", "s3://other-bucket/x/y"])
ROLES = st.sampled_from(["LambdaRole", "arn:aws:iam::123456789012:role/Other"])
MAPS = st.dictionaries(st.sampled_from(["ONE", "OTHER"]), TEXT, min_size=1)
CHANGES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "CustomAgentLambda": {
        "timeout": st.integers(1, 59),
        "memory_size": st.integers(300, 400),
        "function_name": TEXT,
        "environment": MAPS,
        "role": ROLES,
        "tags": MAPS,
    },
    "MultiTurnRLTrainer": {
        "training_dataset": PATHS,
        "s3_output_path": PATHS,
        "base_job_name": TEXT,
        "mlflow_experiment_name": TEXT,
        "hyperparameters": st.fixed_dictionaries({"max_epochs": st.integers(4, 9)}),
        "role": ROLES,
        "tags": MAPS,
    },
    "MultiTurnRLEvaluator": {"dataset": PATHS, "base_eval_name": TEXT, "stopping_condition": st.integers(1, 99)},
    "BenchMarkEvaluator": {"base_eval_name": TEXT, "mlflow_experiment_name": TEXT, "benchmark": st.just("mmlu")},
    "CustomScorerEvaluator": {"dataset": PATHS, "evaluator": st.just("prime_code"), "kms_key_id": TEXT},
    "LLMAsJudgeEvaluator": {"builtin_metrics": st.just(["Helpfulness"]), "base_eval_name": TEXT, "role": ROLES},
    "ModelTrainer": {
        "hyperparameters": st.fixed_dictionaries({"rate": st.floats(0.2, 1)}),
        "training_image": st.just("image:2"),
        "base_job_name": TEXT,
        "environment": MAPS,
        "output_data_config": st.fixed_dictionaries({"kms_key_id": TEXT}),
        "tags": MAPS,
    },
}
DEPENDENTS = {
    "CustomAgentLambda": {"MultiTurnRLTrainer", "MultiTurnRLEvaluator"},  # whose agent is the trainer's
    "MultiTurnRLTrainer": {
        "MultiTurnRLEvaluator",
        "BenchMarkEvaluator",
        "CustomScorerEvaluator",
        "LLMAsJudgeEvaluator",
    },
}
CHANGE = st.sampled_from([(kind, field) for kind, fields in CHANGES.items() for field in fields]).flatmap(
    lambda chosen: st.tuples(st.just(chosen[0]), st.just(chosen[1]), CHANGES[chosen[0]][chosen[1]])
)
STARTS_NOTHING = {"tags"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sagespec.lock.json").write_bytes(LOCK.read_bytes())
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("", "utf-8")
    return tmp_path


def compile_all(folder: Path, specs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Compile one spec a kind; the compiled documents by kind."""
    for kind, fields in specs.items():
        spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": "a"}, "spec": fields}
        (folder / f"{kind}.json").write_text(json.dumps(spec), "utf-8")
    chosen, diagnostics = project_settings.choose(Project(root=folder), None, {})
    assert chosen is not None, diagnostics
    done = workspace.compile(workspace.check(chosen, [folder / f"{kind}.json" for kind in specs]))
    assert not done.failed, done.diagnostics
    return {build.compiled.kind: json.loads(compiled.dump(build.compiled)) for build in done.builds.values()}


def leaves(tree: Any, place: str = "") -> dict[str, Any]:
    if isinstance(tree, dict) and tree:
        return {at: leaf for key, value in tree.items() for at, leaf in leaves(value, f"{place}/{key}").items()}
    if isinstance(tree, list) and tree:
        return {at: leaf for n, value in enumerate(tree) for at, leaf in leaves(value, f"{place}/{n}").items()}
    return {place: tree}


def changes(old: Any, new: Any) -> set[str]:
    """The places at which two documents differ."""
    before, after = leaves(old), leaves(new)
    return {place for place in before.keys() | after.keys() if before.get(place, ...) != after.get(place, ...)}


@FOLDER
@given(change=CHANGE)
@pytest.mark.slow
def test_a_change_of_one_value_is_one_change_in_each_file(folder: Path, change: tuple[str, str, Any]) -> None:
    kind, field, value = change
    old = compile_all(folder, SPECS)
    new = compile_all(folder, {**SPECS, kind: {**SPECS[kind], field: value}})
    own = changes(old[kind], new[kind])
    assert "/metadata/digest" in own
    assert ("/metadata/identity" in own) == (field not in STARTS_NOTHING)
    assert {place.split("/")[1] for place in own - {"/metadata/digest", "/metadata/identity"}} == {"requests"}
    for other in SPECS.keys() - {kind}:
        seen = changes(old[other], new[other])
        if field in STARTS_NOTHING or other not in reached(kind):
            assert seen == set()
        else:
            causes = {f"/metadata/dependsOn/{cause}/a" for cause in reached_by(other) & ({kind} | reached(kind))}
            assert seen == {"/metadata/digest", "/metadata/identity", *causes}


def reached(kind: str) -> set[str]:
    """The kinds that depend on one, directly or not."""
    direct = DEPENDENTS.get(kind, set())
    return direct.union(*(reached(one) for one in direct))


def reached_by(kind: str) -> set[str]:
    return {cause for cause, dependents in DEPENDENTS.items() if kind in dependents}


def test_a_changed_file_changes_its_hash_and_where_it_is_uploaded(folder: Path) -> None:
    old = compile_all(folder, SPECS)["ModelTrainer"]
    (folder / "code" / "train.py").write_text("print()", "utf-8")
    new = compile_all(folder, SPECS)["ModelTrainer"]
    found = changes(old, new)
    assert {place.rpartition("/")[2] for place in found} == {"digest", "identity", "Key", "S3Uri", "sha256"}
    assert len(found) == 5
