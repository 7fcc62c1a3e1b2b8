r"""Match regular expressions of users and of AWS by automata, in bounded time.

In: a pattern that Python takes. Out: whether a text has a match. Refuses: what no automaton can follow
(back-references, conditions, flags, atomic groups), and patterns that need too many states.

Python's own matcher tries one way after the other, of which a pattern such as (a|a)*b has 2^n. An automaton goes all
ways at once, and through each character once. Sets of states that were met are remembered with where they lead, so
that most characters are one look-up. A lookahead is a pattern of its own, which is found for all places of the text
before the rest is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

MAX_CHARACTERS = 10_000
MAX_STATES = 150_000
MAX_MOVES = 10_000
"""How much one automaton remembers at a time of what leads where."""
_STATE_COST = 40
"""What making a state costs, in steps."""


class Unbounded(ValueError):
    """A pattern that no automaton can follow; the message says why."""


class Exhausted(Exception):
    """More steps than there were left."""


@dataclass(eq=False)
class Budget:
    """The steps that are left for all that is matched on one occasion; a step takes less than a microsecond."""

    left: int

    def spend(self, steps: int) -> None:
        """Take steps away.

        Raises Exhausted.
        """
        self.left -= steps
        if self.left < 0:
            raise Exhausted


@dataclass(eq=False, repr=False)
class _Char:
    """One character, as a pattern that Python says it by."""

    pattern: str


@dataclass(eq=False, repr=False)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(eq=False, repr=False)
class _Choice:
    options: tuple[_Node, ...]


@dataclass(eq=False, repr=False)
class _Repeat:
    part: _Node
    least: int
    most: int | None


@dataclass(eq=False, repr=False)
class _Place:
    r"""A place in the text: `^`, `$`, `\A`, `\Z`, `\b` or `\B`."""

    sign: str


@dataclass(eq=False, repr=False)
class _Look:
    """What must stand behind a place, or before it, or must not."""

    part: _Node
    before: bool
    negative: bool


_Node: TypeAlias = "_Char | _Sequence | _Choice | _Repeat | _Place | _Look"

_TOKEN = re.compile(
    r"\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|0[0-7]{0,2}|.)"
    r"|\[\^?\]?(?:\\.|[^\]\\])*\]"
    r"|\(\?(?:P<\w+>|<?[=!]|:)?"
    r"|.",
    re.DOTALL,
)
_QUANTIFIER = re.compile(r"(?:(?P<sign>[*+?])|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})(?P<more>[?+]?)")
_PLACES = {"^", "$", r"\A", r"\Z", r"\b", r"\B"}


class _Parser:
    """Parse a pattern that Python has compiled, so that its syntax is known to be valid."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0

    def choice(self) -> _Node:
        options = [self.sequence()]
        while self.pattern.startswith("|", self.at):
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def sequence(self) -> _Node:
        parts: list[_Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self.repeated(self.one()))
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def repeated(self, part: _Node) -> _Node:
        quantifier = _QUANTIFIER.match(self.pattern, self.at)
        if quantifier is None or quantifier[0].startswith("{}"):
            return part
        if quantifier["more"] == "+":
            raise Unbounded(f"{quantifier[0]} is possessive or atomic")
        self.at = quantifier.end()
        if quantifier["sign"]:
            return _Repeat(part, int(quantifier["sign"] == "+"), 1 if quantifier["sign"] == "?" else None)
        least = int(quantifier["least"] or 0)
        most = quantifier["most"] if quantifier["comma"] else quantifier["least"]
        return _Repeat(part, least, int(most) if most else None)

    def one(self) -> _Node:
        token = _TOKEN.match(self.pattern, self.at)
        assert token is not None  # a `.` is any character
        self.at, text = token.end(), token[0]
        if text.startswith("("):
            return self.group(text)
        if text in _PLACES:
            return _Place(text)
        if re.match(r"\\[1-9]", text):
            raise Unbounded(f"{text} is a back-reference")
        return _Char(text)

    def group(self, opening: str) -> _Node:
        if opening == "(?":
            raise Unbounded(f"{self.pattern[self.at - 2 : self.at + 2]} is not a plain group")
        part = self.choice()
        self.at += 1
        if opening[-1] in "=!":
            return _Look(part, before="<" in opening, negative=opening[-1] == "!")
        return part


