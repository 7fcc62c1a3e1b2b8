"""One rule: what a diagnostic's id stands for, in the words of a reader who has just met it."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import cleandoc
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """What a rule id means and how to mend what it reports.

    `severity` is "error or warning" where it depends on the case. `title` is a short noun phrase; `meaning` and
    `mend` are one or two sentences each. `bad` and `good` are the smallest YAML that shows the difference. `where`
    says what they are part of: a kind (fields of its `spec`, or of the document around it), `spec` (a whole spec
    file), `sagespec.yaml` (fields of it), or another file.
    """

    id: str
    severity: Literal["error", "warning", "error or warning"]
    title: str
    meaning: str
    mend: str
    where: str
    bad: str
    good: str

    def __post_init__(self) -> None:
        for name in ("meaning", "mend"):
            object.__setattr__(self, name, " ".join(getattr(self, name).split()))
        for name in ("bad", "good"):
            object.__setattr__(self, name, cleandoc(getattr(self, name)))
