"""The examples of the rules, compiled: each bad one is reported by its rule and no other, each good one not at all.

An example is a part of something; the rest is from a project in which nothing is wrong.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sagespec.checking import schema
from sagespec.diagnostics.rules import RULES

from tests.conftest import FINE_TUNING_LOCK, LOCK, ROOT, Run

ACCOUNT = "123456789012"
PROJECT = """apiVersion: sagespec/v1
kind: Project
defaults: {region: us-west-2}
environments: {prod: {values: {epochs: 2}}}
"""
DOCUMENT = "apiVersion: sagespec/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
FIELDS = {
    "CustomAgentLambda": """
        role: LambdaRole
        source: agent.py
        """,
    "MultiTurnRLTrainer": """
        model: huggingface-reasoning-qwen3-32b
        agent_env: {ref: CustomAgentLambda/agent}
        training_dataset: s3://my-bucket/train.jsonl
        """,
    "MultiTurnRLEvaluator": """
        model: huggingface-reasoning-qwen3-32b
        agent_config: {ref: CustomAgentLambda/agent}
        dataset: s3://my-bucket/episodes.jsonl
        s3_output_path: s3://my-bucket/e
        """,
    "BenchMarkEvaluator": """
        model: huggingface-reasoning-qwen3-32b
        benchmark: math
        s3_output_path: s3://my-bucket/b
        """,
    "CustomScorerEvaluator": """
        model: huggingface-reasoning-qwen3-32b
        evaluator: prime_math
        dataset: s3://my-bucket/scored.jsonl
        s3_output_path: s3://my-bucket/s
        """,
    "LLMAsJudgeEvaluator": """
        model: huggingface-reasoning-qwen3-32b
        evaluator_model: anthropic.claude-sonnet-4-5-20250929-v1:0
        builtin_metrics: [Helpfulness]
        dataset: s3://my-bucket/judged.jsonl
        s3_output_path: s3://my-bucket/j
        """,
    "ModelTrainer": """
        training_image: my-image:1
        compute: {instance_type: ml.p4d.24xlarge, instance_count: 2}
        source_code: {source_dir: code, entry_script: train.py}
        """,
    "DPOTrainer": """
        model: huggingface-reasoning-qwen3-32b
        model_package_group: out-mpg
        training_dataset: s3://my-bucket/preferences.jsonl
        kms_key_id: alias/output
        """,
    "RLAIFTrainer": """
        model: huggingface-reasoning-qwen3-32b
        model_package_group: out-mpg
        training_dataset: s3://my-bucket/texts.jsonl
        kms_key_id: alias/output
        reward_model_id: openai.gpt-oss-120b-1:0
        """,
    "RLVRTrainer": """
        model: huggingface-reasoning-qwen3-32b
        model_package_group: out-mpg
        training_dataset: s3://my-bucket/problems.jsonl
        kms_key_id: alias/output
        hyperparameters: {preset_reward_function: gsm8k}
        """,
    "SFTTrainer": """
        model: meta-textgeneration-llama-3-2-1b-instruct
        model_package_group: llama-ft
        training_dataset: s3://my-bucket/train.jsonl
        kms_key_id: alias/output
        """,
    "Torchrun": "process_count_per_node: 2",
    "MPI": "process_count_per_node: 8",
}
NAMES = {
    "CustomAgentLambda": "agent",
    "MultiTurnRLTrainer": "trainer",
    "MultiTurnRLEvaluator": "episodes",
    "BenchMarkEvaluator": "bench",
    "CustomScorerEvaluator": "scored",
    "LLMAsJudgeEvaluator": "judged",
    "ModelTrainer": "job",
    "DPOTrainer": "preferred",
    "RLAIFTrainer": "judged-training",
    "RLVRTrainer": "rewarded",
    "SFTTrainer": "tuned",
    "Torchrun": "two",
    "MPI": "eight",
}
KEY = re.compile(r"^([\w-]+):", re.MULTILINE)

_FIRST = "the schemas of specs refuse it before a request is made; tests/unit/checking/test_api.py"
_DEFINITION = "templates write pipeline definitions, a spec cannot; tests/unit/checking/test_pipeline_graph.py"
NOT_RUN = {
    "role-trust": "only plan sees trust policies; tests/acceptance/test_role_trust.py",
    "aws": "only AWS refuses a request; tests/acceptance/test_apply.py",
    "api-length": _FIRST,
    "api-missing-member": _FIRST,
    "api-type": _FIRST,
    "api-unknown-member": _FIRST,
    "out-of-date": "the specs change after they were compiled; tests/acceptance/test_outdated.py",
    "refused-fact": "only AWS refuses to tell a fact; tests/acceptance/test_lock_trouble.py",
    "unknown-operation": "a kind of ours is at fault; tests/test_architecture.py",
    "too-large": "takes 200,000 values; tests/unit/reading/test_source.py",
    "too-many-files": "takes a million files; tests/acceptance/test_endless.py",
    **{id: _DEFINITION for id in RULES if id.startswith("pipeline-")},
}
"""Rules of which no example can be compiled, and why."""


def completed(document: str, example: str) -> str:
    """A document with an example in place of what it says of the same keys."""
    given = set(KEY.findall(example))
    head, _, fields = document.partition("spec:\n")
    if not given <= {"apiVersion", "kind", "metadata", "spec"}:
        return f"{head}spec:\n{_without(fields, given, '  ')}{_indented(example)}"
    kept = f"spec:\n{fields}" if "spec" not in given else ""
    return f"{_without(head, given, '')}{kept}{example}\n"


def _without(lines: str, keys: set[str], indent: str) -> str:
    return "".join(line for line in lines.splitlines(keepends=True) if line[len(indent) :].split(":")[0] not in keys)


def _indented(text: str) -> str:
    return "".join(f"  {line.strip() if not line.startswith(' ') else line}\n" for line in text.splitlines())


def of_kind(kind: str) -> str:
    fields = "\n".join(line.strip() for line in FIELDS[kind].strip().splitlines())
    return DOCUMENT.format(kind, NAMES[kind]) + _indented(fields)


def put(where: str, example: str) -> list[str]:
    """Write an example into the project; give the arguments to compile with."""
    if where == "spec":
        Path("specs/extra.yaml").write_text(f"{example}\n", "utf-8")
    elif where == "sagespec.yaml":
        first = example.partition("\n---")[0]
        Path(where).write_text(_without(PROJECT, set(KEY.findall(first)), "") + example + "\n", "utf-8")
    elif where == "the command line":
        return example.split()[2:]
    else:
        Path(f"specs/{where}.yaml").write_text(completed(of_kind(where), example), "utf-8")
    return []


def _in_latin_1(example: str) -> list[str]:
    put("CustomAgentLambda", example)
    file = Path("specs/CustomAgentLambda.yaml")
    file.write_text(file.read_text("utf-8"), "latin-1" if "Latin-1" in example else "utf-8")
    return []


def _folder_without_specs(example: str) -> list[str]:
    Path("docs").mkdir(exist_ok=True)
    return put("the command line", example)


def _beside_code(example: str) -> list[str]:
    Path("specs/code/data.yaml").write_text(example, "utf-8")
    return []


def _deep(example: str) -> list[str]:
    return put("ModelTrainer", example.replace("...", "[" * 101 + "]" * 101))


def _long_key(example: str) -> list[str]:
    return put("MultiTurnRLTrainer", example.replace("...", "é" * 600, 1))


def _broken_link(example: str) -> list[str]:
    Path("specs/code/broken-link").unlink(missing_ok=True)
    Path("specs/code/broken-link").symlink_to("nowhere")
    return put("ModelTrainer", example)


def _strange_name(example: str) -> list[str]:
    Path(os.fsdecode(b"specs/code/caf\xe9")).touch()
    return put("ModelTrainer", example)


def _secrets(example: str) -> list[str]:
    Path("specs/code/id_rsa").write_text("a key\n", "utf-8")
    return put("ModelTrainer", example)


def _large(example: str) -> list[str]:
    Path("specs/code/data").mkdir(exist_ok=True)
    with Path("specs/code/data/rows").open("wb") as file:
        file.truncate(100_000_001)
    return put("ModelTrainer", example)


def _policy(example: str) -> list[str]:
    Path("policy.json").write_text(example, "utf-8")
    return put("sagespec.yaml", "policies: [policy.json]")


def _encrypted(example: str) -> list[str]:
    job = {"properties": {"parameters": {"properties": {"OutputDataConfig": {"required": ["KmsKeyId"]}}}}}
    _policy(json.dumps({"properties": {"requests": {"items": job}}}))
    return put("ModelTrainer", example)


def _in_prod(example: str) -> list[str]:
    return [*put("sagespec.yaml", example), "-e", "prod"]


def _alone(example: str) -> list[str]:
    put("Torchrun", "process_count_per_node: 0")
    put("ModelTrainer", example)
    return ["specs/ModelTrainer.yaml"]


def _locked(region: str, **facts: object) -> None:
    """Change what the lock knows of a region, else what it knows of the other."""
    lock = json.loads(LOCK.read_text("utf-8"))
    known = lock["contexts"][f"{ACCOUNT}/us-west-2"]
    lock["contexts"][f"{ACCOUNT}/{region}"] = {**known, "region": region, **facts}
    Path(LOCK.name).write_text(json.dumps(lock), "utf-8")


def _of_two_regions(example: str) -> list[str]:
    _locked("us-east-1")
    return put("MultiTurnRLTrainer", example)


def _old_mlflow(example: str) -> list[str]:
    _locked("us-west-2", default_mlflow_version="3.4")
    put("MultiTurnRLEvaluator", "mlflow_resource_arn: arn:aws:sagemaker:us-west-2:123456789012:mlflow-app/app-NEWER")
    return put("MultiTurnRLTrainer", example)


def _with_job_schema(example: str) -> list[str]:
    accepted = {"properties": {"TrainingConfig": {"properties": {"AcceptEula": {"const": True}}}}}
    _locked("us-west-2", job_schemas={"AgentRFT/1.0.0": accepted})
    return put("MultiTurnRLTrainer", example)


def _short_recipe(example: str) -> list[str]:
    models = json.loads(LOCK.read_text("utf-8"))["contexts"][f"{ACCOUNT}/us-west-2"]["hub_models"]
    models["huggingface-reasoning-qwen3-32b"]["recipes"]["FineTuning/MTRL/LORA"]["sequence_length"] = "8K"
    _locked("us-west-2", hub_models=models)
    return put("MultiTurnRLTrainer", example)


def _fine_tuning(kind: str, example: str) -> list[str]:
    shutil.copy(FINE_TUNING_LOCK, LOCK.name)  # which has all recipes
    return put(kind, example)


def _unlisted_region(example: str) -> list[str]:
    _locked("eu-central-1")
    return put("SFTTrainer", example)


BY_HAND: dict[str, Callable[[str], list[str]]] = {
    "bad-file": _broken_link,
    "bad-key": _long_key,
    "bad-name": _strange_name,
    "bad-percents": partial(_fine_tuning, "SFTTrainer"),
    "bad-schema": _policy,
    "broken-ref": _alone,
    "cyclic-value": _in_prod,
    "empty-folder": _folder_without_specs,
    "encoding": _in_latin_1,
    "job-schema": _with_job_schema,
    "large-upload": _large,
    "mlflow-version": _old_mlflow,
    "no-data-mixing": partial(_fine_tuning, "SFTTrainer"),
    "no-spec": _beside_code,
    "policy": _encrypted,
    "ref-elsewhere": _of_two_regions,
    "secret-upload": _secrets,
    "sequence-too-long": _short_recipe,
    "too-deep": _deep,
    "unknown-category": partial(_fine_tuning, "SFTTrainer"),
    "unlisted-region": _unlisted_region,
    "wrong-reward": partial(_fine_tuning, "RLVRTrainer"),
}
"""Rules whose examples need more than the project has."""


@pytest.fixture
def root(project: Path) -> Path:
    prepare(project)
    return project


def prepare(project: Path) -> None:
    """Write a project in which nothing is wrong."""
    (project / "sagespec.yaml").write_text(PROJECT, "utf-8")
    (project / "specs" / "code").mkdir()
    (project / "specs" / "code" / "train.py").write_text("print(1)\n", "utf-8")
    (project / "specs" / "code" / "requirements.txt").write_text("numpy\n", "utf-8")
    (project / "specs" / "agent.py").write_text("def handler(event, context): return 1\n", "utf-8")
    for kind in FIELDS:
        (project / "specs" / f"{kind}.yaml").write_text(of_kind(kind), "utf-8")


def reported(run: Run, *arguments: str) -> dict[str, str]:
    """The rules of all that is reported, each with the first message."""
    found = json.loads(run("compile", *arguments, "--format", "json", code=None).stdout)["diagnostics"]
    return {d["rule"]: f"{d['file']}:{d['line']}: {d['severity']}: {d['message']}" for d in reversed(found)}


def test_nothing_is_wrong_with_the_project(root: Path, run: Run) -> None:
    assert set(FIELDS) == set(schema.kinds())
    assert reported(run) == {}


@pytest.mark.parametrize("id", sorted(set(RULES) - set(NOT_RUN)))
def test_a_bad_example_is_reported_by_its_rule_alone_and_a_good_one_is_not(root: Path, run: Run, id: str) -> None:
    rule = RULES[id]
    write = BY_HAND.get(id, partial(put, rule.where))
    said = reported(run, *write(rule.bad))
    assert set(said) == {id}
    assert said[id].split(": ")[1] in rule.severity
    shutil.rmtree("compiled", ignore_errors=True)
    assert reported(run, *write(rule.good)) == {}


def test_what_is_not_run_is_known() -> None:
    assert set(NOT_RUN) <= set(RULES)
    assert not set(NOT_RUN) & set(BY_HAND)
    for id, reason in NOT_RUN.items():
        instead = (ROOT / reason.rpartition("; ")[2]).read_text("utf-8")
        assert f'"{id}"' in instead or f"[{id}]" in instead, f"{id}: {reason}"
