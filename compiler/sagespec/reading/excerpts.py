"""Split files into lines for display, with secrets masked.

In: a file's name and text, valid or not. Out: its lines, as its reader counts them. A secret is replaced by as many
stars as it has characters, so that columns stay valid.
"""

from __future__ import annotations

import re

from sagespec.diagnostics import Span, secrets
from sagespec.reading import source
from sagespec.reading.source import get

# each match begins at the start of a word: with a match tried at every character, long words take quadratic time
_KEY = re.compile(r"""(?<!\w)(?P<name>\w+)["']?\s*:""")
_QUOTED_OR_BARE = r"""(?:"(?:[^"\\]|\\.)*"?|'[^']*'?|\[[^\]]*\]?|[^\s,}{][^,}]*)"""
_VALUE = re.compile(rf"(?<=:)(\s*)({_QUOTED_OR_BARE})")
_PAIR = re.compile(rf"""(?<![\w.-])(?P<key>[\w.-]+)["']?\s*:\s*(?P<value>{_QUOTED_OR_BARE})""")


def lines(name: str, text: str) -> list[str]:
    """Split a file's text into lines and mask its secrets."""
    shown = source.lines(name, text)
    if not secrets.may_hold(text):
        return shown
    documents, faults = source.load(name, text.encode("utf-8", "replace"))
    for document in documents:
        for path, span in document.values.items():
            value = get(document.data, path)
            if value in (None, "") and (text := _written(shown, span))[:1] in ("*", "!", "&"):
                value = text  # a secret that YAML reads as an alias, a tag or an anchor
            if secrets.hidden(value, path) != value and not isinstance(value, dict | list):
                _cover(shown, span)
        for path, span in document.keys.items():
            if secrets.assigned(path):
                _cover(shown, span)
    if faults:
        _cover_unread(shown)
    return shown


def _written(lines: list[str], span: Span) -> str:
    """Return the text of a value that is on one line."""
    return lines[span.line - 1][span.column - 1 : span.end_column - 1] if span.line <= len(lines) else ""


def _cover(lines: list[str], span: Span) -> None:
    for number in range(span.line, min(span.end_line, len(lines)) + 1):
        line = lines[number - 1]
        start = span.column - 1 if number == span.line else len(line) - len(line.lstrip())
        end = span.end_column - 1 if number == span.end_line else len(line)
        lines[number - 1] = line[:start] + "*" * (end - start) + line[end:]


def _cover_unread(lines: list[str]) -> None:
    """Mask what a reader has not read, because it stopped at or skipped a syntax error.

    Masks the values of a block of environment variables, and the values of keys that are named like secrets.
    """
    indent: int | None = None
    for number, line in enumerate(lines):
        start = 0
        if indent is not None and line.strip() and len(line) - len(line.lstrip()) <= indent:
            indent = None
        if indent is None:
            holder = next((key for key in _KEY.finditer(line) if _holds_variables(key["name"])), None)
            if holder is None:
                lines[number] = _PAIR.sub(_covered_secret, line)
                continue
            indent, start = _indent(line, holder.start()), holder.end() - 1
        rest = line[start:]
        is_read = ":" in rest and not any(rest.count(quote) % 2 for quote in "\"'")
        covered = _VALUE.sub(lambda match: match[1] + "*" * len(match[2]), rest)
        lines[number] = line[:start] + (covered if is_read else re.sub(r"\S", "*", rest))


def _holds_variables(name: str) -> bool:
    """Return whether a key is `environment` or a misspelling of it.

    `environments` of a project holds no variables.
    """
    key = name.lower()
    return (key.startswith("env") or "viron" in key) and key != "environments"


def _indent(line: str, at: int) -> int:
    """Return the indent of the key at offset `at`; its quote and a leading dash do not count."""
    before = line[:at].rstrip("\"'").removesuffix("- ")
    return len(before) - len(before.rstrip(" \t"))


def _covered_secret(pair: re.Match[str]) -> str:
    value = pair["value"]
    if secrets.hidden(value, (pair["key"],)) == value:
        return pair[0]
    return pair[0].removesuffix(value) + "*" * len(value)
