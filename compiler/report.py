"""Diagnostics as text, for people and for machines.

In: diagnostics and the texts of their files. Out: one text; nothing is printed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compiler import source
from compiler.diagnostics import Diagnostic

Texts = Mapping[str, str]
Style = Callable[[Sequence[Diagnostic], Texts, bool], str]

_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "bold": "\x1b[1m", "hint": "\x1b[36m"}
_RESET = "\x1b[0m"
_TAB = 4
_WIDEST = 160


def text(diagnostics: Sequence[Diagnostic], texts: Texts, color: bool) -> str:
    """Write each as `file:line:column: severity[rule]: message`, its line, a caret and a hint."""
    lines = {name: source.lines(name, content) for name, content in texts.items()}
    return "\n".join(line for d in diagnostics for line in _text(d, lines.get(d.file, []), color))


def _text(d: Diagnostic, lines: Sequence[str], color: bool) -> list[str]:
    def paint(part: str, style: str) -> str:
        return f"{_COLORS[style]}{part}{_RESET}" if color else part

    place = paint(f"{printable(d.file)}:{d.line}:{d.column}:", "bold")
    shown = [f"{place} {paint(f'{d.severity}[{d.rule}]:', d.severity)} {printable(d.message)}"]
    if 0 < d.line <= len(lines):
        line = lines[d.line - 1]
        end = d.end_column - 1 if d.end_line == d.line else len(line)
        before, token = _expanded(line[: d.column - 1]), _expanded(line[d.column - 1 : end])
        cut = max(0, _width(before) + min(_width(token), 20) + 10 - _WIDEST)  # show the token of a very long line
        window = _expanded(line)[cut:][:_WIDEST]
        marker = "^" * max(1, min(_width(token), _WIDEST - _width(before) + cut))
        shown += [f"    {window}", "    " + " " * (_width(before) - cut) + paint(marker, d.severity)]
    if d.hint:
        shown.append(f"    {paint('hint:', 'hint')} {printable(d.hint)}")
    return shown


def printable(value: str) -> str:
    """Escape control characters, so that no spec can steer a terminal."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _expanded(line: str) -> str:
    return printable(line.replace("\t", " " * _TAB))


def _width(value: str) -> int:
    """Columns on a terminal: wide characters take two, combining ones none."""
    if value.isascii():
        return len(value)
    import unicodedata  # rarely needed, and start-up counts

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


def as_json(diagnostics: Sequence[Diagnostic], _texts: Texts, _color: bool) -> str:
    """Write the form that the contract promises to machines."""
    keys = (
        "rule",
        "severity",
        "message",
        "hint",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "path",
        "address",
    )
    found = [{key: getattr(d, key) for key in keys} for d in diagnostics]
    return json.dumps({"diagnostics": found}, indent=2, ensure_ascii=False)


def github(diagnostics: Sequence[Diagnostic], _texts: Texts, _color: bool) -> str:
    """Write workflow commands, which GitHub shows beside the lines of a pull request."""
    return "\n".join(
        f"::{d.severity} file={_property(d.file)},line={d.line},col={d.column},"
        f"endLine={d.end_line},endColumn={d.end_column},title={_property(d.rule)}::"
        f"{_data(d.message + (f' ({d.hint})' if d.hint else ''))}"
        for d in diagnostics
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(diagnostics: Sequence[Diagnostic], _texts: Texts, _color: bool) -> str:
    """Write SARIF 2.1.0, which code scanning reads."""
    rules = sorted({d.rule for d in diagnostics})
    results: list[dict[str, Any]] = [
        {
            "ruleId": d.rule,
            "ruleIndex": rules.index(d.rule),
            "level": d.severity,
            "message": {"text": d.message + (f" ({d.hint})" if d.hint else "")},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": d.file},
                        "region": {
                            "startLine": d.line,
                            "startColumn": d.column,
                            "endLine": d.end_line,
                            "endColumn": d.end_column,
                        },
                    }
                }
            ],
        }
        for d in diagnostics
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "sagespec", "rules": [{"id": rule} for rule in rules]}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2, ensure_ascii=False)


def junit(diagnostics: Sequence[Diagnostic], texts: Texts, _color: bool) -> str:
    """Write JUnit XML: a test case a file, failed where it has errors."""
    from xml.etree import ElementTree  # rarely needed, and start-up counts

    files = sorted({*texts, *(d.file for d in diagnostics)})
    suite = ElementTree.Element("testsuite", name="sagespec")
    failures = 0
    for file in files:
        case = ElementTree.SubElement(suite, "testcase", classname="sagespec", name=printable(file))
        found = [d for d in diagnostics if d.file == file]
        errors = [d for d in found if d.is_error]
        if errors:
            failures += 1
            failure = ElementTree.SubElement(case, "failure", message=printable(errors[0].message))
            failure.text = "\n".join(f"{d.line}:{d.column}: [{d.rule}] {printable(d.message)}" for d in errors)
        if warnings := [d for d in found if not d.is_error]:
            out = ElementTree.SubElement(case, "system-out")
            out.text = "\n".join(f"{d.line}:{d.column}: [{d.rule}] {printable(d.message)}" for d in warnings)
    suite.set("tests", str(len(files)))
    suite.set("failures", str(failures))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


STYLES: dict[str, Style] = {"text": text, "json": as_json, "github": github, "sarif": sarif, "junit": junit}
