"""Parse regular expressions into a tree.

In: a pattern that Python's `re` has compiled, so that its syntax is known to be valid. Out: a tree of nodes. Refuses
what an automaton cannot follow: back-references, conditions, inline flags, possessive quantifiers, atomic groups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias


class Unbounded(ValueError):
    """A pattern that an automaton cannot follow; the message says why."""


@dataclass(eq=False, repr=False)
class Char:
    """One character: `pattern` is a literal, an escape or a character class in the syntax of `re`."""

    pattern: str


@dataclass(eq=False, repr=False)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(eq=False, repr=False)
class Choice:
    options: tuple[Node, ...]


@dataclass(eq=False, repr=False)
class Repeat:
    part: Node
    least: int
    most: int | None


@dataclass(eq=False, repr=False)
class Anchor:
    r"""An assertion about a position: `^`, `$`, `\A`, `\Z`, `\b` or `\B`."""

    sign: str


@dataclass(eq=False, repr=False)
class Lookaround:
    """A lookahead, or a lookbehind where `before` is true."""

    part: Node
    before: bool
    negative: bool


Node: TypeAlias = "Char | Sequence | Choice | Repeat | Anchor | Lookaround"

_TOKEN = re.compile(
    r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|0[0-7]{0,2}|.)"
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\(\?(?:P<\w+>|<?[=!]|:)?"
    r"|.",
    re.DOTALL,
)
_QUANTIFIER = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})(?P<more>[?+]?)")
_ANCHORS = {"^", "$", r"\A", r"\Z", r"\b", r"\B"}


class _Parser:
    """A recursive descent parser; `at` is the offset of the next character."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def choice(self) -> Node:
        options = [self.sequence()]
        while self.pattern.startswith("|", self.at):
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self.repeated(self.one()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, part: Node) -> Node:
        quantifier = _QUANTIFIER.match(self.pattern, self.at)
        if quantifier is None or quantifier[0].startswith("{}"):
            return part
        if quantifier["more"] == "+":
            raise Unbounded(f"{quantifier[0]} is possessive or atomic")
        self.at = quantifier.end()
        if quantifier["sign"]:
            return Repeat(part, int(quantifier["sign"] == "+"), 1 if quantifier["sign"] == "?" else None)
        least = int(quantifier["least"] or 0)
        most = quantifier["most"] if quantifier["comma"] else quantifier["least"]
        return Repeat(part, least, int(most) if most else None)

    def one(self) -> Node:
        token = _TOKEN.match(self.pattern, self.at)
        assert token is not None  # a `.` is any character
        self.at, text = token.end(), token[0]
        if text.startswith("("):
            return self.group(text)
        if text in _ANCHORS:
            return Anchor(text)
        if re.match(r"\\[1-9]", text):
            raise Unbounded(f"{text} is a back-reference")
        return Char(text)

    def group(self, opening: str) -> Node:
        if opening == "(?":
            raise Unbounded(f"{self.pattern[self.at - 2 : self.at + 2]} is not a plain group")
        part = self.choice()
        self.at += 1
        if opening[-1] in "=!":
            return Lookaround(part, before="<" in opening, negative=opening[-1] == "!")
        return part


def size(node: Node) -> int:
    """Return an upper bound of the number of states that an automaton of this node has."""
    if isinstance(node, Repeat):
        times = node.least + 1 if node.most is None else node.most
        return 1 + size(node.part) * times + times - node.least
    if isinstance(node, Sequence):
        return 1 + sum(map(size, node.parts))
    if isinstance(node, Choice):
        return 1 + sum(map(size, node.options))
    return 1 + (size(node.part) if isinstance(node, Lookaround) else 0)


def parse(pattern: str) -> Node:
    """Parse a pattern.

    Raises Unbounded, and RecursionError for a pattern that is nested too deeply.
    """
    return _Parser(pattern).choice()
