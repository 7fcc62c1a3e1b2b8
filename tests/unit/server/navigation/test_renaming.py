"""Renaming leaves the project as it was but for the name, or is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pytest_lsp import client_capabilities
from sagespec.diagnostics import Diagnostic
from sagespec.server.navigation import renaming
from sagespec.server.navigation.occurrences import Occurrence
from sagespec.server.navigation.renaming import Refused
from sagespec.server.navigation.sheets import Sheets
from sagespec.server.place import Place

from tests.conftest import ROOT, copy_examples
from tests.language_clients import EDITORS
from tests.unit.server.desk import FILES, LINE, PROJECT, TORCHRUN, Desk


def rename(desk: Desk, name: str, marked: str, new: str) -> list[str]:
    """Rename on the disk and in the open documents; returns the names of the edited files."""
    made = renaming.plan(*desk.at(name, marked), new)
    desk.edit(made)
    return sorted(made.edits)


def refusal(desk: Desk, name: str, marked: str, new: str) -> str:
    before = desk.examined()
    with pytest.raises(Refused) as refused:
        rename(desk, name, marked, new)
    assert desk.examined().texts == before.texts
    return refused.value.message


def at(place: Occurrence, sheets: Sheets, desk: Desk) -> Place:
    text = sheets.pages[place.file]
    return Place(sheets.now, sheets.known, place.file, text, place.named[0])


def said(diagnostics: tuple[Diagnostic, ...], name: str) -> set[tuple[Any, ...]]:
    """Diagnostics without what a name of another length moves."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return {
        (d.file, d.line, d.rule, d.severity, word.sub("NAME", d.message), word.sub("NAME", d.hint), d.path)
        for d in diagnostics
    }


