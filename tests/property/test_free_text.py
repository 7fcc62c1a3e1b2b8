"""Whatever text stands in a field that takes any, AWS reads it as it is, and reads nothing else.

Texts go into every such field of every kind. What would be sent is then read as the receiver reads it:
documents parsed, archives opened. A refusal is only right where a pattern or a length forbids the text.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.compiling.build import Build
from sagespec.compiling.workspace import Compilation
from sagespec.documents.compiled import identified
from sagespec.executor import markers
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project

from tests.conftest import FINE_TUNING_LOCK, HERE
from tests.property.test_front_end import FOLDER, VALID

Patch = dict[str, Any]
Place = Callable[[str], tuple[Patch, str]]
"""Where a text goes: the fields that it makes, and what of them must be read at the other end."""

RUNTIME = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/myRuntime-aBcDeFgHiJ"
CODE = {"source_dir": "fixtures/src", "entry_script": "train.py"}
MPI = {"source_code": CODE, "distributed": {"type": "MPI"}}


def field(name: str, **others: Any) -> Place:
    return lambda text: ({**others, name: text}, text)


def uri(*names: str) -> Place:
    """A field, perhaps of others, that is an S3 URI which ends in the text."""

    def put(text: str) -> tuple[Patch, str]:
        made: Any = f"s3://my-bucket/{text}"
        for name in reversed(names):
            made = {name: made}
        return made, f"s3://my-bucket/{text}"

    return put


def code(before: str, after: str = "") -> Place:
    def put(text: str) -> tuple[Patch, str]:
        source = before + text + after
        return {"source": source}, source

    return put


def in_channel(text: str) -> tuple[Patch, str]:
    source, wanted = uri("data_source")(text)
    return {"input_data_config": [{"channel_name": "a", **source}]}, wanted


def metric(text: str, name: str = "M", instructions: str = "Rate it", definition: str = "Good") -> list[Patch]:
    scale = [{"definition": definition, "value": {"stringValue": text}}]
    return [{"customMetricDefinition": {"name": name, "instructions": instructions, "ratingScale": scale}}]


def described(sent: bool) -> Place:
    return lambda text: ({"description": f"A {text}"}, " ".join(f"A {text}".split()) if sent else "")


ANY: dict[str, Place] = {
    "tag": lambda text: ({"tags": {"note": text}}, text),
    "tag's key": lambda text: ({"tags": {text: "x"}}, text),
    "listed tag": lambda text: ({"tags": [{"key": "note", "value": text}]}, text),
    "description": described(sent=False),
}
EVALUATOR: dict[str, Place] = {
    **ANY,
    "description": described(sent=True),
    "experiment": field("mlflow_experiment_name"),
    "run": field("mlflow_run_name"),
    "output": uri("s3_output_path"),
    "key": field("kms_key_id"),
    "name": field("base_eval_name"),
}
ON_DATA: dict[str, Place] = {**EVALUATOR, "dataset": uri("dataset")}
TRAINER: dict[str, Place] = {
    **ANY,
    "name": field("base_job_name"),
    "hyperparameter": lambda text: ({"hyperparameters": {"reward_note": text}}, text),
}
FINE_TUNING: dict[str, Place] = {
    **ANY,
    "name": field("base_job_name"),
    "experiment": field("mlflow_experiment_name"),
    "run": field("mlflow_run_name"),
    "output": uri("s3_output_path"),
    "key": field("kms_key_id"),
    "training data": uri("training_dataset"),
    "validation data": uri("validation_dataset"),
}
PLACES: dict[str, dict[str, Place]] = {
    "MultiTurnRLTrainer": {
        **TRAINER,
        "experiment": field("mlflow_experiment_name"),
        "run": field("mlflow_run_name"),
        "output": uri("s3_output_path"),
        "key": field("kms_key_arn"),
        "training data": uri("training_dataset"),
        "validation data": uri("validation_dataset"),
        "qualifier": field("bedrock_agentcore_qualifier", agent_env=RUNTIME),
    },
    "MultiTurnRLEvaluator": {**ON_DATA, "qualifier": field("agent_qualifier", agent_config=RUNTIME)},
    "BenchMarkEvaluator": {
        **EVALUATOR,
        "subtask": field("subtasks", benchmark="strong_reject"),
        "subtasks": lambda text: ({"benchmark": "strong_reject", "subtasks": [text]}, text),
    },
    "CustomScorerEvaluator": ON_DATA,
    "LLMAsJudgeEvaluator": {
        **ON_DATA,
        "builtin metric": lambda text: ({"builtin_metrics": [text]}, text),
        "rating": lambda text: ({"custom_metrics": metric(text)}, text),
        "rating in text": lambda text: ({"custom_metrics": json.dumps(metric(text))}, text),
        "name of a metric": lambda text: ({"custom_metrics": metric("x", name=text)}, text),
        "instructions": lambda text: ({"custom_metrics": metric("x", instructions=text)}, text),
        "definition": lambda text: ({"custom_metrics": metric("x", definition=text)}, text),
    },
    "CustomAgentLambda": {
        **ANY,
        "variable": lambda text: ({"environment": {"NOTE": text}}, text),
        "handler": field("handler", source="s3://my-bucket/agent.zip"),
        "source": code(""),
        "comment": code("handler = print  # "),
        "code": code("import a\n# ", "\ndef handler(e, c): return 1\n"),
    },
    "ModelTrainer": {
        **TRAINER,
        "hyperparameter's name": lambda text: ({"hyperparameters": {text: "x"}}, text),
        "inner hyperparameter": lambda text: ({"hyperparameters": {"layers": {text: [text]}}}, text),
        "variable": lambda text: ({"environment": {"NOTE": text}}, text),
        "command": lambda text: ({"source_code": {"command": text}}, text),
        "image": field("training_image"),
        "data": in_channel,
        "output": uri("output_data_config", "s3_output_path"),
        "key": lambda text: ({"output_data_config": {**uri("s3_output_path")("a")[0], "kms_key_id": text}}, text),
        "checkpoints": uri("checkpoint_config", "s3_uri"),
        "local path": lambda text: ({"checkpoint_config": {**uri("s3_uri")("a")[0], "local_path": text}}, text),
        "option": lambda text: ({**MPI, "distributed": {"type": "MPI", "mpi_additional_options": [text]}}, text),
    },
    "DPOTrainer": FINE_TUNING,
    "RLAIFTrainer": FINE_TUNING,
    "RLVRTrainer": FINE_TUNING,
    "SFTTrainer": {**FINE_TUNING, "hyperparameter": lambda text: ({"hyperparameters": {"note": text}}, text)},
}
"""Torchrun and MPI, the other kinds, hold no text but the options, which are sent by a ModelTrainer."""

PLAIN = {"training_image": "an-image", "compute": {"instance_type": "ml.g5.xlarge"}}
TUNED = {
    "model": "huggingface-reasoning-qwen3-32b",
    "model_package_group": "out-mpg",
    "training_dataset": "s3://my-bucket/train.jsonl",
}
BASES: dict[str, list[Patch]] = {
    **{k: [s["spec"] for s in VALID if s["kind"] == k and "lambda_arn" not in s["spec"]] for k in PLACES},
    "ModelTrainer": [PLAIN],
    "DPOTrainer": [TUNED],
    "RLAIFTrainer": [{**TUNED, "reward_model_id": "qwen.qwen3-32b-v1:0"}],
    "RLVRTrainer": [{**TUNED, "hyperparameters": {"preset_reward_function": "gsm8k"}}],
    "SFTTrainer": [TUNED],
}
TEXTS = st.text(min_size=1, max_size=20) | st.sampled_from(
    [
        '"',
        "\\",
        "\n",
        "{",
        "}",
        "{{ x }}",
        "{% y %}",
        '", "a": "b',
        "😀",
        "\u2028",
        "\x7f",
        "$",
        "$json",
        "$output",
        "${x}",
        "'",
        "\\u0041",
        "\ue0000",
        "null",
        "[]",
        "a/b.py",
        "arn:aws:lambda:eu-west-1:123456789012:function:agent",
        "arn:aws:sagemaker:us-west-2:210987654321:job/AgentRFT/other",
    ]
)
FORBIDS = {"bad-pattern", "wrong-length", "api-pattern", "api-length"}
FORBIDS_AS_WELL = {
    "hyperparameter's name": {"reserved-key", "value-in-key"},
    "inner hyperparameter": {"reserved-key", "value-in-key"},
    "source": {"bad-source"},  # it need be no code
    "comment": {"bad-source"},  # a line may end in it
    "code": {"bad-source"},
    "tag's key": {"value-in-key", "reserved-tag"},  # constants of the code are drawn, too: "aws:"
    "key": {"arn-region"},
    "image": {"bad-image"},
    "hyperparameter": {"bad-value"},  # the service takes some characters only
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(FINE_TUNING_LOCK, tmp_path)
    shutil.copytree(HERE / "vectors" / "fixtures", tmp_path / "fixtures")
    return tmp_path


def compile_with(folder: Path, kind: str, base: Patch, patch: Patch) -> Compilation:
    given: Patch = _escaped(patch)
    metadata = {"name": "a", **({"description": given.pop("description")} if "description" in given else {})}
    spec = {"apiVersion": "sagespec/v1", "kind": kind, "metadata": metadata, "spec": {**base, **given}}
    (folder / "a.json").write_text(json.dumps(spec), "utf-8")
    chosen, diagnostics = project_settings.choose(Project(root=folder), None, {})
    assert chosen is not None, diagnostics
    return workspace.compile(workspace.check(chosen, [folder / "a.json"]))


def _escaped(tree: Any) -> Any:
    """The same with values of the project ruled out: in values, since keys hold none."""
    if isinstance(tree, dict):
        return {key: _escaped(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_escaped(item) for item in tree]
    return tree.replace("${", "$${") if isinstance(tree, str) else tree


@settings(FOLDER, max_examples=500)
@given(st.data())
@pytest.mark.slow
def test_text_arrives_unharmed_or_is_forbidden(folder: Path, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(PLACES)))
    place = data.draw(st.sampled_from(sorted(PLACES[kind])))
    base = data.draw(st.sampled_from(BASES[kind]))
    text = data.draw(TEXTS)
    patch, wanted = PLACES[kind][place](text)
    done = compile_with(folder, kind, base, patch)
    errors = [d for d in done.diagnostics if d.is_error]
    assert {d.rule for d in errors} <= FORBIDS | FORBIDS_AS_WELL.get(place, set()), errors
    if errors or any(d.rule == "no-effect" and d.path.removeprefix("spec.") in patch for d in done.diagnostics):
        return  # or it is said that there is no place for it
    (build,) = done.builds.values()
    read = {text.rstrip("/") for text in received(build, folder)}  # a judge's paths end without a slash
    if place == "name":
        assert any(text.startswith(f"{wanted.replace('_', '-')}-") for text in read)
    else:
        assert wanted.rstrip("/") in read | {""}
    if place != "source":
        (plain,) = compile_with(folder, kind, base, PLACES[kind][place]("plain")[0]).builds.values()
        assert _shapes(build, text) == _shapes(plain, text)


def received(build: Build, root: Path) -> Iterator[str]:
    """Every text that AWS reads: in the requests as they are sent, and in the documents and archives inside."""
    outputs = {"requests.model-artifact.ArtifactArn": "arn:aws:sagemaker:us-west-2:123456789012:artifact/0"}
    for request in build.compiled.requests:
        yield from _texts(
            markers.fill(identified(request.parameters, build.compiled.identity), outputs, Project(root=root))
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bytes):
        if value.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(value)) as archive:
                value = b"".join(archive.read(name) for name in archive.namelist())
        yield value.decode()
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            yield from _documents(value)


def _documents(text: str) -> Iterator[str]:
    try:
        yield from _texts(json.loads(text))
    except ValueError:
        return  # it only begins like one


def _shapes(build: Build, key: str) -> list[Any]:
    return [_shape(request.parameters, key) for request in build.compiled.requests]


def _shape(tree: Any, key: str) -> Any:
    """What there is but for the values: keys, with `key` for a plain one, lengths of lists, types."""
    if isinstance(tree, dict):
        return {key if name == "plain" else name: _shape(item, key) for name, item in tree.items()}
    return [_shape(item, key) for item in tree] if isinstance(tree, list) else type(tree)


def test_every_kind_with_requests_is_here() -> None:
    assert set(PLACES) == {kind for kind in schema.kinds() if schema.runs(kind)}
