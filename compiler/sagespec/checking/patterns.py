r"""Regular expressions of JSON Schema and of AWS, in Python's words.

In: a pattern of ECMA or Java. Out: one that Python's `re` takes and that finds the same, or nearly: Java's
classes such as \p{L} are as wide as `\w`, and a `$` means the very end, where Python's also stands before a
last newline.
"""

from __future__ import annotations

import re
import sys
import warnings
from functools import cache

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


def translated(pattern: str) -> str:
    """Say a pattern in Python's words; what Python has no words for stays as it is."""
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
"""How long a text is at most that Python's own matcher is tried on, which may need the square of that in steps."""


def finds(pattern: str, text: str) -> bool:
    """Whether a pattern of ours or of AWS, in Python's words, is found in a text.

    None of them has more ways to try than the square of the text's length.
    """
    if len(text) <= SHORT:
        return _compiled(pattern).search(text) is not None
    return _automaton(pattern).finds(text, Budget(sys.maxsize))


_compiled = cache(re.compile)
_automaton = cache(Automaton)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern.

    Raises re.error for what Python has no words for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return re.compile(translated(pattern))
        except (FutureWarning, OverflowError, RecursionError) as error:
            raise re.error(str(error), pattern) from None
