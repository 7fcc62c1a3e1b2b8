r"""Translate regular expressions of JSON Schema and of AWS to Python's syntax.

In: a pattern of ECMA or Java. Out: one for Python's `re` that finds the same, with two approximations: Java's classes
such as \p{L} become `\w`, and `$` becomes `\Z`, because Python's `$` also matches before a final newline.
"""

from __future__ import annotations

import re
import sys
import warnings
from functools import cache, lru_cache

from sagespec.checking.automaton import Automaton, Budget

_TOKEN = re.compile(r"\\p\{\w+\}|\\.|.", re.DOTALL)
_CLASSES = {
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{L}": r"\w",
    r"\p{M}": "\u0300-\u036f",
    r"\p{N}": r"\d",
    r"\p{P}": r"!-/:-@\[-`{-~",
    r"\p{S}": "$+<=>^`|~\u2190-\u2bff\U0001f000-\U0001faff",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


@lru_cache(maxsize=10_000)
def translated(pattern: str) -> str:
    """Translate a pattern to Python's syntax; what Python does not support stays unchanged."""
    parts: list[str] = []
    inside = False
    for token in _TOKEN.findall(pattern):
        if token in _CLASSES:
            parts.append(_CLASSES[token] if inside else f"[{_CLASSES[token]}]")
        elif token == "$" and not inside:
            parts.append(r"\Z")
        elif token == "[" and inside:
            parts.append(r"\[")
        else:
            inside = token == "[" or (inside and token != "]")
            parts.append(token)
    return "".join(parts)


SHORT = 1_000
"""The longest text for which `re` is used, whose time may grow with the square of the length."""


def finds(pattern: str, text: str) -> bool:
    """Return whether a text has a match for a translated pattern of ours or of AWS.

    None of these patterns takes `re` more than quadratic time.
    """
    if len(text) <= SHORT:
        return _compiled(pattern).search(text) is not None
    return _automaton(pattern).finds(text, Budget(sys.maxsize))


_compiled = cache(re.compile)
_automaton = cache(Automaton)


@lru_cache(maxsize=10_000)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern.

    Raises re.error for syntax that Python does not support.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(translated(pattern))
        except (FutureWarning, OverflowError, RecursionError) as error:
            raise re.error(str(error), pattern) from None
