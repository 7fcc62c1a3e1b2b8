"""Names are found where their characters stand, however a scalar is written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.server.cursor import standing
from sagespec.server.navigation import occurrences
from sagespec.server.positions import Text

QUOTED: list[Callable[[str], str]] = [
    json.dumps,
    lambda text: "'" + text.replace("'", "''") + "'",
    lambda text: "!!str " + json.dumps(text, ensure_ascii=False),
    lambda text: "|\n    " + text.replace("\n", "\n    "),
    lambda text: ">\n    " + text.replace("\n", "\n\n    "),
]
PIECES = st.sampled_from(
    ["${a}", "${ a }", "$${a}", "${ab}", "${", "a", "{", "}", "😀", "'", '"', "\\", " x ", "\n", "\t"]
)


@pytest.mark.parametrize("quoted", QUOTED)
@given(pieces=st.lists(PIECES, min_size=1, max_size=8))
def test_uses_are_found_where_they_stand(quoted: Callable[[str], str], pieces: list[str]) -> None:
    value = "".join(pieces)
    text = f"kind: Torchrun\nspec:\n  x: {quoted(value)}\n  y: 1\n"
    page = Text("specs/a.yaml", text, "utf-16")
    if page.faults or not page.documents:
        return
    read = page.documents[0].data["spec"]["x"]
    found = [one for one in occurrences.of(page, occurrences.meanings(None)) if one.name.text == "a"]
    for one in found:
        if one.spelling == "exact":
            assert text[slice(*one.named)] == "a"
            assert re.fullmatch(r"\$\{\s*a\s*\}", text[slice(*one.whole)])
            cursor = standing(page, one.named[0])
            assert cursor is not None
            assert cursor.path == one.path
    wanted = re.findall(r"\$\$\{|\$\{([^{}]*)\}|\$\{", read)
    if "\n" not in value and not re.search(r"[\\'\"\t]", "".join(wanted)):  # an escape next to a name is none in it
        assert {one.spelling for one in found} <= {"exact"}
    assert len(found) == sum(name.strip() == "a" for name in wanted)
