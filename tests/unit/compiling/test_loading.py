"""Compiled files are loaded where they are what we would write, whatever digest or identity somebody has computed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec.checking import schema
from sagespec.compiling import loading, workspace
from sagespec.compiling.loading import InvalidCompiled
from sagespec.documents import compiled, identity
from sagespec.executor import files, markers
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project

from tests.conftest import LOCK, ROOT
from tests.property.mutants import mutant, sealed, text

Document = dict[str, Any]
Change = Callable[[Document], Any]


def compiled_examples() -> dict[str, str]:
    """The compiled files of the examples: every kind has one, evaluators one of each form."""
    chosen, diagnostics = project_settings.choose(Project(root=ROOT), None, {})
    assert chosen is not None, diagnostics
    done = workspace.compile(workspace.check(chosen, []))
    assert not done.failed, done.diagnostics
    return {address: compiled.dump(build.compiled) for address, build in done.builds.items()}


GOOD = compiled_examples()
JOB, TRAINING = "MultiTurnRLTrainer/support-agent", "ModelTrainer/line"
EVALUATION, FUNCTION = "LLMAsJudgeEvaluator/support-tone", "CustomAgentLambda/calculator"


def test_there_is_one_of_every_kind() -> None:
    assert {address.partition("/")[0] for address in GOOD} == set(schema.kinds())


@pytest.mark.parametrize("address", sorted(GOOD))
def test_what_we_write_is_loaded_and_is_valid_against_its_schema(address: str) -> None:
    made = loading.load(GOOD[address].encode())
    assert compiled.dump(made) == GOOD[address]
    assert schema.validate("Compiled", json.loads(GOOD[address])) == []


def changed(address: str, change: Change, *, with_identity: bool = True) -> bytes:
    document = json.loads(GOOD[address])
    change(document)
    return sealed(document, with_identity=with_identity).encode()


def set_in(*keys: str | int, to: Any) -> Change:
    def change(document: Document) -> None:
        tree: Any = document
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = to

    return change


def last(document: Document) -> Document:
    found: Document = document["requests"][-1]
    return found


def parameters(document: Document) -> Document:
    found: Document = last(document)["parameters"]
    return found


def add_pipeline(document: Document) -> None:
    document["requests"].insert(0, {**document["requests"][-2], "id": "other"})


MARKER = {"$output": "MultiTurnRLTrainer/other.OutputModelPackageArn"}
REFUSED: list[tuple[str, Change, str]] = [
    (
        JOB,
        lambda d: last(d).update(operation="DeleteModelPackageGroup"),
        "does not know the operation DeleteModelPackageGroup",
    ),
    (JOB, lambda d: last(d).update(service="s3"), "service: must be"),
    (JOB, lambda d: last(d).update(id=""), "at least 1 character"),
    (JOB, lambda d: d["requests"].pop(), "starts no run"),
    (JOB, lambda d: d["requests"].reverse(), "starts more than one run|starts no run"),
    (JOB, lambda d: d["requests"].append(last(d)), "starts more than one run"),
    (JOB, lambda d: d["requests"].insert(0, d["requests"][0]), "has two requests"),
    (JOB, lambda d: parameters(d).pop("RoleArn"), "'RoleArn' is required"),
    (JOB, lambda d: parameters(d).update(Region="us-east-1"), "there is no such member"),
    (JOB, lambda d: parameters(d).update(RoleArn=1), "expected text"),
    (JOB, lambda d: parameters(d).update(RoleArn=MARKER), "not among what it depends on"),
    (JOB, lambda d: parameters(d).update(RoleArn={"$output": "requests.none.Arn"}), "no earlier request"),
    (JOB, lambda d: parameters(d).update(RoleArn={"$file": {"path": "a", "sha256": "0" * 64}}), "cannot stand here"),
    (JOB, lambda d: parameters(d).update(JobName="support-agent"), "JobName"),
    (JOB, lambda d: parameters(d).update(JobName={"$identity": "a" * 60}), "at most 63"),
    (JOB, lambda d: parameters(d).update(JobName={"$identity": ["a"]}), "JobName"),
    (JOB, lambda d: parameters(d).update(JobCategory={"$json": 1}), "JobCategory"),
    (JOB, lambda d: parameters(d)["Tags"].append({"Key": "sagespec:address", "Value": "x"}), "apply adds those"),
    (JOB, lambda d: parameters(d).update(Tags=[{"Key": str(n), "Value": ""} for n in range(48)]), "at most 50"),
    (JOB, lambda d: parameters(d).update(JobConfigDocument={"$json": {"a": {"$output": 1}}}), "JobConfigDocument"),
    (JOB, lambda d: parameters(d).update(JobConfigDocument={"$json": {"a": {"$zip": {"b": 1}}}}), "a file or a text"),
    (JOB, set_in("metadata", "address", to="Nothing/a"), "there is no kind Nothing"),
    (JOB, set_in("metadata", "address", to="MultiTurnRLTrainer/a\n"), "the address of a spec"),
    (JOB, set_in("metadata", "dependsOn", to={JOB: "0" * 12}), "depends on itself"),
    (JOB, set_in("metadata", "dependsOn", to=["MPI/a"]), "expected a mapping"),
    (JOB, set_in("metadata", "account", to=1), "expected text"),
    (JOB, set_in("metadata", "run", to=True), "expected a whole number"),
    (JOB, set_in("metadata", "created", to="now"), "'created' is not a field here"),
    (JOB, set_in("kind", to="Plan"), "not a compiled file"),
    (JOB, set_in("apiVersion", to="sagespec/v2"), "apiVersion 'sagespec/v2' is not"),
    (JOB, lambda d: d.pop("requests"), "'requests' is required"),
    (
        TRAINING,
        set_in("requests", 0, "parameters", "Key", to="sagespec/code/0000000000000000/train.py"),
        "is not uploaded",
    ),
    (TRAINING, set_in("requests", 0, "parameters", "Body", to={"$zip": 1}), "a file or a JSON document"),
    (TRAINING, set_in("requests", 0, "parameters", "ACL", to="public-read"), "'ACL' is not a field here"),
    (TRAINING, set_in("requests", 0, "parameters", to=[]), "expected a mapping"),
    (TRAINING, lambda d: parameters(d).update(InputDataConfig=MARKER), "InputDataConfig"),
    (EVALUATION, add_pipeline, "does not run the one pipeline"),
    (
        EVALUATION,
        lambda d: parameters(d).update(PipelineName="SagemakerEvaluation-x"),
        "does not run the one pipeline",
    ),
    (
        EVALUATION,
        lambda d: d["requests"][-2]["parameters"]["PipelineDefinition"]["$json"].pop("Steps"),
        "'Steps' is required",
    ),
    (FUNCTION, lambda d: parameters(d)["Code"].update(ZipFile={"$zip": {"a": {"path": 1}}}), "Code"),
]


@pytest.mark.parametrize(("address", "change", "message"), REFUSED)
def test_a_file_whose_digest_fits_is_still_checked(address: str, change: Change, message: str) -> None:
    with pytest.raises(InvalidCompiled, match=message):
        loading.load(changed(address, change))


@pytest.mark.parametrize("name", ["$output", "$file", "$zip", "$identity", "$json"])
def test_files_of_an_archive_may_be_called_like_markers(name: str) -> None:
    archive = {"$zip": {name: {"text": "x = 1"}}}
    made = loading.load(changed(FUNCTION, lambda d: parameters(d)["Code"].update(ZipFile=archive)))
    assert made.requests[-1].parameters["Code"]["ZipFile"] == archive
    assert compiled.identified(made.requests[-1].parameters, made.identity)["Code"]["ZipFile"] == archive
    assert list(markers.changed(made.requests[-1].parameters, Project(root=ROOT))) == []


def test_content_under_the_identity_of_other_content_is_refused() -> None:
    with pytest.raises(InvalidCompiled, match="its identity is not that of its content"):
        loading.load(
            changed(JOB, lambda d: parameters(d).update(JobConfigSchemaVersion="1.0.1"), with_identity=False)
        )


def test_a_file_edited_by_hand_is_refused() -> None:
    with pytest.raises(InvalidCompiled, match="changed after it was compiled"):
        loading.load(GOOD[JOB].replace("AgentRFT", "AgentRFTEvaluation").encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.replace(
                '"RoleArn": ', '"RoleArn": "arn:aws:iam::123456789012:role/Harmless",\n "\\u0052oleArn": '
            ),
            "'RoleArn' twice",
        ),
        (lambda t: t.replace("\n", "\r\n"), "not written as sagespec writes it"),
        (lambda t: t + "\n", "not written as sagespec writes it"),
        (lambda t: t.replace('"kind"', '"\\u006bind"'), "not written as sagespec writes it"),
        (lambda t: "\ufeff" + t, "not JSON"),
        (lambda t: t[:-3], "not JSON"),
        (lambda _: "", "not JSON"),
        (lambda _: "[]", "not a compiled file"),
        (lambda _: "[" * 100_000, "not JSON"),
        (lambda _: '{"kind": NaN}', "NaN is not a number"),
        (lambda _: '{"kind": "\\ud800"}', "not JSON"),
        (lambda _: '{"kind": 1e999}', "not JSON"),
    ],
)
def test_bytes_that_we_would_not_write_are_refused(change: Callable[[str], str], message: str) -> None:
    with pytest.raises(InvalidCompiled, match=message):
        loading.load(change(GOOD[JOB]).encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the compiled examples."""
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\n", "utf-8")
    for address, content in GOOD.items():
        path = tmp_path / "compiled" / f"{address}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return tmp_path