def bytes_of(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def examples(tmp_path: Path) -> Desk:
    copy_examples(tmp_path)
    text = (ROOT / "sagespec.yaml").read_text("utf-8")
    return Desk(tmp_path, {"sagespec.yaml": f"{text}    defaults: {{default_bucket: '${{bucket}}'}}\n"})


@pytest.mark.slow
def test_every_name_of_the_examples_can_be_renamed_there_and_back(tmp_path: Path) -> None:
    desk = examples(tmp_path)
    check_there_and_back(desk)


def test_every_name_can_be_renamed_there_and_back(desk: Desk) -> None:
    desk.opened["specs/torchrun.yaml"] = "\ufeff" + TORCHRUN.replace("\n", "\r\n")
    check_there_and_back(desk)


def check_there_and_back(desk: Desk) -> None:
    before, first, opened = bytes_of(desk.root), desk.sheets(), dict(desk.opened)
    names = {one.name: one for one in first.occurrences if one.is_definition}
    assert names
    for name, definition in names.items():
        old = name.text.rpartition("/")[2]
        where = at(definition, first, desk)
        fresh = "fresh-name"
        desk.edit(renaming.plan(where, first, fresh))
        there = desk.sheets()
        assert bytes_of(desk.root) != before or desk.opened != opened
        assert said(there.now.diagnostics, fresh) == said(first.now.diagnostics, old)
        renamed = {(one.name, one.path, one.file) for one in there.occurrences if one.name.text.endswith(fresh)}
        assert len(renamed) == len({(one.path, one.file) for one in first.occurrences if one.name == name})
        back = next(one for one in there.occurrences if one.is_definition and one.name.text.endswith(fresh))
        desk.edit(renaming.plan(at(back, there, desk), there, old))
        assert (bytes_of(desk.root), desk.opened) == (before, opened), name


def test_an_address_is_renamed_where_it_is_defined_and_referred_to(desk: Desk) -> None:
    desk.opened["specs/line.yaml"] = "\ufeff" + LINE
    files = rename(desk, "specs/line.yaml", "{ref: 'Torchrun/tw|o'", "four")
    assert files == ["sagespec.yaml", "specs/line.yaml", "specs/torchrun.yaml"]
    assert desk.read("specs/line.yaml") == "\ufeff" + LINE.replace("run/two", "run/four")
    assert desk.read("specs/torchrun.yaml") == TORCHRUN.replace("two", "four")
    assert desk.read("sagespec.yaml") == PROJECT.replace("Torchrun/two", "Torchrun/four")


def test_a_value_is_renamed_in_all_environments_and_uses(desk: Desk) -> None:
    rename(desk, "specs/line.yaml", "😀 ${buck|et}", "pail")
    assert desk.read("specs/line.yaml") == LINE.replace("bucket", "pail")
    kept = ("default_bucket", "dev-bucket", "prod-bucket", "$${bucket}")
    expected = PROJECT.replace("bucket", "pail")
    for one in kept:
        expected = expected.replace(one.replace("bucket", "pail"), one)
    assert desk.read("sagespec.yaml") == expected
    assert desk.read("specs/rates.yaml") == FILES["specs/rates.yaml"]
    assert rename(desk, "sagespec.yaml", '"pa|th"', "where") == ["sagespec.yaml", "specs/line.yaml"]
    assert '"where": s3://' in desk.read("sagespec.yaml")


def test_a_name_that_reads_as_another_type_comes_into_quotes(desk: Desk) -> None:
    rename(desk, "specs/torchrun.yaml", "name: t|wo", "12")
    assert 'name: "12"\n' in desk.read("specs/torchrun.yaml")
    assert "Torchrun/12'" in desk.read("specs/line.yaml")
    rename(desk, "sagespec.yaml", "whi|ch: two", "null")
    assert '"null": two' in desk.read("sagespec.yaml")


@pytest.mark.parametrize(
    ("name", "marked", "new", "message"),
    [
        ("specs/torchrun.yaml", "name: t|wo", "no name", "letters, digits and inner dashes"),
        ("specs/torchrun.yaml", "name: t|wo", "", "letters, digits and inner dashes"),
        ("specs/torchrun.yaml", "name: t|wo", "x" * 41, "cannot be the name"),
        ("specs/torchrun.yaml", "name: t|wo", "Torchrun/x", "letters, digits and inner dashes"),
        ("specs/line.yaml", "name: lin|e", "OTHER", "is taken: ModelTrainer/other is in specs/line.yaml:13"),
        ("specs/line.yaml", "${spec.na|me}", "x", "built in"),
        ("specs/line.yaml", "${en|v}", "x", "built in"),
        ("sagespec.yaml", "bucket: dev|-bucket", "x", "no name"),
        ("sagespec.yaml", "bu|cket: dev-bucket", "path", "taken"),
        ("sagespec.yaml", "bu|cket: dev-bucket", "spec.run", "built in"),
        ("sagespec.yaml", "bu|cket: dev-bucket", "9", "letters, digits, dots"),
        ("specs/rates.yaml", "${buck|et}", "x", "no name"),
    ],
)
def test_names_that_are_none_are_refused(desk: Desk, name: str, marked: str, new: str, message: str) -> None:
    assert message in refusal(desk, name, marked, new)


CHANGES: dict[str, tuple[dict[str, str], str, str, str, str]] = {
    "of the command line": (
        {"specs/line.yaml": LINE.replace("${path}", "${given}")},
        "specs/line.yaml",
        "${giv|en}",
        "x",
        "no environment has a value given",
    ),
    "a use of the command line": (
        {"specs/line.yaml": LINE.replace("${path}", "${given}")},
        "specs/line.yaml",
        "😀 ${buck|et}",
        "given",
        "given is taken",
    ),
    "unknown": (
        {"specs/line.yaml": LINE.replace("'Torchrun/two'", "Torchrun/none")},
        "specs/line.yaml",
        "Torchrun/no|ne",
        "x",
        "no spec has the address Torchrun/none",
    ),
    "twice": (
        {"specs/more.yaml": TORCHRUN},
        "specs/torchrun.yaml",
        "name: t|wo",
        "x",
        "2 specs have the address",
    ),
    "a name with values": (
        {"specs/torchrun.yaml": TORCHRUN.replace("two", "${which}-a")},
        "specs/torchrun.yaml",
        "-|a",
        "x",
        "values are part of this name",
    ),
    "a ref with values": (
        {"specs/line.yaml": LINE.replace("'Torchrun/two'", '"Torchrun/${which}"')},
        "specs/torchrun.yaml",
        "name: t|wo",
        "x",
        "specs/line.yaml:7 refers to Torchrun/two with values in the name",
    ),
    "a broken file": (
        {"specs/broken.yaml": "kind: Torchrun\nmetadata: {name: a\nx: Torchrun/two"},
        "specs/torchrun.yaml",
        "name: t|wo",
        "x",
        "files that may have the name have errors: specs/broken.yaml: mend them first",
    ),
    "a broken project file": (
        {"sagespec.yaml": PROJECT + "nonsense: 1\n"},
        "specs/torchrun.yaml",
        "name: t|wo",
        "x",
        "sagespec.yaml has errors",
    ),
    "escapes": (
        {"specs/line.yaml": LINE.replace("'Torchrun/two'", r'"Torchrun\x2ftwo"')},
        "specs/torchrun.yaml",
        "name: t|wo",
        "x",
        "specs/line.yaml:7: the name has escapes or is folded there",
    ),
    "folded": (
        {"specs/line.yaml": LINE.replace('"${path}"', '"a ${\n      bucket\n      } b"')},
        "sagespec.yaml",
        "bu|cket: dev",
        "x",
        "specs/line.yaml:8: the name has escapes or is folded there",
    ),
    "an alias with another meaning": (
        {"specs/torchrun.yaml": TORCHRUN.replace("name: two", "name: &a two\n  description: *a")},
        "specs/torchrun.yaml",
        "&a t|wo",
        "x",
        "specs/torchrun.yaml:4: more than the name would change there",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_cannot_be_renamed_exactly_is_refused(desk: Desk, case: str) -> None:
    files, name, marked, new, message = CHANGES[case]
    desk.sheets()
    desk.opened |= files
    assert message in refusal(desk, name, marked, new)


def test_a_file_that_cannot_be_read_is_named(desk: Desk) -> None:
    (desk.root / "specs" / "latin.yaml").write_bytes(b"kind: Torchrun # \xe9")
    expected = "files that may have the name cannot be read: specs/latin.yaml"
    assert expected in refusal(desk, "specs/torchrun.yaml", "name: t|wo", "x")


def test_a_broken_file_without_the_name_is_left_alone(desk: Desk) -> None:
    desk.opened["specs/broken.yaml"] = "kind: [ # twosome"
    assert rename(desk, "specs/torchrun.yaml", "name: t|wo", "four")


def test_an_alias_follows_its_anchor(desk: Desk) -> None:
    text = LINE.replace("distributed: {ref: 'Torchrun/two'}", "distributed: &t {ref: Torchrun/two}")
    text = text.replace('"😀": "😀 ${bucket}"', 'A: &b "${bucket}", B: *b')
    desk.write("specs/line.yaml", text)
    rename(desk, "specs/torchrun.yaml", "name: t|wo", "four")
    rename(desk, "sagespec.yaml", "bu|cket: dev", "pail")
    assert desk.read("specs/line.yaml") == text.replace("Torchrun/two", "Torchrun/four").replace("bucket", "pail")


def test_json_specs_are_edited_too(desk: Desk) -> None:
    text = json.dumps(
        {"kind": "ModelTrainer", "spec": {"distributed": {"ref": "Torchrun/two"}, "role": "😀${bucket}"}}
    )
    desk.write("specs/more.json", text)
    rename(desk, "specs/torchrun.yaml", "name: t|wo", "12")
    rename(desk, "sagespec.yaml", "bu|cket: dev", "pail")
    assert desk.read("specs/more.json") == text.replace("Torchrun/two", "Torchrun/12").replace("bucket", "pail")


def test_prepare_gives_the_name_alone(desk: Desk) -> None:
    found = renaming.prepare(*desk.at("specs/line.yaml", "{ref: 'Torch|run/two'"))
    assert found is not None
    where = types.Location((desk.root / "specs/line.yaml").as_uri(), found.range)
    assert (found.placeholder, desk.shown(where)[1]) == ("two", "two")
    found = renaming.prepare(*desk.at("sagespec.yaml", "${ buck|et }"))
    assert found is not None
    assert found.placeholder == "bucket"
    assert renaming.prepare(*desk.at("specs/line.yaml", "training_image: co|de")) is None
    with pytest.raises(Refused):
        renaming.prepare(*desk.at("specs/line.yaml", "${en|v}"))


@pytest.mark.slow
def test_what_starts_anew_is_what_depends_on_the_name(tmp_path: Path) -> None:
    desk = examples(tmp_path)
    started = renaming.plan(*desk.at("specs/torchrun.yaml", "name: two|-a-node"), "pair").consequence
    assert started == "the next apply starts anew: ModelTrainer/line, ModelTrainer/line-error"
    started = renaming.plan(*desk.at("specs/custom-agent-lambda.yaml", "name: calc|ulator"), "sums").consequence
    assert started.endswith(
        "BenchMarkEvaluator/calculator-math, CustomAgentLambda/sums, LLMAsJudgeEvaluator/calculator-judged and 2 more"
    )
    assert renaming.plan(*desk.at("sagespec.yaml", "buck|et: my"), "pail").consequence == ""


@pytest.mark.parametrize("editor", EDITORS)
def test_edits_are_what_each_editor_understands(desk: Desk, editor: str) -> None:
    desk.opened["specs/line.yaml"] = LINE
    client = client_capabilities(editor)
    place, sheets = desk.at("specs/line.yaml", "name: li|ne")
    made = renaming.plan(place, sheets, "row")
    assert made.consequence == "the next apply starts anew: ModelTrainer/row"
    edit = renaming.workspace_edit(made, sheets, client)
    if editor.startswith("neovim"):
        assert list(edit.changes or {}) == ["file:specs/line.yaml"]
        assert edit.document_changes is None
        return
    (change,) = edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == 7
    (one,) = change.edits
    asked = edit.change_annotations or {}
    if editor == "emacs":
        assert isinstance(one, types.TextEdit)
        assert not asked
    else:
        assert isinstance(one, types.AnnotatedTextEdit)
        assert asked[one.annotation_id].needs_confirmation
    place, sheets = desk.at("sagespec.yaml", "bu|cket: dev")
    unasked = renaming.workspace_edit(renaming.plan(place, sheets, "pail"), sheets, client)
    assert unasked.change_annotations is None


def test_a_project_without_a_project_file_is_renamed_too(desk: Desk) -> None:
    (desk.root / "sagespec.yaml").unlink()
    desk.known = None
    assert rename(desk, "specs/line.yaml", "{ref: 'Torchrun/tw|o'", "four") == [
        "specs/line.yaml",
        "specs/torchrun.yaml",
    ]
