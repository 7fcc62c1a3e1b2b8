"""What completion offers, and what it writes: all of it fits, nothing that is allowed is missing."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types
from sagespec.checking import schema
from sagespec.diagnostics import KeyPath, dotted
from sagespec.memory import Memory
from sagespec.reading import source
from sagespec.review import explain, explained, fields
from sagespec.server import examination
from sagespec.server.buffers import Buffers
from sagespec.server.completion import completing, lock_offers
from sagespec.server.completion.items import Client
from sagespec.server.examination import Examination
from sagespec.server.place import Place
from sagespec.server.positions import Text

from tests.conftest import FINE_TUNING_LOCK, LOCK, ROOT
from tests.language_clients import accepted

ABLE = Client(types.MarkupKind.Markdown, takes_snippets=True, indents_snippets=True)
EXAMPLES = ROOT / "schemas" / "v1" / "examples"
PROJECT = """apiVersion: sagespec/v1
kind: Project
metadata: {name: demo}
defaults: {region: us-west-2}
policies: {limits: {instance_hours_per_run: 100}}
environments:
  prod: {values: {bucket: my-bucket, count: 3, own: '${bucket}/${spec.name}', both: [a, b]}}
"""


def head(kind: str) -> str:
    return f"apiVersion: sagespec/v1\nkind: {kind}\nmetadata: {{name: typed}}\nspec:\n"


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    """The examples as a project, in an environment."""
    return _examined(tmp_path_factory.mktemp("specs"), ROOT / "specs", LOCK)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    """The full examples of all kinds as a project."""
    return _examined(tmp_path_factory.mktemp("examples"), EXAMPLES, FINE_TUNING_LOCK)


def _examined(root: Path, specs: Path, lock: Path) -> Examination:
    shutil.copytree(specs, root / "specs")
    (root / "specs" / "Project.yaml").unlink(missing_ok=True)
    shutil.copy(lock, root / "sagespec.lock.json")
    (root / "sagespec.yaml").write_text(PROJECT, "utf-8")
    return examination.examine(root, Buffers(), "prod", Memory())


def offered(
    one: Examination, marked: str, file: str = "specs/typed.yaml", client: Client = ABLE
) -> types.CompletionList:
    """What is offered where the text has `|`."""
    offset, text = marked.index("|"), marked.replace("|", "", 1)
    return completing.answer(Place(one, one, file, Text(file, text, "utf-16"), offset), client)


def labels(one: Examination, marked: str, file: str = "specs/typed.yaml") -> list[str]:
    return [item.label for item in offered(one, marked, file).items]


def written(one: Examination, marked: str, label: str, file: str = "specs/typed.yaml", client: Client = ABLE) -> str:
    """The text after `label` was accepted where it has `|`."""
    item = next(item for item in offered(one, marked, file, client).items if item.label == label)
    return accepted(Text(file, marked.replace("|", "", 1), "utf-16"), item)


class Cut(NamedTuple):
    """A word that is cut out of a file; `is_entry` where a key is cut with its value."""

    file: str
    text: str
    kind: str
    path: KeyPath
    offset: int
    word: Any
    is_key: bool
    is_entry: bool = False


@cache
def cuts(folder: Path) -> list[Cut]:
    """Every key and scalar of the files in a folder, cut out."""
    found: list[Cut] = []
    for file in sorted(folder.glob("*.yaml")):
        text = file.read_text("utf-8")
        where = Text(file.name, text, "utf-16")
        for one in source.load(file.name, text.encode())[0]:
            for path, span in [*one.keys.items(), *one.values.items()]:
                is_key = one.keys.get(path) is span
                value = source.get(one.data, path)
                if isinstance(value, dict | list) and not is_key:
                    continue
                start = where.offset_of(span.line, span.column)
                end = where.offset_of(span.end_line, span.end_column)
                kept = (f"specs/{file.name}", text[:start] + text[end:], one.data["kind"], path, start)
                found.append(Cut(*kept, path[-1] if is_key else value, is_key))
                last = one.values.get(path)
                if is_key and last and not isinstance(value, dict | list) and last.line == last.end_line:
                    end = where.offset_of(last.end_line, last.end_column)
                    cut = text[:start] + text[end:]
                    found.append(Cut(kept[0], cut, *kept[2:], path[-1], is_key=True, is_entry=True))
    return found


FREE = ("environment", "tags", "defaults", "values", "environments", "prices")
"""Mappings whose keys only the author knows."""


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_key_of_a_full_example_is_offered_when_it_is_cut_out(kind: str, full: Examination) -> None:
    missing = []
    for cut in cuts(EXAMPLES):
        free = kind == "ModelTrainer" and cut.path[1:2] == ("hyperparameters",)
        if cut.kind == kind and cut.is_key and not (len(cut.path) > 2 and (cut.path[-2] in FREE or free)):
            text = Text(cut.file, cut.text, "utf-16")
            items = completing.answer(Place(full, full, cut.file, text, cut.offset), ABLE).items
            if cut.word not in [item.label for item in items]:
                missing.append((dotted(cut.path), cut.is_entry))
    assert not missing


def test_every_field_of_a_project_file_is_offered(full: Examination) -> None:
    text = (EXAMPLES / "Project.yaml").read_text("utf-8")
    for cut in cuts(EXAMPLES):
        if cut.kind == "Project" and cut.is_key and not (len(cut.path) > 1 and cut.path[-2] in FREE):
            where = Text("sagespec.yaml", cut.text, "utf-16")
            items = completing.answer(Place(full, full, "sagespec.yaml", where, cut.offset), ABLE).items
            assert cut.word in [item.label for item in items], (cut.path, text)
    names = labels(full, "apiVersion: sagespec/v1\nkind: Project\ndefaults:\n  |", "sagespec.yaml")
    assert {name for kind in schema.kinds() for name in schema.fields(kind)} <= set(names)


def _typing(path: fields.Steps, rest: str) -> str:
    """A document in which the value at a path is being typed."""
    lines, indent, is_entry = [], "", False
    for step in path:
        if step == fields.ENTRY:
            indent, is_entry = indent + "  ", True
            lines.append("")
            continue
        dash = f"{indent[:-2]}- " if is_entry else indent
        lines.append(f"{dash}{step}:")
        indent, is_entry = indent + "  ", False
    written = "\n".join(line for line in lines if line)
    return f"{written}{rest}" if not is_entry else f"{written}\n{indent[:-2]}-{rest}"


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_listed_value_of_every_field_is_offered(kind: str, examined: Examination) -> None:
    top = head(kind).removesuffix("spec:\n")
    for path, field in fields.of(kind).items():
        values = field.values or ((True, False) if field.type == "true or false" else ())
        if path[:1] == ("spec",) and values and fields.ANY_KEY not in path:
            shown = labels(examined, top + _typing(path, " |"))
            assert {value if isinstance(value, str) else json.dumps(value) for value in values} <= set(shown), path


KEY_RULES = {
    "duplicate-key",
    "exclusive-fields",
    "no-data-mixing",
    "reserved-name",
    "syntax",
    "unknown-category",
    "unknown-hyperparameter",
    "unknown-key",
    "value-in-key",
}
"""What is said of a key whatever its value is."""


@settings(max_examples=100)
@given(st.sampled_from(cuts(ROOT / "specs")), st.data())
def test_nothing_is_said_of_what_is_accepted(examined: Examination, cut: Cut, data: st.DataObject) -> None:
    text = Text(cut.file, cut.text, "utf-16")
    items = completing.answer(Place(examined, examined, cut.file, text, cut.offset), ABLE).items
    # a folder that only leads to files further down is no value yet
    items = [item for item in items if item.kind is not types.CompletionItemKind.Folder or "/" not in item.label]
    if not items:
        return
    item = data.draw(st.sampled_from(items))
    new = accepted(text, item)
    if cut.is_entry:  # with a value, which may still be wrong
        about = explain.at(cut.kind, (*cut.path[:-1], item.label))
        value = explained.inline(about.example) if about and about.has_example else "1"
        new = f"{cut.text[: cut.offset]}{item.label}: {value}{cut.text[cut.offset :]}"
    said = examination.examine(
        examined.root, Buffers({examined.root / cut.file: new.encode()}), "prod", Memory()
    ).diagnostics
    path = dotted((*cut.path[:-1], item.label) if cut.is_key else cut.path)
    here = [
        d for d in said if d.file == cut.file and d.is_error and (d.path == path or d.path.startswith(f"{path}."))
    ]
    if cut.is_entry:
        assert not [d for d in here if d.rule in KEY_RULES], new
    elif cut.is_key:  # what stands after the key is the value of another one
        assert not [d for d in here if d.path == path and d.rule in KEY_RULES - {"syntax"}], new
    else:
        own = cut.kind in {str(d.address).partition("/")[0] for d in here}
        assert not own or not [d for d in here if d.rule != "eula"], new  # the licence is yet to be accepted


QWEN = "huggingface-reasoning-qwen3-32b"
SFT = head("SFTTrainer")
TRAINING = head("ModelTrainer")
JUDGE = head("LLMAsJudgeEvaluator")
P4D = "ml.p4d.24xlarge"
CHANNEL = TRAINING + "  input_data_config:\n  - {channel_name: a, "


@pytest.mark.parametrize(
    ("marked", "label", "expected"),
    [
        (TRAINING + "  |\n", "role", TRAINING + "  role: \n"),
        (TRAINING + "  co|\n", "compute", TRAINING + "  compute:\n    \n"),
        (TRAINING + "  |", "metric_definitions", TRAINING + "  metric_definitions:\n    - "),
        (TRAINING + "  compute: {in|}\n", "instance_type", TRAINING + "  compute: {instance_type: }\n"),
        (TRAINING + "  compute: {|}\n", "instance_groups", TRAINING + "  compute: {instance_groups: []}\n"),
        (TRAINING + "  ro|le: x\n", "region", TRAINING + "  region: x\n"),
        (TRAINING + "  input_data_config:\n  - |", "shuffle_config", "  - shuffle_config:\n      "),
        (TRAINING + "  input_data_config:\n    |", "- channel_name", "    - channel_name: "),
        (TRAINING + "  distributed:|\n", "{ref: Torchrun/two-a-node}", "  distributed: {ref: Torchrun/two-a-node}\n"),
        (TRAINING + "  distributed: {ref: Tor|}", "Torchrun/two-a-node", "{ref: Torchrun/two-a-node}"),
        (CHANNEL + "data_source: |}", "{ref: ModelTrainer/line}", "data_source: {ref: ModelTrainer/line}}"),
        (CHANNEL + "data_source: {ref: Mod|}}", "ModelTrainer/line", "data_source: {ref: ModelTrainer/line}}"),
        (TRAINING + "  training_image: ${b|", "bucket", "  training_image: ${bucket}"),
        (TRAINING + "  training_image: ${b|uc}/x", "bucket", "  training_image: ${bucket}/x"),
        (TRAINING + '  training_image: "${|"', "own", '  training_image: "${own}"'),
        (TRAINING + "  compute: {instance_count: ${|}}", "count", '  compute: {instance_count: "${count}"}'),
        (TRAINING + "  compute: {instance_count: ${|}", "count", '  compute: {instance_count: "${count}"}'),
        (TRAINING + "  input_s3_key_prefix: a/${|", "spec.name", "  input_s3_key_prefix: a/${spec.name}"),
        (SFT + "  accept_eula:|", "true", "  accept_eula: true"),
        (SFT + "  model: 'hu|'", QWEN, f"  model: '{QWEN}'"),
        (SFT + '  model: "hu|', QWEN, f'  model: "{QWEN}"'),
        (TRAINING + "  compute: {instance_type: 'ml|", P4D, f"{{instance_type: '{P4D}'"),
        (TRAINING + '  compute: {instance_type: "ml|}\n', P4D, f'{{instance_type: "{P4D}"}}\n'),
        (TRAINING + "  compute: {instance_groups: [{instance_type: 'ml|\n  role: a", P4D, f"'{P4D}'\n  role"),
        (TRAINING + '  compute: {instance_groups: [{instance_type: "ml|}]}', P4D, f'"{P4D}"}}]}}'),
        (TRAINING + '  compute: {"inst|', "instance_count", '{"instance_count": '),
        (TRAINING + "  compute: {'inst|: 1}", "instance_count", "{'instance_count': 1}"),
        (JUDGE + "  builtin_metrics: ['Corr|", "Correctness", "['Correctness'"),
        (JUDGE + '  builtin_metrics: ["Helpfulness", "Corr|]\n', "Correctness", '"Helpfulness", "Correctness"]\n'),
        (JUDGE + "  builtin_metrics:\n  - 'Corr|\n", "Correctness", "  - 'Correctness'\n"),
        (SFT.replace("\n", "\r\n") + "  ro|\r\n", "role", "  role: \r\n"),
        ("# 😀\n" + SFT + "  tags: {a: '😀'}\n  ro|", "role", "  role: "),
        ("{{{\n---\n" + SFT + "  ro|\n---\n" + TRAINING, "role", "  role: \n"),
        ("kind: |", "SFTTrainer", "kind: SFTTrainer"),
    ],
)
def test_what_is_accepted_is_written_as_yaml_reads_it(
    marked: str, label: str, expected: str, examined: Examination
) -> None:
    assert expected in written(examined, marked, label)


@pytest.mark.parametrize(
    ("metadata", "name", "value"),
    [
        ("name: 'n-${spec.run}', run: '${count}'", "own", "my-bucket/n-3"),
        ("name: 'n-${spec.run}', run: '${count}'", "spec.name", "n-3"),
        ("name: 'n-${spec.run}', run: '${count}'", "spec.run", "3"),
        ("name: 'n-${spec.run}'", "own", "my-bucket/n-1"),
        ("run: 2", "own", "differs by spec"),
        ("run: 2, description: 'a${|'", "spec.run", "2"),
        ("run: 2, name: 'a${|'", "spec.run", "2"),
        ("run: 2, name: 'a${|'", "own", None),
        ("name: a, run: '${|'", "spec.name", None),
    ],
)
def test_values_are_offered_as_a_spec_has_them(
    metadata: str, name: str, value: str | None, examined: Examination
) -> None:
    text = TRAINING.replace("name: typed", metadata)
    found = offered(examined, text if "|" in text else f"{text}  training_image: 'a${{|'").items
    assert {item.label: item.detail for item in found}.get(name) == value


@pytest.mark.parametrize(
    ("inner", "label", "expected"),
    [
        ('"ro|"', "role", '"role": '),
        ("|", "role", '"role": '),
        ('"ro|": 1', "role", '"role": 1'),
        ('"accept_eula": |', "true", '"accept_eula": true'),
        ('"model": |', QWEN, f'"model": "{QWEN}"'),
        ('"model": "|"', QWEN, f'"model": "{QWEN}"'),
        ('"model": |', "{ref: SFTTrainer/helpful-examples}", '"model": {"ref": "SFTTrainer/helpful-examples"}'),
        ('"training_dataset": "s3://${|/x"', "bucket", '"training_dataset": "s3://${bucket}/x"'),
    ],
)
def test_in_json_what_is_accepted_is_json(inner: str, label: str, expected: str, examined: Examination) -> None:
    whole = '{"apiVersion": "sagespec/v1", "kind": "SFTTrainer", "metadata": {"name": "typed"}, "spec": {%s}}'
    assert f"{{{expected}}}" in written(examined, whole % inner, label, "specs/typed.json")


@pytest.mark.parametrize(
    ("marked", "not_offered"),
    [
        (TRAINING + "  training_image: $${|", "bucket"),
        (TRAINING + "  ${|", "bucket"),
        (TRAINING + "  # ro|", "role"),
        (TRAINING + "  training_image: x\n  |", "algorithm_name"),
        (TRAINING + "  training_image: x\n  |", "training_image"),
        (TRAINING + "  source_code: {command: x, |}", "entry_script"),
        (TRAINING + "  compute: {instance_groups: [], |}", "instance_type"),
        (TRAINING + "  compute: {instance_count: 2, |}", "instance_groups"),
        (TRAINING + "  compute: {instance_preferences: [], |}", "enable_managed_spot_training"),
        (TRAINING + "  distributed: {type: MPI, |}", "smp"),
        (TRAINING + "  metric_definitions: [{Name: a, |}]", "regex"),
        (TRAINING + "  compute: {instance_count: ${|", "bucket"),
        (TRAINING + "  training_image: a${|", "both"),
        (TRAINING + "  role: Some Role|", "LambdaRole"),
        (TRAINING + "  compute: {instance_type: '|'}", "true"),
        ("metadata: {name: '${|'}\nkind: MPI\napiVersion: sagespec/v1", "spec.name"),
        (SFT + "  model: [|", "huggingface-reasoning-qwen3-4b"),
        (SFT + "  model: huggingface-reasoning-qwen3-32b\n  |", "data_mixing_config"),
        (head("MultiTurnRLTrainer") + "  model: |", "huggingface-llm-bare-7b"),
        (head("LLMAsJudgeEvaluator") + "  evaluator_model: |", "anthropic.claude-retired-v1:0"),
        (head("BenchMarkEvaluator") + "  model: huggingface-reasoning-qwen3-4b\n  benchmark: |", "mmmu"),
        ("on: [push]\njobs:\n  |", "kind"),
        ("epochs: 3\n|", "kind"),
    ],
)
def test_what_would_be_wrong_is_not_offered(marked: str, not_offered: str, examined: Examination) -> None:
    file = ".github/ci.yaml" if marked.startswith("on:") else "specs/typed.yaml"
    assert not_offered not in labels(examined, marked, file)


def test_a_spec_does_not_refer_to_itself_nor_to_what_refers_to_it(examined: Examination, tmp_path: Path) -> None:
    chain = "---\n".join(
        f"apiVersion: sagespec/v1\nkind: SFTTrainer\nmetadata: {{name: {name}}}\nspec:\n  model: {model}\n"
        f"  model_package_group: out-mpg\n  training_dataset: s3://my-bucket/{name}.jsonl\n"
        for name, model in (
            ("first", "huggingface-reasoning-qwen3-32b"),
            ("second", "{ref: SFTTrainer/first}"),
            ("third", "{ref: SFTTrainer/second}"),
        )
    )
    shutil.copytree(examined.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "specs" / "chain.yaml").write_text(chain, "utf-8")
    one = examination.examine(tmp_path, Buffers(), "prod", Memory())
    marked = chain.replace("{ref: SFTTrainer/first}", "{ref: |}")
    shown = labels(one, marked, "specs/chain.yaml")
    assert "SFTTrainer/first" in shown
    assert not {"SFTTrainer/second", "SFTTrainer/third"} & set(shown)


def test_required_fields_come_first_and_say_what_explain_says(examined: Examination) -> None:
    items = offered(examined, SFT + "  |").items
    first = sorted(items, key=lambda item: str(item.sort_text))[:2]
    assert [item.label for item in first] == ["model", "training_dataset"]
    about = next(item for item in items if item.label == "sequence_length").documentation
    assert isinstance(about, types.MarkupContent)
    assert about.kind is types.MarkupKind.Markdown
    assert "Longest sequence" in about.value
    plain = offered(examined, SFT + "  |", client=Client()).items[0].documentation
    assert isinstance(plain, str)
    assert "###" not in plain


def test_without_snippets_nothing_is_broken_over_lines(examined: Examination) -> None:
    for marked in (TRAINING + "  |", TRAINING + "  compute: {|}", TRAINING + "  input_data_config:\n    - |"):
        for item in offered(examined, marked, client=Client()).items:
            assert item.insert_text_format is types.InsertTextFormat.PlainText
            assert isinstance(item.text_edit, types.TextEdit)
            assert not {"\n", "$"} & set(item.text_edit.new_text)


def test_hyperparameters_are_those_of_model_and_technique(examined: Examination) -> None:
    base = SFT + "  model: huggingface-reasoning-qwen3-32b\n  hyperparameters:\n    "
    items = {item.label: item for item in offered(examined, base + "|").items}
    assert items["learning_rate"].detail == "float 1e-07 to 0.001, default 0.0002"
    assert "lora_rank" in items
    assert labels(examined, base + "global_batch_size: |") == ["64", "8", "16", "32", "128", "256"]
    chained = base.replace("huggingface-reasoning-qwen3-32b", "{ref: SFTTrainer/helpful-examples}")
    assert "learning_rate" in labels(examined, chained + "|")


NOVA = "nova-textgeneration-lite-v2"
QWEN = "huggingface-reasoning-qwen3-32b"


@pytest.mark.parametrize(
    ("kind", "model", "field", "entries"),
    [
        ("RLAIFTrainer", QWEN, "reward_prompt: summarize", {"judge_prompt_template"}),
        ("RLAIFTrainer", QWEN, "reward_model_id: openai.gpt-oss-120b-1:0", {"judge_model_id"}),
        ("RLVRTrainer", QWEN, "custom_reward_function: name", {"preset_reward_function"}),
        ("SFTTrainer", NOVA, "data_mixing_config: {}", {"customer_data_percent", "nova_code_percent"}),
    ],
)
def test_entries_that_another_field_decides_are_not_offered(
    examined: Examination, kind: str, model: str, field: str, entries: set[str]
) -> None:
    text = f"{head(kind)}  model: {model}\n  hyperparameters:\n    |\n"
    assert entries <= {*labels(examined, text)}
    assert not entries & {*labels(examined, f"{text}  {field}\n")}


def test_secrets_are_not_shown(examined: Examination) -> None:
    text = PROJECT.replace(
        "bucket: my-bucket", "bucket: my-bucket, api_key: hunter2hunter2, url: 'ftp://a:hunter2@b'"
    )
    changed = Buffers({examined.root / "sagespec.yaml": text.encode()})
    one = examination.examine(examined.root, changed, "prod", Memory())
    shown = offered(one, TRAINING + "  training_image: a${|").items
    assert {"api_key", "url"} <= {item.label for item in shown}
    assert not any("hunter2" in str(item) for item in shown)


def test_files_are_those_of_the_project_relative_to_the_spec(examined: Examination, tmp_path: Path) -> None:
    shutil.copytree(examined.root, tmp_path / "project")
    specs = tmp_path / "project" / "specs"
    (specs / ".env").write_text("a=b", "utf-8")
    (specs / "outside").symlink_to(tmp_path)
    one = examination.examine(tmp_path / "project", Buffers(), "prod", Memory())
    code = TRAINING + "  source_code: {source_dir: |}"
    assert labels(one, code) == ["agents", "measuring", "training"]
    assert labels(one, TRAINING + "  source_code: {source_dir: training, entry_script: |}") == ["train.py"]
    agents = labels(one, head("CustomAgentLambda") + "  source: agents/|")
    assert agents
    assert all(name.startswith("agents/") for name in agents)
    for above in ("../", "../../", "/", "~/", "outside/"):
        assert not {".env", "outside"} & set(labels(one, code.replace("|", f"{above}|")))
    assert labels(one, code.replace("|", "../../|")) == []
    assert labels(one, "apiVersion: sagespec/v1\nkind: Project\nlock: |", "sagespec.yaml")[0] == "sagespec.lock.json"
    assert labels(one, "apiVersion: sagespec/v1\nkind: Project\nspecs: [|]", "sagespec.yaml") == [
        "specs",
    ]


def test_what_is_offered_by_name_are_fields() -> None:
    known = {path[-1] for document in explain.documents() for path in fields.of(document) if path}
    assert set(lock_offers.BY_FIELD) <= known


MTRL, RLAIF, RLVR = head("MultiTurnRLTrainer"), head("RLAIFTrainer"), head("RLVRTrainer")
ACCOUNT = "arn:aws:sagemaker:us-west-2:123456789012:"
HUB = "9IVHFNP5DC9J8QGIQ193ESR91NUC4JAR4I5AJ4H7K80LM5BEHKM0"


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        (SFT + "  role: |", ["LambdaRole", "SageMakerRole"]),
        (SFT + "  region: |", ["us-west-2"]),
        (SFT + "  model: |", [QWEN, f"{ACCOUNT}model-package/llama-ft/1", "{job: finished-sft-job}"]),
        (SFT + "  model: {job: |}", ["finished-mtrl-job", "finished-sft-job"]),
        (SFT + "  model_package_group: |", ["out-mpg", "llama-ft"]),
        (SFT + "  mlflow_resource_arn: |", [f"{ACCOUNT}mlflow-app/app-DEFAULT"]),
        (SFT + f"  model: {QWEN}\n  training_type: |", ["LORA", "FULL"]),
        (MTRL + "  agent_env: |", ["myRuntime-aBcDeFgHiJ", "{ref: CustomAgentLambda/calculator}"]),
        (MTRL + "  intermediate_checkpoint_model_package_group: |", ["ckpt-mpg"]),
        (head("LLMAsJudgeEvaluator") + "  evaluator_model: |", ["amazon.nova-pro-v1:0"]),
        (head("LLMAsJudgeEvaluator") + "  builtin_metrics: [|]", ["Correctness", "Helpfulness"]),
        (head("CustomScorerEvaluator") + "  evaluator: |", ["prime_math", "prime_code"]),
        (RLAIF + "  reward_model_id: |", ["openai.gpt-oss-120b-1:0"]),
        (RLAIF + f"  model: {QWEN}\n  reward_prompt: |", ["summarize", "my-prompt"]),
        (RLVR + "  custom_reward_function: |", [f"{ACCOUNT}hub-content/{HUB}/JsonDoc/my-reward/1.0.0"]),
        (head("BenchMarkEvaluator") + "  benchmark: mmlu\n  subtasks: |", ["ALL", "anatomy"]),
        (head("BenchMarkEvaluator") + "  benchmark: mmlu\n  subtasks:\n    |", ["- anatomy"]),
        (TRAINING + "  compute: {instance_type: |}", ["ml.p4d.24xlarge"]),
        (TRAINING + "  compute: {instance_groups: [{instance_group_name: gpu}]}\n  input_data_config:\n"
         "  - data_source: {s3_uri: a, instance_group_names: [|]}", ["gpu"]),
        (TRAINING + "  stopping_condition: {max_runtime_in_seconds: |}", ["3600"]),
    ],
)  # fmt: skip
def test_what_lock_and_data_know_is_offered(marked: str, expected: list[str], examined: Examination) -> None:
    assert set(expected) <= set(labels(examined, marked))


def test_preferences_may_share_a_count(examined: Examination) -> None:
    assert "instance_count" in labels(examined, TRAINING + "  compute: {instance_preferences: [], |}")


def test_a_text_that_yaml_reads_as_a_number_is_quoted(examined: Examination) -> None:
    top = "apiVersion: sagespec/v1\nkind: Project\ndefaults:\n  account:"
    new = written(examined, f"{top} |\n", "123456789012", "sagespec.yaml")
    assert new == f'{top} "123456789012"\n'


def test_exceptions_name_policies_limits_and_specs(examined: Examination) -> None:
    top = "apiVersion: sagespec/v1\nkind: Project\nexceptions:\n  - "
    assert labels(examined, top + "policy: |", "sagespec.yaml") == ["instance_hours_per_run"]
    assert "Torchrun/two-a-node" in labels(examined, top + "address: |", "sagespec.yaml")


def test_a_value_is_not_offered_what_uses_it(examined: Examination) -> None:
    text = PROJECT.replace("bucket: my-bucket", "bucket: '${|'")
    shown = labels(examined, text, "sagespec.yaml")
    assert "count" in shown
    assert not {"bucket", "own"} & set(shown)


def test_too_many_items_are_cut_to_those_that_fit(examined: Examination, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "MOST", 20)
    found = offered(examined, TRAINING + "  compute: {instance_type: p4|}")
    assert found.is_incomplete
    assert {item.label for item in found.items} >= {"ml.p4d.24xlarge"}
    assert len(found.items) <= 20


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Examination]:
    """Projects of which little is known: without a project file and a lock, and with an invalid one."""
    bare, invalid = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("invalid")
    for root in (bare, invalid):
        shutil.copytree(ROOT / "specs", root / "specs")
    (invalid / "sagespec.yaml").write_text("kind: [", "utf-8")
    return [examination.examine(root, Buffers(), None, Memory()) for root in (bare, invalid)]


ODD = [
    "3",
    "[1, {a: b}]",
    "{ref: [a]}",
    "{job: []}",
    "null",
    "!!x y",
    "*a",
    "&a b",
    "|\n    x",
    "1e999",
    "{",
    "[",
    '"',
]
ODD += ["${", "- ", ": ", "..", "/", "<<: *x", ""]


@given(st.sampled_from(cuts(ROOT / "specs")), st.data())
@settings(max_examples=150)
def test_any_text_is_survived(
    examined: Examination, others: list[Examination], cut: Cut, data: st.DataObject
) -> None:
    text = cut.text[: cut.offset] + data.draw(st.sampled_from([*ODD, str(cut.word)])) + cut.text[cut.offset :]
    offset = data.draw(st.one_of(st.integers(0, len(text)), st.just(min(cut.offset + 1, len(text)))))
    broken = text[:offset] + data.draw(st.sampled_from(ODD))
    whole = broken + data.draw(st.sampled_from(["", text[offset:]]))
    one = data.draw(st.sampled_from([examined, *others]))
    for file in ("specs/typed.yaml", "specs/typed.json", "sagespec.yaml"):
        where = Text(file, whole, "utf-16")
        for item in completing.answer(Place(one, one, file, where, len(broken)), ABLE).items:
            edit = item.text_edit
            assert isinstance(edit, types.TextEdit)
            assert edit.range.start.line == edit.range.end.line
            assert where.offset(edit.range.start) <= len(broken) <= where.offset(edit.range.end)


@pytest.mark.parametrize(
    "marked",
    [
        TRAINING + "  compute:\n    in|\n  compute: {}\n",
        TRAINING
        + "  input_data_config:\n  - data_source:\n      attribute_names:\n        |\n  input_data_config: 3\n",
        TRAINING + "  networking: [{a: b}, |]",
        TRAINING + "  distributed: {smp: [{|",
    ],
)
def test_what_a_later_key_replaces_is_survived(marked: str, examined: Examination) -> None:
    offered(examined, marked)
