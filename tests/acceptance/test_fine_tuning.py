"""Fine-tuning trainers against the recorded requests of the SDK, and against mistakes at each field.

All vectors are compiled at once, in this process, each spec with its companions in one project.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.diagnostics import Diagnostic
from sagespec.documents import compiled
from sagespec.project import settings
from sagespec.project.settings import Project
from sagespec.sagemaker import registry
from sagespec.sandbox import Sandbox

from tests.conftest import FINE_TUNING_LOCK, HERE, Run

RECORDED = HERE / "vectors" / "finetune"
_found = importlib.util.spec_from_file_location("compare_fine_tuning", RECORDED / "compare.py")
assert _found is not None
assert _found.loader is not None
compare = importlib.util.module_from_spec(_found)
_found.loader.exec_module(compare)
VECTORS = [json.loads(line) for line in (RECORDED / "vectors.jsonl").read_text("utf-8").splitlines()]
KNOWN = [v for v in VECTORS if {s["kind"] for s in (v["spec"], *v.get("with", ()))} <= set(schema.kinds())]


@dataclass(frozen=True)
class Outcome:
    """What became of specs: the folder of the compiled files, and the diagnostics by file."""

    folder: Path
    said: Mapping[str, list[Diagnostic]]

    def errors(self, file: str) -> list[Diagnostic]:
        return [d for d in self.said.get(file, ()) if d.is_error]


def file_of(spec: Mapping[str, Any]) -> str:
    return f"{spec['kind']}-{spec['metadata']['name']}.json"


def compiling(folder: Path, *specs: Mapping[str, Any], lock: str = FINE_TUNING_LOCK.read_text("utf-8")) -> Outcome:
    """Compile specs in a project of their own, with the lock of the account that the vectors were recorded in."""
    (folder / "specs").mkdir()
    (folder / "sagespec.lock.json").write_text(lock, "utf-8")
    for spec in specs:
        (folder / "specs" / file_of(spec)).write_text(json.dumps(spec, ensure_ascii=False), "utf-8")
    chosen, _ = settings.choose(Project(root=folder), None, {})
    assert chosen is not None
    done = workspace.compile(workspace.check(chosen, [folder / "specs"]))
    for build in done.builds.values():
        file = folder / "compiled" / build.compiled.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(compiled.dump(build.compiled), "utf-8")
    said: dict[str, list[Diagnostic]] = {}
    for diagnostic in done.diagnostics:
        said.setdefault(Path(diagnostic.file).name, []).append(diagnostic)
    return Outcome(folder / "compiled", said)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All vectors, compiled."""
    specs = [spec for vector in KNOWN for spec in (vector["spec"], *vector.get("with", ()))]
    return compiling(tmp_path_factory.mktemp("recorded"), *specs)


@pytest.mark.parametrize("vector", KNOWN, ids=lambda v: f"{v['kind']}-{v['id']}")
def test_a_vector_holds(vector: dict[str, Any], recorded: Outcome) -> None:
    errors = recorded.errors(file_of(vector["spec"]))
    assert compare.check(vector, recorded.folder) == [], errors
    if "refused" in vector["expect"]:
        assert errors, "refused without an error at a field"
        assert all(d.path.startswith("spec") and d.line >= 1 and d.column >= 1 for d in errors), errors


def test_all_vectors_are_of_kinds_that_there_are() -> None:
    assert len(KNOWN) == len(VECTORS) == 161


ROLE = "arn:aws:iam::123456789012:role"
ARN = "arn:aws:sagemaker:us-west-2:123456789012"
CONTENT = f"{ARN}:hub-content/AIRegistry"
HUB = "arn:aws:sagemaker:us-west-2:aws:hub-content/SageMakerPublicHub/Model"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:my_reward"
QWEN, NOVA, WIDE = "huggingface-reasoning-qwen3-32b", "nova-textgeneration-lite-v2", "huggingface-llm-wide-8b"
GATED, LENGTHLESS = "meta-textgeneration-llama-3-3-70b-instruct", "huggingface-llm-lengthless-3b"
TUNED = f"{ARN}:model-package/qwen3-mtrl/3"
BASE: dict[str, dict[str, Any]] = {
    kind: {"model": QWEN, "model_package_group": "out-mpg", "training_dataset": "s3://my-bucket/t.jsonl"}
    for kind in ("SFTTrainer", "DPOTrainer", "RLVRTrainer", "RLAIFTrainer")
}
BASE["RLVRTrainer"]["hyperparameters"] = {"preset_reward_function": "gsm8k"}
BASE["RLAIFTrainer"]["reward_model_id"] = "openai.gpt-oss-20b-1:0"
MIX = {"customer_data_percent": 50}


