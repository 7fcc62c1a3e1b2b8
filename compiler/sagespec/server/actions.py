"""Hints that are one edit, as code actions of an editor.

In: the diagnostics of a file, whose hints say what to write, and its text. Out: `Fix`es, and the code actions that
make them. An edit keeps the way in which the word is quoted. Offers nothing where the text at the place is not what
the hint is about: where it is filled in from elsewhere, or is written over several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from lsprotocol import types

from sagespec.diagnostics import Diagnostic, Hint, Span
from sagespec.reading import source
from sagespec.reading.document import as_data, as_text
from sagespec.server import cursor, edits
from sagespec.server.completion import insertion
from sagespec.server.edits import Edited
from sagespec.server.positions import Text

FIX_ALL = types.CodeActionKind.SourceFixAll
_IN_BRACES = re.compile(r"(?:[^\s,\[\]{}\"']|(?<=\$)\{[^{}]*\})+")
_NOT_PLAIN = ("&", "*", "!", "|", ">", "{", "[")
"""First characters of what is no scalar on one line: anchors, aliases, tags, blocks, collections."""


class Fix(NamedTuple):
    """An edit that mends a diagnostic: `text[start:end]` becomes `new`. Of several, none `is_preferred`."""

    title: str
    start: int
    end: int
    new: str
    is_preferred: bool


def fixes(d: Diagnostic, text: Text) -> list[Fix]:
    """Return the edits that the hint of a diagnostic stands for; [] where it is none."""
    if not isinstance(d.hint, Hint):
        return []
    start, end = text.offsets(Span(d.line, d.column, d.end_line, d.end_column))
    if d.hint.edit == "quote around":
        return _around(text, start)
    raw = text.text[start:end]
    if not raw or text.line(start) != text.line(end) or raw.startswith(_NOT_PLAIN):
        return []
    return [*_of_token(d.hint, text, start, end)]


def answer(
    diagnostics: Sequence[Diagnostic],
    text: Text,
    params: types.CodeActionParams,
    version: int | None,
    client: types.ClientCapabilities,
) -> list[types.CodeAction]:
    """Return the actions that an editor asks for at a range of a file; `diagnostics` are all of the file.

    What mends the whole file is for users that ask, not for editors that ask whenever the cursor moves.
    """
    uri, only, actions = params.text_document.uri, params.context.only, list[types.CodeAction]()
    if _asks(only, types.CodeActionKind.QuickFix):
        for d in diagnostics:
            where = text.range(Span(d.line, d.column, d.end_line, d.end_column))
            if where.start > params.range.end or params.range.start > where.end:
                continue
            mended = [one for one in params.context.diagnostics if one.code == d.rule and one.range == where]
            for fix in fixes(d, text):
                edit = _edit(text, uri, version, [fix], client)
                kind, is_preferred = types.CodeActionKind.QuickFix, fix.is_preferred or None
                actions.append(types.CodeAction(fix.title, kind, mended or None, is_preferred, edit=edit))
    is_asked = only or params.context.trigger_kind is not types.CodeActionTriggerKind.Automatic
    if is_asked and _asks(only, FIX_ALL):
        every = all_at_once(fix for d in diagnostics for fix in fixes(d, text))
        if len(every) > (0 if only else 1):
            edit = _edit(text, uri, version, every, client)
            actions.append(types.CodeAction("Mend all that is one edit", FIX_ALL, edit=edit))
    return actions


def all_at_once(found: Iterable[Fix]) -> list[Fix]:
    """Return the preferred edits of a file that do not overlap, in order."""
    chosen: list[Fix] = []
    for fix in sorted({fix for fix in found if fix.is_preferred}, key=lambda fix: (fix.start, fix.end, fix.new)):
        if not chosen or fix.start >= chosen[-1].end:
            chosen.append(fix)
    return chosen


def _asks(only: Sequence[str] | None, kind: types.CodeActionKind) -> bool:
    """Return whether an editor asks for a kind of actions: for that, or for one that contains it."""
    return not only or any(kind.value == one or kind.value.startswith(f"{one}.") for one in only)


def _edit(
    text: Text, uri: str, version: int | None, found: Iterable[Fix], client: types.ClientCapabilities
) -> types.WorkspaceEdit:
    """Return edits of one document."""
    made = [types.TextEdit(text.between(fix.start, fix.end), fix.new) for fix in found]
    return edits.workspace_edit([Edited(uri, version, made)], client)


def _of_token(hint: Hint, text: Text, start: int, end: int) -> Iterator[Fix]:
    """Yield the edits of the scalar or key at a range."""
    raw = text.text[start:end]
    content = _read(raw, is_json=source.is_json(text.name))
    is_quoted = raw[0] in "\"'"
    if hint.edit == "quote":
        if not is_quoted and "${" not in raw and not isinstance(as_data(content), str):
            yield Fix("Put it in quotes", start, end, json.dumps(raw, ensure_ascii=False), True)
    elif hint.edit == "unquote":
        inner = as_data(content)
        if (
            is_quoted
            and isinstance(inner, str)
            and not isinstance(as_data(_read(inner, is_json=source.is_json(text.name))), str | dict | list)
        ):
            yield Fix("Write it without quotes", start, end, inner, True)
    else:
        here = cursor.standing(text, start)
        is_key = here is not None and here.part == "key"
        beside: Any = source.get(here.document.data, here.path[:-1]) if here and is_key else None
        choices = [one for one in hint.choices if not (isinstance(beside, dict) and one in beside)]
        if is_key and len(choices) > 1:  # which of many keys is meant is not told by the value
            return
        for choice in choices:
            new = _written(hint, text, raw, content, choice)
            if new is not None and new != raw:
                yield Fix(f"Write {choice}", start, end, new, len(choices) == 1)


def _written(hint: Hint, text: Text, raw: str, content: Any, choice: str) -> str | None:
    """Write a choice in place of the word in a scalar, quoted as the scalar is; None where the word is not there."""
    if not choice.isprintable():
        return None
    is_whole = as_text(content) == hint.word
    if hint.edit == "source":
        as_json = json.dumps(as_data(_read(choice, is_json=False))) if source.is_json(text.name) else choice
        return as_json if is_whole else None
    if is_whole:
        return _quoted(text, raw, choice)
    is_reference = hint.word.startswith("${") and hint.word.endswith("}")
    if not hint.word or (raw.count(hint.word) != 1 and not is_reference):
        return None
    return raw.replace(hint.word, choice) if hint.word in raw else None


def _quoted(text: Text, raw: str, new: str) -> str:
    """Write a text with the quotes of another: without any only where it stays that text."""
    if raw[0] == "'":
        return "'" + new.replace("'", "''") + "'"
    if raw[0] == '"' or source.is_json(text.name):
        return json.dumps(new, ensure_ascii=False)
    if new.isalnum() and not isinstance(
        as_data(_read(raw, is_json=source.is_json(text.name))), str
    ):  # a number of several
        return new
    return insertion.scalar(new, in_brackets=True) or json.dumps(new, ensure_ascii=False)


def _around(text: Text, offset: int) -> list[Fix]:
    """Return the edit that quotes the value with `${` around an offset, within braces and brackets."""
    for match in _IN_BRACES.finditer(text.text, text.line_start(offset), text.line_end(offset)):
        if match.start() <= offset <= match.end() and "${" in match[0]:
            return [
                Fix("Put it in quotes", match.start(), match.end(), json.dumps(match[0], ensure_ascii=False), True)
            ]
    return []


def _read(raw: str, *, is_json: bool) -> Any:
    """Read one value of JSON or YAML; None for what is none."""
    try:
        return json.loads(raw) if is_json else source.scalar(raw)
    except ValueError:
        return None
