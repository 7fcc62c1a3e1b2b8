"""The full examples: every field has a value in them, all of them compile, and so does each example of a schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sagespec import assets, disk
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.project import settings as project_settings
from sagespec.review import destinations, examples, explain, fields
from sagespec.review.fields import ANY_KEY, Steps

from tools import write_destinations
from tools.destinations_by_hand import INSTEAD
from tools.write_destinations import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The examples, compiled."""
    return write_destinations.opened(tmp_path_factory.mktemp("examples"))


@pytest.mark.parametrize("document", explain.documents())
def test_every_field_has_a_value(document: str) -> None:
    missing = set(fields.of(document)) - set(examples.values(document)) - {(), ("spec",)}
    assert {fields.dotted(path) for path in missing} == set()
    assert None not in examples.values(document).values()


@pytest.mark.parametrize("document", explain.documents())
def test_every_field_is_described(document: str) -> None:
    plain = [one for path, one in fields.of(document).items() if path and path[-1] not in (fields.ENTRY, ANY_KEY)]
    assert {one.address for one in plain if not one.description or not one.type or one.type == "any value"} == set()


def test_the_example_of_a_project_is_one(tmp_path: Path) -> None:
    for text in examples.text("Project").split("---\n"):
        file = tmp_path / "sagespec.yaml"
        file.write_text(text, "utf-8")
        project, diagnostics = project_settings.load(file)
        assert project is not None
        assert [d for d in diagnostics if d.is_error] == []


def test_the_destinations_are_those_of_the_examples(project: Project) -> None:
    """Written by `python -m tools.write_destinations`."""
    written = json.loads(assets.text(assets.data() / destinations.FILE))
    assert written == write_destinations.content(project)


def test_what_is_written_by_hand_is_used() -> None:
    said = {use.instead for kind in schema.kinds() for use in destinations.of(kind).values()}
    assert set(INSTEAD.values()) <= said


class Asked:
    """The paths that the disk was asked for."""

    def __init__(self) -> None:
        self.paths: set[Path] = set()

    def saw(self, question: disk.Question, answer: object) -> None:  # noqa: ARG002  the protocol of observers
        self.paths.add(question[1])


def texts_in(kind: str, folder: Path, asked: set[Path]) -> Iterator[Steps]:
    """The fields whose text in a document is a path that was asked for, or one in a folder of a field beside it."""
    for data in examples.documents(kind):
        leaves = [(examples.generic(kind, way), value) for way, value in examples.walk(kind, data)]
        texts = [(path, value) for path, value in leaves if isinstance(value, str)]
        for path, value in texts:
            beside = [folder / other for where, other in texts if where[:-1] == path[:-1] and where != path]
            if any(one / value in asked for one in (folder, *beside)):
                yield path


def test_fields_that_name_files_are_those_whose_text_is_read(tmp_path: Path) -> None:
    """What compiling asks the disk for is named by no other fields than those with `x-path`, and by each of them."""
    asked = Asked()
    with disk.observed(asked):
        write_destinations.opened(tmp_path)
    for kind in schema.kinds():
        named = {path for path, field in fields.of(kind).items() if field.files}
        assert {*texts_in(kind, tmp_path.resolve() / "specs", asked.paths)} == named, kind


WHERE_NOTHING_IS_READ = {("output",), ("allow_outside", fields.ENTRY)}
"""Folders in a project file with which paths are compared."""


def test_paths_in_a_project_file_are_those_that_are_read(tmp_path: Path) -> None:
    asked = Asked()
    for text in examples.text("Project").split("---\n"):
        (tmp_path / "sagespec.yaml").write_text(text, "utf-8")
        with disk.observed(asked):
            project, _ = workspace.open_project(tmp_path, None)
            assert project is not None
            settings, _ = project_settings.choose(project, next(iter(project.environments())), {})
            assert settings is not None
            workspace.check(settings, ())
    named = {path for path, field in fields.of("Project").items() if field.files}
    assert {*texts_in("Project", tmp_path.resolve(), asked.paths)} - WHERE_NOTHING_IS_READ == named


def given() -> Iterator[tuple[str, Steps, Any]]:
    for kind in schema.kinds():
        for path, field in fields.of(kind).items():
            for example in field.examples:
                yield kind, path, example


def replaced(data: Any, path: Steps, value: Any) -> Iterator[Any]:
    """Documents in which a field has another value, where its parent is there."""
    for way, _ in examples.walk(str(data["kind"]), data):
        if examples.generic(data["kind"], way) == path[:-1] or examples.generic(data["kind"], way) == path:
            changed = copy.deepcopy(data)
            target: Any = changed
            steps: Any = way if examples.generic(data["kind"], way) == path else (*way, path[-1])
            for step in steps[:-1]:
                target = target[step]
            if isinstance(target, dict | list) and steps[-1] not in (fields.ENTRY, ANY_KEY):
                target[steps[-1]] = value
                yield changed


@pytest.mark.parametrize(
    ("kind", "path", "example"),
    [pytest.param(*one, id=f"{one[0]}.{fields.dotted(one[1])}={json.dumps(one[2])[:30]}") for one in given()],
)
def test_an_example_of_a_schema_compiles(kind: str, path: Steps, example: Any, project: Project) -> None:
    """It compiles in place of the value that one of the documents has, or beside what one has."""
    files: Mapping[str, str] = {
        "src": "files/code",
        "data": "files/data",
        "hyperparameters.yaml": "files/hyperparameters.yaml",
    }
    value = files.get(example, example) if isinstance(example, str) else example
    specs = {a: r.spec for a, r in project.done.checked.resolved.items() if r.spec.kind == kind}
    documents = ((a, one) for a, spec in specs.items() for one in replaced(spec.data, path, value))
    assert any(
        write_destinations.recompiled(project, address, data, observed)
        for address, data in documents
        for observed in project.dependents(address)
    )