def mixed(**categories: float) -> dict[str, Any]:
    return {"model": NOVA, "data_mixing_config": {**MIX, "nova_data_percentages": categories}}


NOT_FIELDS: dict[str, Any] = {
    "compute": {"instance_type": "ml.p4d.24xlarge"},
    "base_model_name": "a",
    "recipe": "a.yaml",
    "overrides": {},
    "training_image": "a",
    "environment": {},
    "input_data_config": [],
    "output_data_config": {},
    "notifications": {},
    "wait": True,
    "dry_run": True,
}
MISTAKES: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("s3-checkpoint", "SFTTrainer", {"model": "s3://my-bucket/checkpoint"}, "model", "is not a hub model id"),
    ("job-of-nobody", "SFTTrainer", {"model": {"job": "nobody"}}, "model", "no finished job 'nobody'"),
    (
        "tag-of-the-sdk",
        "RLAIFTrainer",
        {"tags": [{"key": "sagemaker-sdk:jumpstart-hub-name", "value": "x"}]},
        "tags[0].key",
        "set by sagespec itself",
    ),
    *[
        (f"{case}-{field}".replace("_", "-"), kind, {field: f"{CONTENT}/{rest}", "hyperparameters": {}}, field, says)
        for case, rest, saying in (
            ("no-version", "JsonDoc/cot", ("such as arn:", "has no version")),
            ("other-type", "Notebook/cot/1.0.0", ("such as arn:", "not a reward prompt")),
        )
        for kind, field, says in (
            ("RLVRTrainer", "custom_reward_function", saying[0]),
            ("RLAIFTrainer", "reward_prompt", saying[1]),
        )
    ],
    ("unlocked-arn", "DPOTrainer", {"model": f"{CONTENT}/Model/other/1.0.0"}, "model", "no recipe of other"),
    ("ref-of-a-wrong-kind", "SFTTrainer", {"model": {"ref": "ModelTrainer/x"}}, "model.ref", "not of a kind"),
    ("no-group", "RLVRTrainer", {"model_package_group": None}, "model_package_group", "text"),
    ("other-group", "RLVRTrainer", {"model_package_group": "nope"}, "model_package_group", "'nope'"),
    ("gated", "DPOTrainer", {"model": GATED}, "model", "licence is not accepted"),
    ("gated-and-false", "DPOTrainer", {"model": GATED, "accept_eula": False}, "accept_eula", "is false"),
    (
        "gated-package-and-false",
        "RLVRTrainer",
        {"model": f"{ARN}:model-package/gated-ft/2", "accept_eula": False},
        "accept_eula",
        "is false",
    ),
    ("no-such-length", "SFTTrainer", {"sequence_length": "16K"}, "sequence_length", "no SFT recipe of 16K"),
    (
        "length-of-full",
        "SFTTrainer",
        {"training_type": "FULL", "sequence_length": "32K"},
        "sequence_length",
        "32K",
    ),
    ("length-of-none", "SFTTrainer", {"model": LENGTHLESS, "sequence_length": "8K"}, "sequence_length", "of 8K"),
    ("length-0", "SFTTrainer", {"sequence_length": "0K"}, "sequence_length", "from 1K to 1024K"),
    ("length-1025", "SFTTrainer", {"sequence_length": "1025K"}, "sequence_length", "from 1K to 1024K"),
    ("no-full", "SFTTrainer", {"model": WIDE, "training_type": "FULL"}, "training_type", "with FULL"),
    ("dpo-on-wide", "DPOTrainer", {"model": WIDE}, "model", "cannot be trained with DPO"),
    ("bucket-alone", "SFTTrainer", {"training_dataset": "s3://my-bucket/"}, "training_dataset", "with a key"),
    (
        "evaluator-as-data",
        "SFTTrainer",
        {"training_dataset": f"{CONTENT}/JsonDoc/my-reward/1.0.0"},
        "training_dataset",
        "DataSet",
    ),
    (
        "data-as-reward",
        "RLVRTrainer",
        {"custom_reward_function": f"{CONTENT}/DataSet/d/1.0.0"},
        "custom_reward_function",
        "evaluator",
    ),
    ("alias", "RLVRTrainer", {"custom_reward_function": f"{FUNCTION}:prod"}, "custom_reward_function", "alias"),
    (
        "prompt-as-reward",
        "RLVRTrainer",
        {"custom_reward_function": f"{CONTENT}/JsonDoc/my-prompt/1.0.0", "hyperparameters": {}},
        "custom_reward_function",
        "RewardPrompt",
    ),
    (
        "reward-as-prompt",
        "RLAIFTrainer",
        {"reward_prompt": f"{CONTENT}/JsonDoc/my-reward/1.0.0"},
        "reward_prompt",
        "RewardFunction",
    ),
    ("reward-by-name", "RLAIFTrainer", {"reward_prompt": "my-reward"}, "reward_prompt", "RewardFunction"),
    (
        "builtin-of-none",
        "RLAIFTrainer",
        {"reward_prompt": "Builtin.Poems"},
        "reward_prompt",
        "not a reward prompt",
    ),
    ("unknown-prompt", "RLAIFTrainer", {"reward_prompt": "poems"}, "reward_prompt", "prompt 'poems'"),
    ("no-reward", "RLVRTrainer", {"hyperparameters": {}}, "", "no reward function"),
    (
        "empty-reward",
        "RLVRTrainer",
        {"hyperparameters": {"preset_reward_function": ""}},
        "",
        "no reward function",
    ),
    ("no-judge", "RLAIFTrainer", {"reward_model_id": None, "hyperparameters": {}}, "reward_model_id", "text"),
    (
        "two-judges",
        "RLAIFTrainer",
        {"hyperparameters": {"judge_model_id": "bedrock/a"}},
        "hyperparameters.judge_model_id",
        "reward_model_id sets",
    ),
    (
        "two-prompts",
        "RLAIFTrainer",
        {
            "reward_prompt": "my-prompt",
            "hyperparameters": {"judge_prompt_template": "/opt/ml/code/verl/cot.jinja"},
        },
        "hyperparameters.judge_prompt_template",
        "reward_prompt sets",
    ),
    ("filled-in", "SFTTrainer", {"hyperparameters": {"data_path": "a"}}, "hyperparameters.data_path", "sets"),
    (
        "filled-in-by-rlvr",
        "RLVRTrainer",
        {"hyperparameters": {"reward_lambda_arn": "a", "preset_reward_function": "gsm8k"}},
        "hyperparameters.reward_lambda_arn",
        "sets",
    ),
    ("misspelt", "DPOTrainer", {"hyperparameters": {"max_epoch": 1}}, "hyperparameters.max_epoch", "'max_epoch'"),
    (
        "number-as-boolean",
        "SFTTrainer",
        {"hyperparameters": {"merge_weights": 1}},
        "hyperparameters.merge_weights",
        "true or false",
    ),
    (
        "too-long-example",
        "SFTTrainer",
        {"sequence_length": "8K", "hyperparameters": {"dataset_max_len": 8193}},
        "hyperparameters.dataset_max_len",
        "8192",
    ),
    ("characters", "SFTTrainer", {"hyperparameters": {"note": "a{b}"}}, "hyperparameters.note", "may hold only"),
    ("mixing-off-nova", "SFTTrainer", {"data_mixing_config": MIX}, "data_mixing_config", "no recipe for data"),
    (
        "mixing-on-a-nova-without",
        "SFTTrainer",
        {"model": "nova-textgeneration-lite", "data_mixing_config": MIX},
        "data_mixing_config",
        "no recipe for data",
    ),
    ("sum", "SFTTrainer", mixed(code=40, math=50), "data_mixing_config.nova_data_percentages", "90 percent"),
    (
        "sum-at-100",
        "SFTTrainer",
        {
            "model": NOVA,
            "data_mixing_config": {"customer_data_percent": 100, "nova_data_percentages": {"code": 1}},
        },
        "data_mixing_config.nova_data_percentages",
        "1 percent",
    ),
    ("category", "SFTTrainer", mixed(maths=100), "data_mixing_config.nova_data_percentages.maths", "'maths'"),
    (
        "category-of-the-other-modality",
        "SFTTrainer",
        {**mixed(code=100), "is_multimodal": True},
        "data_mixing_config.nova_data_percentages.code",
        "multimodal",
    ),
    ("share", "SFTTrainer", {"model": NOVA, "data_mixing_config": {}}, "data_mixing_config", "is required"),
    (
        "share-twice",
        "SFTTrainer",
        {**mixed(code=100), "hyperparameters": {"nova_math_percent": 1.0}},
        "hyperparameters.nova_math_percent",
        "data_mixing_config sets",
    ),
    (
        "pending",
        "SFTTrainer",
        {"stopping_condition": {"max_pending_time_in_seconds": 1799}},
        "stopping_condition.max_pending_time_in_seconds",
        "1800",
    ),
    (
        "runtime-0",
        "SFTTrainer",
        {"stopping_condition": {"max_runtime_in_seconds": 0}},
        "stopping_condition.max_runtime_in_seconds",
        "less than 1",
    ),
    ("server", "SFTTrainer", {"mlflow_resource_arn": "my-server"}, "mlflow_resource_arn", "MLflow"),
    ("two-lines", "SFTTrainer", {"mlflow_run_name": "a\nb"}, "mlflow_run_name", "one line"),
    ("job-name", "SFTTrainer", {"base_job_name": "my job"}, "base_job_name", "name of letters"),
    *[
        (f"no-{name}-{kind}".replace("_", "-"), kind, {name: value}, name, "not a field here")
        for name, value in NOT_FIELDS.items()
        for kind in BASE
    ],
    (
        "compression",
        "RLAIFTrainer",
        {"disable_output_compression": True},
        "disable_output_compression",
        "not a field",
    ),
]
"""A name, a kind, fields over those of a plain spec, the field that is refused, and a part of what is said of it."""


