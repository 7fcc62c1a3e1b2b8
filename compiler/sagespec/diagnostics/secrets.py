"""Mask values of environment variables, and text that looks like a secret.

In: a text, or data; for a text also the variables that it may quote. Out: the same with `***` in their places. Specs
and compiled files keep them: only what is printed, or saved beside them, is masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from sagespec.diagnostics import KeyPath

MASK = "***"
HOLDERS = ("Environment", "environment")
"""Members whose entries are variables: AWS's name, and the specs'."""
_NAMES = (
    r"password|passwd|passphrase|secret|secret[_-]?(?:access[_-]?)?key|(?:api|private|access|auth)[_-]?key|credentials?"
    r"|(?:auth|access|session|security|bearer|refresh|hf|hub|github|wandb)[_-]?token"
)
_NAMED = re.compile(rf"(?:.*[\W_])?(?:{_NAMES})|token", re.IGNORECASE)
"""Names of what is secret, whatever it looks like; a model's `pad_token` is not."""
_WORDS = re.compile(rf"env|viron|token|{_NAMES}", re.IGNORECASE)
_FIELDS = ("spec", "defaults")
"""What holds the fields of specs."""
_ASSIGNED = re.compile(r"(?P<name>[^:=]*)[:=]\s*(?P<value>.+)", re.DOTALL)
"""A name and its value, written so that they are one key."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FORMS = re.compile(
    "|".join(
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|.*)",
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS: access keys, session tokens, what signs a URL
            r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[\w/+=%-]{16,}",
            r"(?i:(?<=X-Amz-Security-Token=)|(?<=X-Amz-Signature=)|(?<=X-Amz-Credential=))[^&\s\"'*]+",
            r"(?<=[?&]authToken=)[^&\s\"'*]+",
            r"\bhf_(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{10,}",
            r"\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}",
            r"\bsk-(?:proj|ant|svcacct|live|test)-[\w-]{16,}|\bsk-[A-Za-z0-9]{20,}|\bsk_(?:live|test)_\w{16,}",
            r"\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{30,}|\bdapi[0-9a-f]{32}",
            r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # JSON web tokens
            r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",  # user and password in a URL
        )
    ),
    re.DOTALL,
)
_GIVEN = re.compile(
    rf"(?i:\b\w*(?:{_NAMES})|\btoken)(?:\\?[\"']\s*:\s*\\?[\"'](?P<quoted>(?!\*\*\*)[^\"'\\]+)|=\\?[\"']?(?P<bare>[^\s\"'\\,;&*]+))"
)
"""The value that a text gives to such a name: `password=...`, or as JSON."""
MOST_VARIABLES = 200
"""No job takes as many; each text is looked through for each of them."""
_QUOTED = re.compile(r"(?<=')[^']*(?=')|(?<=\")[^\"]*(?=\")")
_OPEN = re.compile(r"true|false|yes|no|none|null|~|on|off|auto|arn:.*|", re.IGNORECASE | re.DOTALL)
"""Values that are no secret wherever they stand."""
_COMMON = re.compile(r"[0-9.]{1,5}|.{1,3}", re.DOTALL)
"""Values of variables that a text may have for other reasons: masked only where it quotes them."""


def is_secret(path: KeyPath) -> bool:
    """Whether what stands at a path of keys is a variable's value, or named as a secret."""
    if is_variable(path):
        return True
    return bool(path and _NAMED.fullmatch(_HUMP.sub("_", str(path[-1]))))


def is_variable(path: KeyPath) -> bool:
    """Whether a variable's value stands at a path of keys: also where a text or list stands in the map's place."""
    if any(step in HOLDERS for step in path[:-1]):
        return True
    return len(path) > 1 and path[0] in _FIELDS and _is_meant(str(path[1]))


@cache
def _is_meant(field: str) -> bool:
    """Whether a field of a spec is its variables, or a misspelling of that."""
    name = field.lower()
    return name.startswith("env") or (len(name) < 20 and bool(get_close_matches(name, ("environment",), 1, 0.75)))


def assigned(path: KeyPath) -> tuple[str, str] | None:
    """The name and the value of a variable that are one key, as in `{NAME:value}` without a blank."""
    match = _ASSIGNED.fullmatch(str(path[-1])) if path and is_variable(path) else None
    return (match["name"], match["value"]) if match else None


def may_hold(text: str) -> bool:
    """Whether a file may hold such members: a quick look, which errs to the safe side."""
    return bool(_WORDS.search(text))


def masked(text: str) -> str:
    """Mask what looks like a secret in a text."""
    shown = _FORMS.sub(MASK, text)
    return _GIVEN.sub(lambda match: match[0].replace(match["quoted"] or match["bare"], MASK), shown)


def hidden(tree: Any, path: KeyPath = ()) -> Any:
    """Mask data: every secret, also in texts that are JSON themselves."""
    if isinstance(tree, Mapping):
        return {key: hidden(value, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [hidden(value, (*path, index)) for index, value in enumerate(tree)]
    if is_secret(path) and not _OPEN.fullmatch(str(tree)):
        return MASK
    if isinstance(tree, str):
        document = _document(tree)
        return masked(tree) if document is None else json.dumps(hidden(document, path), ensure_ascii=False)
    return tree


def _document(text: str) -> Any:
    """The document that a text is, if it is one; None where nothing in it needs masking."""
    if text[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if hidden(document) == document else document


def variables(tree: Any) -> dict[str, str]:
    """The variables that data set anywhere, but those whose values stand elsewhere in it as well."""
    by_name: dict[str, str] = {}
    others: list[str] = []
    for path, value in _leaves(tree, ()):
        if one := assigned(path):
            by_name[one[0]] = one[1]
        elif is_variable(path):
            by_name |= {} if _OPEN.fullmatch(str(value)) else {str(path[-1]): str(value)}
        else:
            others.append(str(value))
    if len(by_name) > MOST_VARIABLES:
        return by_name
    return {name: value for name, value in by_name.items() if not any(value in other for other in others)}


def _leaves(tree: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from _leaves(value, (*path, index))
    else:
        yield path, tree


def unquoted(text: str, given: Mapping[str, str]) -> str:
    """Mask the values of variables that a text quotes, as they are or escaped, and what looks like a secret."""
    if len(given) > MOST_VARIABLES:  # an error anyway: whatever the text quotes may be one of them
        return masked(_QUOTED.sub(MASK, text))
    for name, value in sorted(given.items(), key=lambda item: -len(item[1])):
        for form in {value, repr(value)[1:-1], json.dumps(value)[1:-1]} - {""}:
            escaped = re.escape(form)
            anywhere = rf"(?<!\w){escaped}(?!\w)"
            told = rf"(?<=['\"]){escaped}(?=['\"])|(?<={re.escape(name)}=){escaped}(?!\w)"
            text = re.sub(told if _COMMON.fullmatch(value) else anywhere, MASK, text)
    return masked(text)


def unquote_reasons(described: Any) -> None:
    """Mask the variables of a job or function in the reasons that AWS gives for its status."""
    if not isinstance(described, dict) or "Environment" not in described:
        return
    reasons = [name for name in described if name.endswith("Reason")]
    given = variables({name: value for name, value in described.items() if name not in reasons})
    for name in reasons:
        described[name] = unquoted(str(described[name]), given)