def test_a_file_is_read_in_its_own_place_alone(folder: Path) -> None:
    path = folder / "compiled" / f"{JOB}.json"
    assert loading.read(path).address == JOB
    for place in ("compiled/MultiTurnRLTrainer/other.json", "compiled/Other/support-agent.json"):
        other = folder / place
        other.parent.mkdir(exist_ok=True)
        shutil.copy(path, other)
        with pytest.raises(InvalidCompiled, match=f"not at its own path, {JOB}.json"):
            loading.read(other)


@pytest.mark.parametrize("name", [".compiled", "compiled/.prod", ".git/x/compiled"])
def test_nothing_is_read_of_hidden_folders(folder: Path, name: str) -> None:
    hidden = folder / name
    shutil.copytree(folder / "compiled", hidden)
    link = folder / "linked" / "MultiTurnRLTrainer"
    link.parent.mkdir()
    link.symlink_to(hidden / "MultiTurnRLTrainer")
    for output in (hidden, link.parent):
        with pytest.raises(InvalidCompiled, match=r"is in a hidden folder|leads out of the project"):
            loading.read(output / f"{JOB}.json")


def test_a_project_may_lie_in_a_hidden_folder_itself(folder: Path) -> None:
    moved = folder / ".work" / "project"
    shutil.copytree(folder / "compiled", moved / "compiled")
    shutil.copy(folder / "sagespec.yaml", moved)
    assert loading.read(moved / "compiled" / f"{JOB}.json").address == JOB


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(10 * 1024**3)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_pipe, _endless, _huge, _folder])
def test_what_is_no_file_of_a_sensible_length_is_refused_without_reading_it(
    folder: Path, make: Callable[[Path], None]
) -> None:
    path = folder / "compiled" / f"{JOB}.json"
    path.unlink()
    make(path)
    with pytest.raises((OSError, InvalidCompiled), match=r"not a file|longer than|directory|leads out"):
        loading.read(path)
    with pytest.raises(files.InvalidFiles, match=r"support-agent\.json: "):
        files.read([path])