def _size(node: _Node) -> int:
    """The states that a node takes, or a few more."""
    if isinstance(node, _Repeat):
        times = node.least + 1 if node.most is None else node.most
        return 1 + _size(node.part) * times + times - node.least
    if isinstance(node, _Sequence):
        return 1 + sum(map(_size, node.parts))
    if isinstance(node, _Choice):
        return 1 + sum(map(_size, node.options))
    return 1 + (_size(node.part) if isinstance(node, _Look) else 0)


@lru_cache(maxsize=100_000)
def _is(pattern: str, char: str) -> bool:
    return _compiled(pattern).fullmatch(char) is not None


@lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(eq=False, repr=False)
class _Set:
    """States that a text may have led to; `moves` are the sets that it leads to next, by character and place."""

    states: tuple[int, ...]
    accepts: bool
    moves: dict[tuple[str, int], _Set] = field(default_factory=dict)


class _Tests:
    """What the places of a text are tested for, by number: signs once each, a look wherever it stands."""

    def __init__(self) -> None:
        self.all: list[_Place | _Look] = []
        self._numbers: dict[str | int, int] = {}

    def number(self, test: _Place | _Look) -> int:
        key = test.sign if isinstance(test, _Place) else id(test)
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(test)
        return self._numbers[key]


class _Machine:
    """An automaton for one part of a pattern: finds all places of a text where a match ends.

    A state has a character that leads to another, or places that let it through, or ways to others for nothing.
    `backwards`, it reads the text from its end, and finds where matches begin.
    """

    def __init__(self, node: _Node, tests: _Tests, backwards: bool) -> None:
        self.tests, self.backwards = tests, backwards
        self.chars: list[tuple[str, int] | None] = [None]
        self.gates: list[tuple[int, int] | None] = [None]
        self.ways: list[tuple[int, ...]] = [()]
        self.start = self._add(node, 0)
        self._forget()

    def _forget(self) -> None:
        self.origin, self.sets, self.remembered = _Set((), False), dict[tuple[int, ...], _Set](), 0

    def _state(
        self, char: tuple[str, int] | None = None, gate: tuple[int, int] | None = None, ways: tuple[int, ...] = ()
    ) -> int:
        self.chars.append(char)
        self.gates.append(gate)
        self.ways.append(ways)
        return len(self.ways) - 1

    def _add(self, node: _Node, then: int) -> int:
        """Add the states of a node that leads to the state `then`; give the one that it begins with."""
        if isinstance(node, _Char):
            return self._state(char=(node.pattern, then))
        if isinstance(node, _Sequence):
            for part in node.parts if self.backwards else reversed(node.parts):
                then = self._add(part, then)
            return then
        if isinstance(node, _Choice):
            return self._state(ways=tuple(self._add(option, then) for option in node.options))
        if isinstance(node, _Repeat):
            return self._add_repeat(node, then)
        return self._state(gate=(self.tests.number(node), then))

    def _add_repeat(self, node: _Repeat, then: int) -> int:
        first = then
        if node.most is None:
            first = self._state()
            self.ways[first] = (self._add(node.part, first), then)
        for _ in range((node.most or 0) - node.least):
            first = self._state(ways=(self._add(node.part, first), then))
        for _ in range(node.least):
            first = self._add(node.part, first)
        return first

    def places(self, text: str, passed: Sequence[int], budget: Budget, first: bool = False) -> bytearray:
        """Mark the places where matches end, up to the `first` if no more is asked for.

        `passed` has a number for each place, whose bits are the tests that it passes.
        """
        budget.spend(len(text) + 1)
        marks = bytearray(len(text) + 1)
        order = range(len(text), -1, -1) if self.backwards else range(len(text) + 1)
        current, char = self.origin, ""
        for position in order:
            if position != order[0]:
                char = text[position] if self.backwards else text[position - 1]
            key = (char, passed[position])
            following = current.moves.get(key)
            if following is None:
                if self.remembered == MAX_MOVES:
                    self._forget()
                self.remembered += 1
                following = current.moves[key] = self._next(current, char, passed[position], budget)
            current = following
            if current.accepts:
                marks[position] = 1
                if first:
                    break
        return marks

    def _next(self, current: _Set, char: str, passed: int, budget: Budget) -> _Set:
        """Where a set leads with a character; a match may also begin only now."""
        waiting = [self.start]
        for state in current.states:
            move = self.chars[state]
            if move is not None and _is(move[0], char):
                waiting.append(move[1])
        reached: set[int] = set()
        while waiting:
            state = waiting.pop()
            if state in reached:
                continue
            reached.add(state)
            waiting += self.ways[state]
            gate = self.gates[state]
            if gate is not None and passed >> gate[0] & 1:
                waiting.append(gate[1])
        budget.spend(len(current.states) + len(reached))
        states = tuple(sorted(state for state in reached if self.chars[state] is not None))
        accepts = 0 in reached
        key = (*states, -1) if accepts else states
        return self.sets.setdefault(key, _Set(states, accepts))