def spec_of(name: str, kind: str, fields: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A spec with some fields over those of a plain one."""
    whole = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": {"name": name.lower(), **metadata}}
    return {**whole, "spec": {**BASE.get(kind, {}), **fields}}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("refused")
    return compiling(folder, *(spec_of(name, kind, fields) for name, kind, fields, _, _ in MISTAKES))


@pytest.mark.parametrize(("name", "kind", "fields", "path", "says"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_refused_at_its_field(
    name: str, kind: str, fields: dict[str, Any], path: str, says: str, refused: Outcome
) -> None:
    file = file_of(spec_of(name, kind, fields))
    errors = refused.errors(file)
    assert [d.path for d in errors] == [f"spec.{path}".rstrip(".")], errors
    assert refused.said[file] == errors, "a warning besides says the same again, or nothing to the point"
    assert says in errors[0].message
    if says == "not a field here":
        assert errors[0].hint


JUDGED = "bedrock/openai.gpt-oss-20b-1:0"
VERL = "/opt/ml/code/verl/"
SENT: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "the-plain-recipe": ("SFTTrainer", {}, {"HyperParameters.dataset_max_len": "4096"}),
    "a-longer-one": (
        "SFTTrainer",
        {"sequence_length": "32K", "hyperparameters": {"dataset_max_len": 8193}},
        {"ServerlessJobConfig.SequenceLength": "32K", "HyperParameters.dataset_max_len": "8193"},
    ),
    "all-weights": ("SFTTrainer", {"training_type": "FULL"}, {"ServerlessJobConfig.Peft": None}),
    "any-version": (
        "SFTTrainer",
        {"model": f"{HUB}/{QWEN}"},
        {"ServerlessJobConfig.BaseModelArn": f"{HUB}/{QWEN}/2.0.1"},
    ),
    "eula-not-said": ("SFTTrainer", {"accept_eula": False}, {"ServerlessJobConfig.AcceptEula": None}),
    "a-package": (
        "DPOTrainer",
        {"model": TUNED, "model_package_group": f"{ARN}:model-package-group/other"},
        {
            "ServerlessJobConfig.AcceptEula": True,
            "ModelPackageConfig.SourceModelPackageArn": TUNED,
            "ModelPackageConfig.ModelPackageGroupArn": f"{ARN}:model-package-group/other",
        },
    ),
    "a-finished-job": (
        "DPOTrainer",
        {"model": {"job": "finished-sft-job"}},
        {"ModelPackageConfig.SourceModelPackageArn": f"{ARN}:model-package/llama-ft/1"},
    ),
    "an-agents-job": (
        "DPOTrainer",
        {"model": {"job": "finished-mtrl-job"}},
        {"ServerlessJobConfig.AcceptEula": True},
    ),
    "converse": (
        "SFTTrainer",
        {"model": NOVA},
        {"InputDataConfig.0.DataSource.S3DataSource.S3DataType": "Converse"},
    ),
    "no-converse": (
        "RLVRTrainer",
        {"model": NOVA, "custom_reward_function": f"{CONTENT}/JsonDoc/r/1.0.0", "hyperparameters": {}},
        {
            "InputDataConfig.0.DataSource.S3DataSource.S3DataType": "S3Prefix",
            "ServerlessJobConfig.EvaluatorArn": f"{CONTENT}/JsonDoc/r/1.0.0",
        },
    ),
    "data-by-arn": (
        "SFTTrainer",
        {"validation_dataset": f"{CONTENT}/DataSet/d"},
        {"InputDataConfig.1.DataSource.DatasetSource.DatasetArn": f"{CONTENT}/DataSet/d"},
    ),
    "a-service-entry": ("SFTTrainer", {"hyperparameters": {"name": "mine"}}, {"HyperParameters.name": "mine"}),
    "an-empty-text": ("SFTTrainer", {"hyperparameters": {"note": ""}}, {"HyperParameters.note": ""}),
    "a-boolean": (
        "SFTTrainer",
        {"hyperparameters": {"merge_weights": False}},
        {"HyperParameters.merge_weights": "False"},
    ),
    "a-whole-float": ("SFTTrainer", {"hyperparameters": {"weight_decay": 1}}, {"HyperParameters.weight_decay": "1"}),
    "no-null": ("SFTTrainer", {}, {"HyperParameters.resume_from_path": None, "HyperParameters.data_path": None}),
    "thirds": (
        "SFTTrainer",
        mixed(code=33.3, math=33.3, **{"en-scientific": 33.4}),
        {"HyperParameters.nova_en-scientific_percent": "33.4", "HyperParameters.nova_en-entertainment_percent": "0"},
    ),
    "mixing-on-full": (
        "SFTTrainer",
        {"model": NOVA, "training_type": "FULL", "data_mixing_config": {"customer_data_percent": 70.0}},
        {"HyperParameters.customer_data_percent": "70", "HyperParameters.nova_code_percent": "25"},
    ),
    "multimodal": (
        "SFTTrainer",
        {"model": NOVA, "is_multimodal": True, "data_mixing_config": MIX},
        {"HyperParameters.nova_documents_percent": "37.5", "HyperParameters.nova_code_percent": None},
    ),
    **{
        f"prompt-{number}": (
            "RLAIFTrainer",
            {"reward_prompt": given},
            {"HyperParameters.judge_prompt_template": f"{VERL}cot.jinja", "HyperParameters.judge_model_id": JUDGED},
        )
        for number, given in enumerate(("cot", "COT.JINJA", "Builtin.Cot", "builtin.cot", f"{VERL}cot.jinja"))
    },
    "prompt-by-name": (
        "RLAIFTrainer",
        {"reward_prompt": "my-prompt"},
        {
            "ServerlessJobConfig.EvaluatorArn": f"{CONTENT}/JsonDoc/my-prompt/1.0.0",
            "HyperParameters.judge_prompt_template": None,
        },
    ),
    "another-judge": (
        "RLAIFTrainer",
        {"hyperparameters": {"judge_model_id": "bedrock/any.model"}, "reward_model_id": ...},
        {"HyperParameters.judge_model_id": "bedrock/any.model"},
    ),
    "default-bucket": (
        "DPOTrainer",
        {"default_bucket": "team-bucket", "default_bucket_prefix": "a/b"},
        {"OutputDataConfig.S3OutputPath": "s3://team-bucket/a/b/output"},
    ),
}
"""By name: a kind, fields over those of a plain spec, and members of the job with their values, None if absent."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    whole = [spec_of(name, kind, fields) for name, (kind, fields, _) in SENT.items()]
    for spec in whole:
        spec["spec"] = {name: value for name, value in spec["spec"].items() if value is not ...}
    return compiling(tmp_path_factory.mktemp("sent"), *whole)


def member(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree[int(step)] if isinstance(tree, list) else tree.get(step, {}) if isinstance(tree, dict) else {}
    return None if tree == {} else tree


@pytest.mark.parametrize("name", SENT)
def test_a_variation_is_sent(name: str, sent: Outcome) -> None:
    kind, fields, wanted = SENT[name]
    assert sent.errors(file_of(spec_of(name, kind, fields))) == []
    job = json.loads((sent.folder / kind / f"{name}.json").read_text("utf-8"))["requests"][-1]["parameters"]
    assert {path: member(job, path) for path in wanted} == wanted


def test_one_function_is_one_evaluator(tmp_path: Path) -> None:
    fields = {"custom_reward_function": FUNCTION, "hyperparameters": {}}
    done = compiling(tmp_path, *(spec_of(name, "RLVRTrainer", fields) for name in ("one", "two")))
    one, two = (json.loads((done.folder / "RLVRTrainer" / f"{n}.json").read_text("utf-8")) for n in ("one", "two"))
    hub, content, job = one["requests"]
    assert (hub, content) == tuple(two["requests"][:2])
    assert (hub["id"], hub["operation"]) == ("registry", "CreateHub")
    assert len(hub["parameters"]["HubName"]) == 52
    digits = hashlib.sha256(FUNCTION.encode()).hexdigest()[:12]
    assert content["parameters"]["HubContentName"] == f"rlvr-reward-my-reward-{digits}"
    assert content["parameters"]["HubContentDocument"]["$json"]["JsonContent"]["$json"]["Reference"] == FUNCTION
    assert job["parameters"]["ServerlessJobConfig"]["EvaluatorArn"] == {"$output": "requests.reward.HubContentArn"}


def test_a_name_of_two_jobs_is_nobodys(tmp_path: Path) -> None:
    lock = FINE_TUNING_LOCK.read_text("utf-8").replace('"finished-sft-job"', '"finished-mtrl-job"')
    spec = spec_of("a", "SFTTrainer", {"model": {"job": "finished-mtrl-job"}})
    done = compiling(tmp_path, spec, lock=lock)
    (error,) = done.errors("SFTTrainer-a.json")
    assert (error.path, error.rule) == ("spec.model", "missing-fact")
    assert "give the ARN" in error.hint


def test_a_function_is_registered_once_by_apply(project: Path, aws: Sandbox, run: Run) -> None:
    """Two trainers of one function: one hub, one content, which their jobs name; the plan says so before."""
    boto3.client("lambda", "us-west-2").create_function(
        FunctionName="my_reward",
        Role=f"{ROLE}/LambdaRole",
        Code={"ZipFile": b""},
        Runtime="python3.12",
        Handler="a.b",
    )
    for name in ("one", "two"):
        fields = {"custom_reward_function": FUNCTION, "skip_reward_validation": True, "hyperparameters": {}}
        spec = json.dumps(spec_of(name, "RLVRTrainer", {**fields, "training_dataset": "s3://my-bucket/train.jsonl"}))
        (project / "specs" / f"{name}.json").write_text(spec, "utf-8")
    run("lock", "specs", "--region", "us-west-2")
    run("compile", "specs")
    region, content = aws.region("us-west-2"), "rlvr-reward-my-reward-"
    del region.table("hubs")[registry.hub("us-west-2", "123456789012")]
    run("plan")
    assert not {"CreateHub", "ImportHubContent"} & {call.operation for call in aws.calls}
    for _ in range(2):
        run("apply", "--yes")
        sent = [call.operation for call in aws.calls]
        assert sent.count("CreateHub") == sent.count("ImportHubContent") == 1
    (arn,) = (arn for arn, c in region.table("hub_contents").items() if c["HubContentName"].startswith(content))
    jobs = region.table("training_jobs").values()
    assert [job["ServerlessJobConfig"]["EvaluatorArn"] for job in jobs] == [arn, arn]


def test_a_policy_has_what_a_registered_function_and_a_judge_need(project: Path, run: Run) -> None:
    (project / "sagespec.lock.json").write_text(FINE_TUNING_LOCK.read_text("utf-8"), "utf-8")
    rewarded = spec_of("rewarded", "RLVRTrainer", {"custom_reward_function": FUNCTION, "hyperparameters": {}})
    for spec in (rewarded, spec_of("judged", "RLAIFTrainer", {})):
        (project / "specs" / file_of(spec)).write_text(json.dumps(spec), "utf-8")
    run("compile", "specs")
    content = f":hub-content/{registry.hub('us-west-2', '123456789012')}/JsonDoc/rlvr-reward-my-reward-"
    for purpose, wanted in {
        "apply": {"lambda:InvokeFunction": FUNCTION, "sagemaker:ImportHubContent": content},
        "execution": {
            "lambda:InvokeFunction": FUNCTION,
            "sagemaker:DescribeHubContent": content,
            "bedrock:InvokeModel": "openai.gpt-oss-20b-1:0",
        },
    }.items():
        policies = json.loads(run("iam-policy", "--for", purpose).stdout)["policies"]
        statements = [statement for policy in policies for statement in policy["document"]["Statement"]]
        for action, resource in wanted.items():
            granted = [r for s in statements if action in s["Action"] for r in s["Resource"]]
            assert any(resource in known for known in granted), (purpose, action, granted)


AGENT = "arn:aws:lambda:us-west-2:123456789012:function:agent-env"
ON_DATA = {"dataset": "s3://my-bucket/e.jsonl", "s3_output_path": "s3://my-bucket/o"}
TRAINED: dict[str, Any] = {"a-ref": {"ref": "SFTTrainer/base"}, "a-job": {"job": "finished-sft-job"}}


@pytest.mark.parametrize("model", TRAINED.values(), ids=TRAINED)
def test_agents_go_on_from_a_fine_tuned_model_and_are_evaluated_on_it(model: Any, tmp_path: Path) -> None:
    """A fine-tuning has no agent that an evaluation could inherit."""
    trainer = {"model": model, "agent_env": AGENT, "training_dataset": "s3://my-bucket/t.jsonl"}
    done = compiling(
        tmp_path,
        spec_of("base", "SFTTrainer", {}),
        spec_of("agent", "MultiTurnRLTrainer", trainer),
        spec_of("named", "MultiTurnRLEvaluator", {"model": model, "agent_config": AGENT, **ON_DATA}),
        spec_of("nobody", "MultiTurnRLEvaluator", {"model": model, **ON_DATA}),
    )
    assert {file for file in done.said if done.errors(file)} == {"MultiTurnRLEvaluator-nobody.json"}
    (error,) = done.errors("MultiTurnRLEvaluator-nobody.json")
    assert (error.rule, error.path) == ("missing-field", "spec")
    job = json.loads((done.folder / "MultiTurnRLTrainer" / "agent.json").read_text("utf-8"))
    document = job["requests"][-1]["parameters"]["JobConfigDocument"]["$json"]
    package = (
        {"$output": "SFTTrainer/base.OutputModelPackageArn"} if "ref" in model else f"{ARN}:model-package/llama-ft/1"
    )
    assert document["ModelPackageConfig"]["InputModelPackageArn"] == package
