"""Whatever is typed: every question has an answer, and a rename changes nothing but the name or is refused."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sagespec.diagnostics import Diagnostic
from sagespec.server.navigation import definitions, renaming, symbols
from sagespec.server.navigation.renaming import Refused
from sagespec.server.place import Place
from sagespec.server.positions import Text

from tests.unit.server.desk import FILES, Desk

TYPED = st.sampled_from(
    [
        *("{", "}", "[", "]", ": ", "- ", "'", '"', "&a ", "*a ", "${", "# ", "!!str ", "\t", "😀", "? ", "---\n"),
        *("\n", "\n  ", "\r\n", "\u2028", "\ufeff", "|\n", "> ", "\\x24", "<<: *a", "null", "name: ", "ref"),
        *(
            "${bucket}",
            "${which}",
            "$${bucket}",
            "two",
            "Torchrun/two",
            "ref: Torchrun/two",
            "{ref: ModelTrainer/line}",
        ),
        *("Torchrun/${which}", "line", "other", "kind: {}", "environments: x", "x"),
    ]
)
SPECS = sorted(name for name in FILES if name.endswith(".yaml"))


def changed(data: st.DataObject, text: str) -> str:
    for _ in range(data.draw(st.integers(0, 2))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 3, 30])))
        text = text[:start] + data.draw(TYPED) + text[end:]
    return text.replace("\n", data.draw(st.sampled_from(["\n", "\r\n"])))


def said(diagnostics: Iterable[Diagnostic], *names: str) -> set[tuple[Any, ...]]:
    """Diagnostics with one word for the names."""
    word = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
    return {(d.file, d.line, d.rule, word.sub("NAME", d.message), word.sub("NAME", d.hint)) for d in diagnostics}


@pytest.mark.slow
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_any_text_is_answered_and_renamed_exactly(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), FILES)
        desk.sheets()
        desk.opened = {name: changed(data, FILES[name]) for name in SPECS if data.draw(st.booleans())}
        sheets = desk.sheets()
        symbols.search("t", sheets)
        for name in SPECS:
            text = Text(name, desk.read(name), "utf-16")
            symbols.outline(text)
            definitions.links(name, sheets)
            for _ in range(3):
                offset = data.draw(st.integers(0, len(text.text)))
                place = Place(sheets.now, sheets.known, name, text, offset)
                definitions.definition(place, sheets)
                definitions.references(place, sheets, declared=True)
                definitions.highlights(place, sheets.alone(name))
                with suppress(Refused):
                    renaming.prepare(place, sheets)
        if not sheets.occurrences:
            return
        one = data.draw(st.sampled_from(sheets.occurrences))
        place = Place(sheets.now, sheets.known, one.file, Text(one.file, desk.read(one.file), "utf-16"), one.named[0])
        names = {found.name.text.rpartition("/")[2] for found in definitions.standing(place, sheets)}
        new = data.draw(st.sampled_from(["fresh-name", "12", "null"]))
        try:
            desk.edit(renaming.plan(place, sheets, new))
        except Refused:
            return
        (old,) = names
        assert said(desk.examined().diagnostics, old, new) == said(sheets.now.diagnostics, old, new)