def test_a_dependency_that_was_compiled_anew_is_told(folder: Path) -> None:
    path = folder / "compiled" / "MultiTurnRLTrainer" / "calculator-agent.json"
    path.write_bytes(changed("MultiTurnRLTrainer/calculator-agent", set_in("metadata", "run", to=7)))
    with pytest.raises(
        files.InvalidFiles, match="compiled for another MultiTurnRLTrainer/calculator-agent"
    ) as refused:
        files.read([folder / "compiled"])
    assert len(refused.value.reasons) == 3


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(seed)
    for _ in range(count):
        address = chance.choice(sorted(GOOD))
        yield address, mutant(chance, GOOD[address])


def test_mutants_are_refused_in_a_sentence_or_are_valid_throughout(folder: Path) -> None:
    refused = 0
    for address, content in mutants(1500, seed=3):
        path = folder / "compiled" / f"{address}.json"
        path.write_bytes(content)
        try:
            made = loading.read(path)
        except InvalidCompiled:
            refused += 1
        else:
            assert compiled.dump(made).encode() == content
            assert identity.identify(made) == made.identity
            assert schema.validate("Compiled", json.loads(content)) == []
        path.write_text(GOOD[address], "utf-8")
    assert 500 < refused < 1500


def test_the_parts_of_the_schema_refuse_what_the_whole_refuses() -> None:
    seen = {False: 0, True: 0}
    for _, content in mutants(400, seed=11):
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            continue
        if not isinstance(document, dict) or text(document).encode() != content or loading.depth(document) > 100:
            continue
        valid = schema.validate("Compiled", document) == []
        if valid or schema.validate_part("Compiled", "envelope", document) == []:
            assert (list(loading.form(document)) == []) == valid, content.decode()
            seen[valid] += 1
    assert min(seen.values()) > 20