class Automaton:
    """A pattern to search texts with.

    Raises Unbounded.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_CHARACTERS:
            raise Unbounded(f"it has more than {MAX_CHARACTERS:,} characters")
        try:
            self._node = _Parser(pattern).choice()
            self._states = _size(self._node)
        except RecursionError:
            raise Unbounded("it is nested too deeply") from None
        if self._states > MAX_STATES:
            raise Unbounded(f"it needs more than {MAX_STATES:,} states")
        self._tests = _Tests()
        self._machine: _Machine | None = None
        self._looks: list[tuple[int, _Machine]] = []

    def finds(self, text: str, budget: Budget) -> bool:
        """Return whether a text has a match anywhere.

        Raises Exhausted.
        """
        if self._machine is None:
            budget.spend(_STATE_COST * self._states)
            self._machine = self._made(self._node, backwards=False)
        passed = self._passed(text, budget)
        return any(self._machine.places(text, passed, budget, first=True))

    def _made(self, node: _Node, backwards: bool) -> _Machine:
        """Make the machine of a part, and before it those of what it looks at."""
        known = len(self._tests.all)
        machine = _Machine(node, self._tests, backwards)
        for index, test in list(enumerate(self._tests.all))[known:]:
            if isinstance(test, _Look):
                self._looks.append((index, self._made(test.part, backwards=not test.before)))
        return machine

    def _passed(self, text: str, budget: Budget) -> Sequence[int]:
        """The tests that each place of a text passes, one bit each."""
        budget.spend((len(text) + 1) * len(self._tests.all))
        passed = [0] * (len(text) + 1)
        for index, test in enumerate(self._tests.all):
            if isinstance(test, _Place):
                for position in _places(test.sign, text):
                    passed[position] |= 1 << index
        for index, machine in self._looks:
            test = self._tests.all[index]
            marks = machine.places(text, passed, budget)
            for position, mark in enumerate(marks):
                if mark != (isinstance(test, _Look) and test.negative):
                    passed[position] |= 1 << index
        return passed


def _places(sign: str, text: str) -> Iterable[int]:
    """The places of a text that a sign stands for."""
    if sign in ("^", r"\A"):
        return (0,)
    if sign == r"\Z":
        return (len(text),)
    if sign == "$":
        return (len(text), len(text) - 1) if text.endswith("\n") else (len(text),)
    words = [False, *(_is(r"\w", char) for char in text), False]
    wanted = sign == r"\b"
    return (position for position in range(len(text) + 1) if (words[position] != words[position + 1]) == wanted)
