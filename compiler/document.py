"""One document of a file as its reader gives it, whatever the syntax: data, places, and what is wrong with it.

Readers go on after a mistake where they can. Where they cannot, the document is not `whole`: its data are the
entries that were complete before that place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compiler.diagnostics import Path, Problem, Span

MAX_NODES = 200_000
"""Values in one document, aliases counted as often as they are used."""
MAX_DEPTH = 100


@dataclass(frozen=True)
class Fault:
    """A mistake that a reader has found, at its token."""

    problem: Problem
    span: Span


@dataclass
class Document:
    """What was read; `values` and `keys` say where each stands."""

    data: Any = None
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    whole: bool = True

    def fault(self, span: Span, rule: str, message: str, path: Path, hint: str = "") -> None:
        self.faults.append(Fault(Problem(rule, message, path, hint), span))

    def cut(self, fault: Fault) -> None:
        """End the document where it cannot be read any further."""
        self.faults.append(fault)
        self.whole = False


class Unreadable(Exception):
    """Raised where a text cannot be read any further."""

    def __init__(self, span: Span, rule: str, message: str, path: Path = (), hint: str = "") -> None:
        self.fault = Fault(Problem(rule, message, path, hint), span)
