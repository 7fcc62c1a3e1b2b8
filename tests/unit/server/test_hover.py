"""What is shown of the word under the pointer."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types
from sagespec.memory import Memory
from sagespec.reading import source
from sagespec.review import explain, explained
from sagespec.server import examination, hover
from sagespec.server.buffers import Buffers
from sagespec.server.examination import Examination
from sagespec.server.place import Place
from sagespec.server.positions import Text

from tests.conftest import ROOT, copy_examples

EXAMPLES = ROOT / "schemas" / "v1" / "examples"
SPECS = {file.name: file.read_text("utf-8") for file in sorted((ROOT / "specs").glob("*.yaml"))}
PROJECT = """apiVersion: sagespec/v1
kind: Project
metadata: {name: shop}
defaults:
  region: us-west-2
  role: SageMakerRole
  tags: {team: rl}
environments:
  prod: {values: {bucket: shop-prod, hf_token: hf_Aa0Bb1Cc2Dd3Ee4Ff5}}
  dev: {values: {bucket: "shop-${env}-${spec.name}"}}
"""
TRAINING = """apiVersion: sagespec/v1
kind: SFTTrainer
metadata: {name: qa}
spec:
  model: huggingface-reasoning-qwen3-32b
  model_package_group: out-mpg
  training_dataset: s3://${bucket}/texts.jsonl
  hyperparameters: {max_epochs: 2}
---
apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: qa}
spec:
  model: {ref: SFTTrainer/qa}
  role: LambdaRole
  benchmark: math
  s3_output_path: s3://${bucket}/out
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    copy_examples(folder)
    (folder / "sagespec.yaml").write_text(PROJECT, "utf-8")
    (folder / "specs" / "qa.yaml").write_text(TRAINING, "utf-8")
    return folder


WAITING = """apiVersion: sagespec/v1
kind: Project
defaults: {region: us-west-2}
environments: {dev: {values: {count: 3, where: "out-${spec.name}-${spec.run}"}}}
"""
NAMED = """apiVersion: sagespec/v1
kind: Torchrun
metadata: {name: "n-${spec.run}", run: "${count}"}
spec: {environment: {WHERE: "${where}", NAME: "${spec.name}", RUN: "${spec.run}"}}
"""


@pytest.mark.parametrize(
    ("word", "value"),
    [("${where}", "dev: out-n-3-3"), ("${spec.name}", "this spec: n-3"), ('${spec.run}"}}', "this spec: 3")],
)
def test_values_that_wait_for_a_spec_have_its_name_and_run_filled_in(tmp_path: Path, word: str, value: str) -> None:
    (tmp_path / "sagespec.yaml").write_text(WAITING, "utf-8")
    known = examination.examine(tmp_path, Buffers(), "dev", Memory())
    assert f"In {value}" in shown(known, NAMED, word).splitlines()[1]


@pytest.fixture(scope="module")
def prod(root: Path) -> Examination:
    return examination.examine(root, Buffers(), "prod", Memory())


@functools.lru_cache
def read(file: str, text: str) -> Text:
    """A text that is parsed once for all its positions."""
    return Text(file, text, "utf-16")


def place(examined: Examination, file: str, text: str, offset: int) -> Place:
    return Place(examined, examined, file, read(file, text), offset)


def shown(examined: Examination, text: str, word: str, file: str = "specs/qa.yaml") -> str:
    """What is shown of the first character of a word, as plain text."""
    found = hover.answer(place(examined, file, text, text.index(word)), is_markdown=False)
    assert found is not None
    return str(found.contents.value)  # type: ignore[union-attr]


def keys(document: str) -> Iterator[tuple[str, str, int]]:
    """Each key of the full example of a document: its field's name, whether it starts a run, an offset in it."""
    content = (EXAMPLES / f"{document}.yaml").read_text("utf-8")
    text = Text("a.yaml", content, "utf-16")
    for one in source.load("a.yaml", content.encode())[0]:
        for path, span in one.keys.items():
            found = explain.at(document, path)
            if found is not None:
                starts = explained.goes_to(found)[0].rpartition("(")[2] if document != explain.PROJECT else ""
                yield found.field.name, starts.rstrip(")"), text.offset_of(span.line, span.column)


@pytest.mark.parametrize("document", explain.documents())
@pytest.mark.parametrize("is_markdown", [True, False])
def test_every_field_is_named_and_says_if_it_starts_a_run(
    prod: Examination, document: str, is_markdown: bool
) -> None:
    content = (EXAMPLES / f"{document}.yaml").read_text("utf-8")
    file = "sagespec.yaml" if document == explain.PROJECT else "specs/a.yaml"
    listed = [*keys(document)]
    assert len({name for name, *_ in listed}) > 4
    for name, starts, offset in listed:
        found = hover.answer(place(prod, file, content, offset), is_markdown=is_markdown)
        assert found is not None, (name, offset)
        written = str(found.contents.value)  # type: ignore[union-attr]
        assert name in written, written
        assert starts in " ".join(written.split()), written


