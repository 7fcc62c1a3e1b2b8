"""Diagnostics as an editor shows them.

In: examinations, the URIs of open documents, and how texts count. Out: the diagnostics of each file by its URI.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lsprotocol import types
from pygls import uris

from sagespec.diagnostics import Diagnostic, Span
from sagespec.diagnostics.escapes import printable
from sagespec.project import boundary
from sagespec.server.examination import Examination
from sagespec.server.positions import Text

SOURCE = "sagespec"
Counted = Callable[[str, str], Text]
"""Makes a `Text` of the name of a file and its text."""


def diagnostics(
    examined: Iterable[Examination], opened: Mapping[Path, str], counted: Counted
) -> dict[str, list[types.Diagnostic]]:
    """Convert the diagnostics of projects; `opened` has the URIs of open documents by their real paths."""
    found: dict[str, list[types.Diagnostic]] = {}
    for one in examined:
        texts: dict[str, Text] = {}

        def text(file: str, one: Examination = one, texts: dict[str, Text] = texts) -> Text:
            return texts.setdefault(file, counted(file, one.texts.get(file, "")))

        for d in one.diagnostics:
            shown = _shown(d, text(d.file))
            if d.also:
                file, line = d.also
                there = types.Location(_uri(one.root / file, opened), text(file).range(Span(line, 1, line, 1)))
                shown.related_information = [types.DiagnosticRelatedInformation(there, "here")]
            found.setdefault(_uri(one.root / d.file, opened), []).append(shown)
    return found


def _shown(d: Diagnostic, text: Text) -> types.Diagnostic:
    return types.Diagnostic(
        range=text.range(Span(d.line, d.column, d.end_line, d.end_column)),
        message="\nhint: ".join(map(printable, filter(None, (d.message, d.hint)))),
        severity=types.DiagnosticSeverity.Error if d.is_error else types.DiagnosticSeverity.Warning,
        code=d.rule,
        source=SOURCE,
    )


def _uri(path: Path, opened: Mapping[Path, str]) -> str:
    real = boundary.real(path)
    return opened.get(real) or uris.from_fs_path(str(real)) or ""
