"""Problems at key paths, and diagnostics at lines of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Literal, NamedTuple

KeyPath = tuple["str | int", ...]
Severity = Literal["error", "warning"]


class Span(NamedTuple):
    """A range of characters; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


START = Span(1, 1, 1, 1)
Place = tuple[str, int] | tuple[()]
"""A line of a file, or none."""


@dataclass(frozen=True)
class Problem:
    """A mistake at a path of keys within one document, not yet at a line; `also` is where else to look."""

    rule: str
    message: str
    path: KeyPath = ()
    hint: str = ""
    severity: Severity = "error"
    on_key: bool = False
    also: Place = ()


class Problems(list[Problem]):
    """The problems of one document, collected while it is examined."""

    @property
    def errors(self) -> Problems:
        """Those that are no mere warnings."""
        return Problems(p for p in self if p.severity == "error")

    def error(self, rule: str, message: str, path: KeyPath = (), hint: str = "", on_key: bool = False) -> None:
        self.append(Problem(rule, message, path, hint, "error", on_key))

    def warn(self, rule: str, message: str, path: KeyPath = (), hint: str = "", on_key: bool = False) -> None:
        self.append(Problem(rule, message, path, hint, "warning", on_key))


@dataclass(frozen=True, order=True)
class Diagnostic:
    """A problem at its place in a file; sorts by file, then by position."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: str
    severity: Severity
    message: str
    hint: str = ""
    path: str = ""
    address: str = ""
    also: Place = ()

    @property
    def is_error(self) -> bool:
        return self.severity == "error"


def locate(problem: Problem, file: str, span: Span, address: str = "") -> Diagnostic:
    """Turn a problem into a diagnostic at its line."""
    return Diagnostic(
        file,
        *span,
        problem.rule,
        problem.severity,
        problem.message,
        problem.hint,
        dotted(problem.path),
        address,
        problem.also,
    )


def distinct(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort, and say once what was said on behalf of several specs: a project's default is wrong only once."""
    kept: dict[Diagnostic, Diagnostic] = {}
    for diagnostic in sorted(diagnostics):
        key = replace(diagnostic, address="")
        if key not in kept or not kept[key].address:
            kept[key] = diagnostic
    return tuple(kept.values())


def dotted(path: KeyPath) -> str:
    """Write a path as people do: `spec.input_data_config[0].channel_name`."""
    return "".join(_steps(path)).removeprefix(".")


def _steps(path: KeyPath) -> Iterator[str]:
    for step in path:
        yield f"[{step}]" if isinstance(step, int) else f".{step}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them when there are few, or nothing."""
    return _nearest(word, tuple(known))


LONGEST_WORD = 100
"""To compare two words takes time with the square of their length; longer ones are not misspelt, but copied."""
MOST_WORDS = 10_000


@cache
def _nearest(word: str, known: tuple[str, ...]) -> str:
    """The same, remembered: what is missing is missed by many."""
    words = [k for k in known[:MOST_WORDS] if len(k) <= LONGEST_WORD] if len(word) <= LONGEST_WORD else []
    near = (
        [k for k in known if k.lower() == word.lower()]
        or get_close_matches(word, words, n=1, cutoff=0.6)
        or get_close_matches(word.lower(), [k for k in words if k.islower()], n=1, cutoff=0.6)
    )
    if near:
        return f"did you mean {near[0]!r}?"
    return f"one of: {', '.join(known)}" if 0 < len(known) <= 12 else ""
