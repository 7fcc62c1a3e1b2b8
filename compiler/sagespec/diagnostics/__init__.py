"""Problems at key paths, and diagnostics at lines of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
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
    """A mistake at a key path of one document, not yet at a line; `also` is a second location to look at."""

    rule: str
    message: str
    path: KeyPath = ()
    hint: str = ""
    severity: Severity = "error"
    on_key: bool = False
    also: Place = ()


class Problems(list[Problem]):
    """The problems of one document."""

    @property
    def errors(self) -> Problems:
        """The problems that are errors."""
        return Problems(p for p in self if p.severity == "error")

    def error(self, rule: str, message: str, path: KeyPath = (), hint: str = "", on_key: bool = False) -> None:
        self.append(Problem(rule, message, path, hint, "error", on_key))

    def warn(self, rule: str, message: str, path: KeyPath = (), hint: str = "", on_key: bool = False) -> None:
        self.append(Problem(rule, message, path, hint, "warning", on_key))


@dataclass(frozen=True, order=True)
class Diagnostic:
    """A problem with its span in a file; sorts by file, then by position."""

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
    """Convert a problem to a diagnostic at a span of a file."""
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
    """Sort diagnostics and drop duplicates.

    A mistake in the defaults of a project is found once for each spec, and reported once.
    """
    kept: dict[Diagnostic, Diagnostic] = {}
    for diagnostic in sorted(diagnostics):
        key = replace(diagnostic, address="")
        if key not in kept or not kept[key].address:
            kept[key] = diagnostic
    return tuple(kept.values())


def dotted(path: KeyPath) -> str:
    """Write a key path as text: `spec.input_data_config[0].channel_name`."""
    return "".join(_steps(path)).removeprefix(".")


def _steps(path: KeyPath) -> Iterator[str]:
    for step in path:
        yield f"[{step}]" if isinstance(step, int) else f".{step}"


Edit = Literal["word", "source", "quote", "unquote", "quote around"]
"""What to write: words in place of a word, YAML in place of the value, the value with or without quotes, or with
quotes around all of it, where a character within it is marked."""


class Hint(str):
    """A hint that is one edit at the place of its problem, for editors: the text says the same to people.

    An edit of words writes one of `choices` in place of `word`, which is all or a part of the value or key there.
    Without choices it is a hint like any other.
    """

    edit: Edit
    word: str
    choices: tuple[str, ...]

    def __new__(cls, text: str = "", edit: Edit = "word", word: str = "", choices: Iterable[str] = ()) -> Hint:
        made = super().__new__(cls, text)
        made.edit, made.word, made.choices = edit, word, tuple(choices)
        return made

    def saying(self, text: str) -> Hint:
        """Return the same edit with another text."""
        return Hint(text, self.edit, self.word, self.choices)


def did_you_mean(word: str, known: Iterable[str]) -> Hint:
    """Return a hint with the nearest known word, or all known words where they are few, else ''."""
    words = tuple(known)
    if near := nearest(word, words):
        return near
    return Hint(f"one of: {', '.join(words)}", "word", word, words) if 0 < len(words) <= MOST_NAMED else Hint()


LONGEST_WORD = 100
"""Comparing two words takes quadratic time; longer words are not typing errors."""
MOST_WORDS = 10_000
MOST_NAMED = 12


def nearest(word: str, known: Iterable[str]) -> Hint:
    """Return a hint with the known word that is most like another; '' where none is like it."""
    return _nearest(word, tuple(known))


@lru_cache(maxsize=200)
def _nearest(word: str, known: tuple[str, ...]) -> Hint:
    """Cached: many specs have the same mistake."""
    words = [k for k in known[:MOST_WORDS] if len(k) <= LONGEST_WORD] if len(word) <= LONGEST_WORD else []
    near = (
        [k for k in known if k.lower() == word.lower()]
        or get_close_matches(word, words, n=1, cutoff=0.6)
        or get_close_matches(word.lower(), [k for k in words if k.islower()], n=1, cutoff=0.6)
    )
    return Hint(f"did you mean {near[0]!r}?", "word", word, near[:1]) if near else Hint()
