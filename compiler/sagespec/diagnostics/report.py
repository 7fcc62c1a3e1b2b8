"""Format diagnostics for people and for machines.

In: diagnostics and the texts of their files. Out: lines for people, or one text for machines. Nothing is printed
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sagespec import __version__
from sagespec.diagnostics import Diagnostic
from sagespec.diagnostics.escapes import inert, json_text, printable, width
from sagespec.diagnostics.secrets import masked

if TYPE_CHECKING:
    from sagespec.diagnostics.rules.rule import Rule

Texts = Mapping[str, str]
Style = Callable[[Sequence[Diagnostic], Texts], str]


class Styled(str):
    """A part of a line with its style on a terminal with colours."""

    style: str

    def __new__(cls, text: str, style: str) -> Styled:
        made = super().__new__(cls, text)
        made.style = style
        return made


Line = str | tuple[str, ...]
"""One line, as a text or in parts."""

_TAB = 4
_WIDEST = 160


def named(diagnostics: Sequence[Diagnostic], name: Callable[[str], str]) -> list[Diagnostic]:
    """Rename the files of diagnostics, and add the second location to the message."""
    renamed = []
    for d in diagnostics:
        message = f"{d.message} ({name(d.also[0])}:{d.also[1]})" if d.also else d.message
        renamed.append(replace(d, file=name(d.file), message=message, also=()))
    return renamed


def without_secrets(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Mask what looks like a secret in the messages and hints of diagnostics."""
    return [replace(d, message=masked(d.message), hint=masked(d.hint)) for d in diagnostics]


def text(diagnostics: Sequence[Diagnostic], lines: Mapping[str, Sequence[str]]) -> list[Line]:
    """Format diagnostics as `file:line:column: severity[rule]: message`, the source line, a caret and a hint.

    `lines` maps file names to lines with secrets masked.
    """
    return [line for d in diagnostics for line in _text(d, lines.get(d.file, []))]


def _text(d: Diagnostic, lines: Sequence[str]) -> list[Line]:
    location = Styled(f"{d.file}:{d.line}:{d.column}:", "bold")
    shown: list[Line] = [(location, " ", Styled(f"{d.severity}[{d.rule}]:", d.severity), f" {d.message}")]
    if 0 < d.line <= len(lines):
        before, token, after = _window(lines[d.line - 1], d)
        marker = "^" * max(1, width(token))
        shown += [f"    {before}{token}{after}", ("    " + " " * width(before), Styled(marker, d.severity))]
    if d.hint:
        shown.append(("    ", Styled("hint:", "hint"), f" {d.hint}"))
    return shown


def _window(line: str, d: Diagnostic) -> tuple[str, str, str]:
    """Return the part of a line before, in and after the token, at most 160 columns in all.

    Reads only the characters around the token, because a line may have megabytes.
    """
    start = d.column - 1
    end = d.end_column - 1 if d.end_line == d.line else len(line)
    token = _expanded(line[start : min(end, start + _WIDEST)])
    before = _expanded(line[max(0, start - _WIDEST) : start])
    while before and width(before) > _WIDEST - 10 - min(width(token), 20):
        before = before[1:]
    token = token[: _WIDEST - width(before)]
    after = _expanded(line[end : end + _WIDEST])
    before, token, after = inert((before, token, after[: max(0, _WIDEST - width(before) - width(token))]))
    return before, token, after


def _expanded(line: str) -> str:
    return printable(line.replace("\t", " " * _TAB))


def as_json(diagnostics: Sequence[Diagnostic], _texts: Texts) -> str:
    """Format as JSON, in the form of the contract."""
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
    records = [{key: getattr(d, key) for key in keys} for d in diagnostics]
    return json_text({"diagnostics": records})


def github(diagnostics: Sequence[Diagnostic], _texts: Texts) -> str:
    """Format as GitHub workflow commands, which annotate the lines of a pull request."""
    return "\n".join(
        f"::{d.severity} file={_property(d.file)},line={d.line},col={d.column},"
        f"endLine={d.end_line},endColumn={d.end_column},title={_property(d.rule)}::"
        f"{_data(_whole(d))}"
        for d in diagnostics
    )


def _whole(d: Diagnostic) -> str:
    return f"{d.message} ({d.hint})" if d.hint else d.message


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _uri(path: str) -> str:
    return re.sub(r"[^\w./~-]", lambda c: "".join(f"%{byte:02X}" for byte in c[0].encode()), path, flags=re.ASCII)


def sarif(diagnostics: Sequence[Diagnostic], _texts: Texts) -> str:
    """Format as SARIF 2.1.0, for code scanning."""
    from sagespec.diagnostics.rules import RULES  # rarely needed, and start-up counts

    rules = sorted({d.rule for d in diagnostics})
    results: list[dict[str, Any]] = [
        {
            "ruleId": d.rule,
            "ruleIndex": rules.index(d.rule),
            "level": d.severity,
            "message": {"text": _whole(d)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(d.file)},
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
                "tool": {
                    "driver": {
                        "name": "sagespec",
                        "version": __version__,
                        "rules": [_descriptor(RULES[rule]) for rule in rules],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json_text(log)


def _descriptor(rule: Rule) -> dict[str, Any]:
    """Describe a rule as SARIF's `reportingDescriptor`, with the highest level that the rule can have."""
    markdown = (
        f"{rule.mend}\n\nBad ({rule.where}):\n\n```yaml\n{rule.bad}\n```\n\nGood:\n\n```yaml\n{rule.good}\n```\n"
    )
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.meaning},
        "help": {"text": rule.mend, "markdown": markdown},
        "defaultConfiguration": {"level": "error" if "error" in rule.severity else "warning"},
    }


def junit(diagnostics: Sequence[Diagnostic], texts: Texts) -> str:
    """Format as JUnit XML: one test case for each file, which fails if the file has errors."""
    from xml.etree import ElementTree  # rarely needed, and start-up counts

    files = sorted({*texts, *(d.file for d in diagnostics)})
    suite = ElementTree.Element("testsuite", name="sagespec")
    failures = 0
    for file in files:
        case = ElementTree.SubElement(suite, "testcase", classname="sagespec", name=printable(file))
        own = [d for d in diagnostics if d.file == file]
        errors = [d for d in own if d.is_error]
        if errors:
            failures += 1
            first = errors[0]
            failure = ElementTree.SubElement(case, "failure", message=printable(first.message), type=first.rule)
            failure.text = "\n".join(map(_in_junit, errors))
        if warnings := [d for d in own if not d.is_error]:
            out = ElementTree.SubElement(case, "system-out")
            out.text = "\n".join(map(_in_junit, warnings))
    suite.set("tests", str(len(files)))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    ElementTree.indent(suite)
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'  # UTF-8 whatever the locale is


def _in_junit(d: Diagnostic) -> str:
    return printable(f"{d.line}:{d.column}: [{d.rule}] {_whole(d)}")


STYLES: dict[str, Style] = {"json": as_json, "github": github, "sarif": sarif, "junit": junit}
"""Formats for machines; `github` has one command on each line."""
