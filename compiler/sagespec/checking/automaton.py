r"""Search texts with regular expressions in bounded time, by automata.

In: a pattern that Python's `re` has compiled, from a user's schema or from AWS. Out: whether a text has a match.
Refuses patterns that `regex_tree` refuses, and patterns that need too many states.

The matcher of `re` tries one alternative after the other, and (a|a)*b has 2^n of them. An automaton follows all
alternatives at once and reads each character once. It caches the sets of states that it reaches and where each
leads, so most characters cost one look-up. Every lookaround is an automaton of its own, which runs over the whole
text before the pattern that contains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from threading import Lock

from sagespec.checking import regex_tree
from sagespec.checking.regex_tree import Anchor, Char, Choice, Lookaround, Node, Repeat, Unbounded
from sagespec.checking.regex_tree import Sequence as Concatenation

__all__ = ["Automaton", "Budget", "Exhausted", "Unbounded"]

MAX_CHARACTERS = 10_000
MAX_STATES = 150_000
MAX_MOVES = 10_000
"""Cached transitions of one automaton, after which its cache is emptied."""
_STATE_COST = 40
"""Steps of the budget that making one state costs."""


class Exhausted(Exception):
    """The budget has no steps left."""


@dataclass(eq=False)
class Budget:
    """The steps left for one check of a document; a step takes less than a microsecond."""

    left: int

    def spend(self, steps: int) -> None:
        """Subtract steps.

        Raises Exhausted.
        """
        self.left -= steps
        if self.left < 0:
            raise Exhausted


@lru_cache(maxsize=100_000)
def _is(pattern: str, char: str) -> bool:
    return _compiled(pattern).fullmatch(char) is not None


@lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(eq=False, repr=False)
class _Set:
    """A set of states; `moves` caches the next set by the next character and the tests that hold at its position."""

    states: tuple[int, ...]
    accepts: bool
    moves: dict[tuple[str, int], _Set] = field(default_factory=dict)


class _Tests:
    """The anchors and lookarounds of a pattern, numbered: equal anchors share a number, lookarounds do not."""

    def __init__(self) -> None:
        self.all: list[Anchor | Lookaround] = []
        self._numbers: dict[str | int, int] = {}

    def number(self, test: Anchor | Lookaround) -> int:
        key = test.sign if isinstance(test, Anchor) else id(test)
        if key not in self._numbers:
            self._numbers[key] = len(self.all)
            self.all.append(test)
        return self._numbers[key]


class _Machine:
    """The automaton of one node: finds the positions of a text where a match ends.

    A state has one of three kinds of transitions: `chars` consume a character, `gates` need a test to hold at the
    position, `ways` are free. A `backwards` machine reads the text from its end and finds where matches begin.
    """

    def __init__(self, node: Node, tests: _Tests, backwards: bool) -> None:
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

    def _add(self, node: Node, then: int) -> int:
        """Add the states of a node that leads to the state `then`; return the state that it begins with."""
        if isinstance(node, Char):
            return self._state(char=(node.pattern, then))
        if isinstance(node, Concatenation):
            for part in node.parts if self.backwards else reversed(node.parts):
                then = self._add(part, then)
            return then
        if isinstance(node, Choice):
            return self._state(ways=tuple(self._add(option, then) for option in node.options))
        if isinstance(node, Repeat):
            return self._add_repeat(node, then)
        return self._state(gate=(self.tests.number(node), then))

    def _add_repeat(self, node: Repeat, then: int) -> int:
        first = then
        if node.most is None:
            first = self._state()
            self.ways[first] = (self._add(node.part, first), then)
        for _ in range((node.most or 0) - node.least):
            first = self._state(ways=(self._add(node.part, first), then))
        for _ in range(node.least):
            first = self._add(node.part, first)
        return first

    def ends(self, text: str, passed: Sequence[int], budget: Budget, first: bool = False) -> bytearray:
        """Mark the positions where matches end, only the first one if `first` is true.

        `passed` has one integer for each position; bit n says whether test n holds there.
        """
        budget.spend(len(text) + 1)
        marks = bytearray(len(text) + 1)
        order = range(len(text), -1, -1) if self.backwards else range(len(text) + 1)
        read = chain(("",), reversed(text) if self.backwards else text)
        keys = zip(read, reversed(passed) if self.backwards else passed, strict=True)
        current = self.origin
        for position, key in zip(order, keys, strict=True):
            following = current.moves.get(key)
            if following is None:
                if self.remembered >= MAX_MOVES:
                    self._forget()
                self.remembered += 1
                following = current.moves[key] = self._next(current, *key, budget)
            current = following
            if current.accepts:
                marks[position] = 1
                if first:
                    break
        return marks

    def _next(self, current: _Set, char: str, passed: int, budget: Budget) -> _Set:
        """Compute the set that a character leads to; a match may also begin at this position."""
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
    """A compiled pattern.

    Raises Unbounded.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_CHARACTERS:
            raise Unbounded(f"it has more than {MAX_CHARACTERS:,} characters")
        try:
            self._node = regex_tree.parse(pattern)
            self._states = regex_tree.size(self._node)
        except RecursionError:
            raise Unbounded("it is nested too deeply") from None
        if self._states > MAX_STATES:
            raise Unbounded(f"it needs more than {MAX_STATES:,} states")
        self._tests = _Tests()
        self._machine: _Machine | None = None
        self._making = Lock()
        self._looks: list[tuple[int, _Machine]] = []

    def finds(self, text: str, budget: Budget) -> bool:
        """Return whether a text has a match anywhere.

        Raises Exhausted.
        """
        machine = self._machine or self._first(budget)
        passed = self._passed(text, budget)
        return any(machine.ends(text, passed, budget, first=True))

    def _first(self, budget: Budget) -> _Machine:
        """Make the machine, once for all threads."""
        with self._making:
            if self._machine is None:
                budget.spend(_STATE_COST * self._states)
                self._machine = self._made(self._node, backwards=False)
            return self._machine

    def _made(self, node: Node, backwards: bool) -> _Machine:
        """Make the machine of a node, after those of the lookarounds in it."""
        known = len(self._tests.all)
        machine = _Machine(node, self._tests, backwards)
        for index, test in list(enumerate(self._tests.all))[known:]:
            if isinstance(test, Lookaround):
                self._looks.append((index, self._made(test.part, backwards=not test.before)))
        return machine

    def _passed(self, text: str, budget: Budget) -> Sequence[int]:
        """Return the tests that hold at each position of a text, one bit each."""
        budget.spend((len(text) + 1) * len(self._tests.all))
        passed = [0] * (len(text) + 1)
        for index, test in enumerate(self._tests.all):
            if isinstance(test, Anchor):
                for position in _positions(test.sign, text):
                    passed[position] |= 1 << index
        for index, machine in self._looks:
            test = self._tests.all[index]
            marks = machine.ends(text, passed, budget)
            for position, mark in enumerate(marks):
                if mark != (isinstance(test, Lookaround) and test.negative):
                    passed[position] |= 1 << index
        return passed


def _positions(sign: str, text: str) -> Iterable[int]:
    """Return the positions of a text where an anchor holds."""
    if sign in ("^", r"\A"):
        return (0,)
    if sign == r"\Z":
        return (len(text),)
    if sign == "$":
        return (len(text), len(text) - 1) if text.endswith("\n") else (len(text),)
    words = [False, *(_is(r"\w", char) for char in text), False]
    wanted = sign == r"\b"
    return (position for position in range(len(text) + 1) if (words[position] != words[position + 1]) == wanted)