def test_a_range_is_the_word(prod: Examination) -> None:
    found = hover.answer(place(prod, "specs/qa.yaml", TRAINING, TRAINING.index("out-mpg") + 3), is_markdown=True)
    assert found is not None
    assert found.range is not None
    line = TRAINING.splitlines()[found.range.start.line]
    assert line[found.range.start.character : found.range.end.character] == "out-mpg"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("s3://${", "With values filled in: s3://shop-prod/texts.jsonl"),
        ("huggingface", "hub-content/SageMakerPublicHub/Model/huggingface-reasoning-qwen3-32b/"),
        ("max_epochs", "integer, default 1, min 1, max"),
        ("spec:", "role: SageMakerRole, the default of sagespec.yaml:6"),
        ("spec:", "tag team: rl, the default of sagespec.yaml:7"),
        ("spec:", "is left out; sent as CreateTrainingJob."),
        ("huggingface", "In the lock, hub models: arn arn:aws:sagemaker:us-west-2:aws:hub-content"),
        (
            "out-mpg",
            "In the lock, model package groups: arn arn:aws:sagemaker:us-west-2:123456789012:model-package-group/",
        ),
        ("LambdaRole", "In place of the default of sagespec.yaml:6: SageMakerRole"),
        ("SFTTrainer\n", "one serverless training job"),
        ("SFTTrainer/qa", "Defined at specs/qa.yaml:3"),
        ("SFTTrainer/qa", "It trains the model huggingface-reasoning-qwen3-32b"),
        ("SFTTrainer/qa", "Used here: OutputModelPackageArn"),
        ("qa}", "Address: SFTTrainer/qa"),
        ("qa}", "Qualified name: shop-prod-qa"),
        ("qa}", "Compiled file: compiled/prod/SFTTrainer/qa.json"),
        ("${bucket}", "In prod: shop-prod (sagespec.yaml:9)"),
        ("${bucket}", "In dev: shop-dev-qa (sagespec.yaml:10)"),
    ],
)
def test_what_becomes_of_it_is_shown(prod: Examination, word: str, expected: str) -> None:
    assert expected in shown(prod, TRAINING, word)


def test_a_value_without_an_environment_says_where_it_has_one(root: Path) -> None:
    said = shown(examination.examine(root, Buffers(), None, Memory()), TRAINING, "${bucket}")
    assert "Without an environment: no value" in said
    assert "In prod: shop-prod" in said


def test_what_the_lock_knows_is_shown_of_a_spec_that_does_not_compile(prod: Examination) -> None:
    wrong = TRAINING.replace("hyperparameters", "hyperparameter")
    assert "In the lock, hub models: arn arn:aws:" in shown(prod, wrong, "huggingface")
    assert "It does not compile." in shown(prod, wrong, "qa}")


def test_the_project_file_tells_of_its_values_and_defaults(prod: Examination) -> None:
    assert "In dev: shop-dev-" in shown(prod, PROJECT, "bucket", "sagespec.yaml")
    assert "In the lock, roles: arn arn:aws:iam::" in shown(prod, PROJECT, "SageMakerRole", "sagespec.yaml")
    assert "hf_Aa0" not in shown(prod, PROJECT, "hf_token", "sagespec.yaml")


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["markdown", "plaintext"], True),
        (["plaintext", "markdown"], False),
        (["plaintext"], False),
        ([], False),
        (None, False),
    ],
)
def test_markdown_is_for_those_who_prefer_it(formats: list[str] | None, expected: bool) -> None:
    given = None if formats is None else [types.MarkupKind(one) for one in formats]
    hovers = types.HoverClientCapabilities(content_format=given)
    client = types.ClientCapabilities(text_document=types.TextDocumentClientCapabilities(hover=hovers))
    assert hover.reads_markdown(client) is expected
    assert hover.reads_markdown(types.ClientCapabilities()) is False


def test_secrets_are_not_shown(prod: Examination) -> None:
    variables = "environment:\n    KEY: ${bucket}\n    OTHER: cheese\n  "
    text = TRAINING.replace("model: hugging", f"{variables}model: hugging").replace("SFTTrainer\n", "ModelTrainer\n")
    for word in ("KEY", "OTHER", "cheese"):
        said = shown(prod, text, word)
        assert "shop-prod" not in said
        assert "With values" not in said
    token = TRAINING.replace("${bucket}", "${hf_token}")
    for word in ("${hf_token}", "s3://"):
        said = shown(prod, token, word)
        assert "***" in said
        assert "hf_Aa0" not in said


def test_markdown_of_the_author_is_not_formatted(prod: Examination) -> None:
    text = TRAINING.replace("${bucket}", "${*b*`<i>}")
    found = hover.answer(place(prod, "specs/qa.yaml", text, text.index("${*")), is_markdown=True)
    assert found is not None
    assert "\\*b\\*\\`\\<i\\>" in str(found.contents.value)  # type: ignore[union-attr]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_place_of_a_broken_spec_is_an_error(prod: Examination, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([TRAINING, PROJECT, *SPECS.values()]))
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 20)))
        text = (
            text[:start]
            + data.draw(st.sampled_from(["", "{", "[", ": ", "- ", "😀", "${", "\t", "*", "null"]))
            + text[end:]
        )
    file = data.draw(st.sampled_from(["specs/qa.yaml", "sagespec.yaml", "specs/a.json"]))
    offset = data.draw(st.integers(0, len(text)))
    hover.answer(place(prod, file, text, offset), is_markdown=data.draw(st.booleans()))


@pytest.mark.parametrize("name", SPECS)
def test_every_place_of_an_example_can_be_pointed_at(prod: Examination, name: str) -> None:
    text = SPECS[name]
    answers = [
        hover.answer(place(prod, f"specs/{name}", text, offset), is_markdown=True)
        for offset in range(0, len(text), 3)
    ]
    assert sum(one is not None for one in answers) > len(answers) / 3
