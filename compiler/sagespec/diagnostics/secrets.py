"""Mask values of environment variables, and text that looks like a secret.

In: a text, or data; for a text also the variables that it may quote. Out: the same with `***` in place of secrets.
Specs and compiled files keep the values: only output and files saved beside them are masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any

from sagespec.diagnostics import KeyPath

MASK = "***"
HOLDERS = ("Environment", "environment")
"""Members whose entries are environment variables: the API's name, and the specs'."""
_NAMES = (
    r"password|passwd|passphrase|secret|secret[_-]?(?:access[_-]?)?key|(?:api|private|access|auth)[_-]?key|credentials?"
    r"|(?:auth|access|session|security|bearer|refresh|hf|hub|github|wandb)[_-]?token"
)
_STEMS = ("passw", "passphrase", "secret", "key", "credential", "token")
"""Texts of which each of these names has one."""
_NAMED = re.compile(rf"(?:.*[\W_])?(?:{_NAMES})|token", re.IGNORECASE)
"""Names of secrets, whatever the value looks like; `pad_token` of a model is none."""
_WORDS = re.compile(rf"env|viron|token|{_NAMES}", re.IGNORECASE)
_FIELDS = ("spec", "defaults")
"""Keys under which the fields of specs are."""
_ASSIGNED = re.compile(r"(?P<name>[^:=]*)[:=]\s*(?P<value>.+)", re.DOTALL)
"""A variable and its value written as one key, `NAME=value`."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KINDS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:.*?-----END [A-Z ]*PRIVATE KEY-----|.*)",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a session token of AWS": r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[\w/+=%-]{16,}",
    "a presigned URL of AWS": (
        r"(?i:(?<=X-Amz-Security-Token=)|(?<=X-Amz-Signature=)|(?<=X-Amz-Credential=))[^&\s\"'*]+"
        r"|(?<=[?&]authToken=)[^&\s\"'*]+"
    ),
    "a token of Hugging Face": r"\bhf_(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{10,}",
    "a token of GitHub": r"\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "an API key of OpenAI, Anthropic or Stripe": (
        r"\bsk-(?:proj|ant|svcacct|live|test)-[\w-]{16,}|\bsk-[A-Za-z0-9]{20,}|\b[rs]k_(?:live|test)_\w{16,}"
    ),
    "a token of Slack": r"\bxox[abeprs]-[\w-]{10,}|(?<=hooks\.slack\.com/services/)T\w{8,}/B\w{8,}/\w{20,}",
    "an API key of Google": r"\bAIza[\w-]{30,}",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{30,}",
    "a token of PyPI": r"\bpypi-[\w-]{30,}",
    "a token of Databricks": r"\bdapi[0-9a-f]{32}",
    "a key of SendGrid": r"\bSG\.[\w-]{22}\.[\w-]{43}",
    "a key of Azure storage": r"(?<=AccountKey=)[A-Za-z0-9+/]{86}==",
    "a JSON web token": r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    "a password in a URL": r"(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",
}
"""Secrets by the form of the value, as the services document it; what only a variable's name tells is not here."""
_WHOLE = {**_KINDS, "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}"}
"""The same for secrets that can be used: a shortened or invented token is masked, and is no mistake in a spec."""


_MARKS = (
    *(
        "PRIVATE KEY",
        "AKIA",
        "ASIA",
        "IQoJb3JpZ2lu",
        "FwoGZXIvYXdz",
        "FQoGZXIvYXdz",
        "authToken",
        "hf_",
        "gho_",
        "ghp_",
    ),
    *("ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "sk-", "k_live_", "k_test_", "xox", "hooks.slack.com", "AIza"),
    *("npm_", "pypi-", "dapi", "SG.", "AccountKey=", "eyJ"),
)
"""Texts of which every secret but a password in a URL has one: they are found faster than the forms."""


@cache
def _forms() -> re.Pattern[str]:
    return re.compile("|".join(_KINDS.values()), re.DOTALL)


_GIVEN = re.compile(
    rf"(?i:\b\w*(?:{_NAMES})|\btoken)(?:\\?[\"']\s*:\s*\\?[\"'](?P<quoted>(?!\*\*\*)[^\"'\\]+)|=\\?[\"']?(?P<bare>[^\s\"'\\,;&*]+))"
)
"""A secret's name followed by its value: `password=...`, or the same in JSON."""
MOST_VARIABLES = 200
"""The API accepts fewer. A bound, because each text is searched once for each variable."""
_QUOTED = re.compile(r"(?<=')[^']*(?=')|(?<=\")[^\"]*(?=\")")
_OPEN = re.compile(r"true|false|yes|no|none|null|~|on|off|auto|arn:.*|", re.IGNORECASE | re.DOTALL)
"""Values that are never secret."""
_COMMON = re.compile(r"[0-9.]{1,5}|.{1,3}", re.DOTALL)
"""Short values that a text may contain by chance: masked only where the text quotes them."""


def is_secret(path: KeyPath) -> bool:
    """Return whether the value at a key path is that of an environment variable, or has a name like a secret."""
    if is_variable(path):
        return True
    return bool(path and _NAMED.fullmatch(_HUMP.sub("_", str(path[-1]))))


def is_variable(path: KeyPath) -> bool:
    """Return whether the value at a key path is that of an environment variable.

    A text or list in place of the mapping of variables counts, too: a misplaced secret is one.
    """
    if any(step in HOLDERS for step in path[:-1]):
        return True
    return len(path) > 1 and path[0] in _FIELDS and _is_meant(str(path[1]))


@lru_cache(maxsize=10_000)
def _is_meant(field: str) -> bool:
    """Return whether a field of a spec is `environment` or a misspelling of it."""
    name = field.lower()
    return name.startswith("env") or (len(name) < 20 and bool(get_close_matches(name, ("environment",), 1, 0.75)))


def assigned(path: KeyPath) -> tuple[str, str] | None:
    """Return name and value of a variable that are one key, as in `{NAME:value}` without a blank."""
    match = _ASSIGNED.fullmatch(str(path[-1])) if path and is_variable(path) else None
    return (match["name"], match["value"]) if match else None


def may_hold(text: str) -> bool:
    """Return whether a file may contain secrets; quick, with false positives but no false negatives."""
    return bool(_WORDS.search(text))


def kind_of(text: str) -> str | None:
    """Return what a text holds that has the form of a secret; None for any other text."""
    if not _may_have_form(text) or not _forms().search(text):
        return None
    return next((kind for kind, form in _WHOLE.items() if re.search(form, text, re.DOTALL)), None)


def _may_have_form(text: str) -> bool:
    """Return whether a text may hold a secret in its form; quick, as no search for the forms is."""
    is_url = "://" in text and "@" in text  # most texts of specs are S3 URIs, which have no user
    return is_url or any(mark in text for mark in _MARKS) or "x-amz-" in text.lower()


def _may_be_given(text: str) -> bool:
    """Return whether a text may hold the name of a secret with a value; quick, as no search for them is."""
    if "=" not in text and not (":" in text and ('"' in text or "'" in text)):
        return False
    folded = text.casefold()
    return any(stem in folded for stem in _STEMS)


def masked(text: str) -> str:
    """Mask what looks like a secret in a text."""
    shown = _forms().sub(MASK, text) if _may_have_form(text) else text
    if _may_be_given(shown):
        shown = _GIVEN.sub(lambda match: match[0].replace(match["quoted"] or match["bare"], MASK), shown)
    return text if shown == text else shown  # a hint that hides nothing keeps its edit


def hidden(tree: Any, path: KeyPath = ()) -> Any:
    """Mask the secrets of data, also in texts that contain JSON."""
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
    """Parse a text that is a JSON object or list; None for other texts, and where nothing in it needs masking."""
    if text[:1] not in ("{", "["):
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if hidden(document) == document else document


def variables(tree: Any) -> dict[str, str]:
    """Return the environment variables, and what has a name like a secret, that data set.

    Left out are those whose value also occurs elsewhere.
    """
    by_name: dict[str, str] = {}
    others: list[str] = []
    for path, value in _leaves(tree, ()):
        if one := assigned(path):
            by_name[one[0]] = one[1]
        elif is_secret(path):
            text = _plain(value)
            by_name |= {} if _OPEN.fullmatch(text) else {str(path[-1]): text}
        else:
            others.append(str(value))
    if len(by_name) > MOST_VARIABLES:
        return by_name
    return {name: value for name, value in by_name.items() if not any(value in other for other in others)}


def _plain(value: Any) -> str:
    """Return a value as a message quotes it; hyperparameters of jobs are texts in JSON."""
    text = str(value)
    if text[:1] == '"':
        with suppress(ValueError):
            return str(json.loads(text))
    return text


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
    """Mask the values of variables that a text quotes, plain or escaped, and what looks like a secret."""
    shown = _unquoted(text, given)
    return text if shown == text else shown


def _unquoted(text: str, given: Mapping[str, str]) -> str:
    if len(given) > MOST_VARIABLES:  # more than the API accepts: any quoted text may be a value
        return masked(_QUOTED.sub(MASK, text))
    for name, value in sorted(given.items(), key=lambda item: -len(item[1])):
        for form in {value, repr(value)[1:-1], json.dumps(value)[1:-1]} - {""}:
            escaped = re.escape(form)
            anywhere = rf"(?<!\w){escaped}(?!\w)"
            told = rf"(?<=['\"]){escaped}(?=['\"])|(?<={re.escape(name)}=){escaped}(?!\w)"
            text = re.sub(told if _COMMON.fullmatch(value) else anywhere, MASK, text)
    return masked(text)


def unquote_reasons(described: Any) -> None:
    """Mask the secrets of a job or function in the status reasons that AWS returns; changes `described`."""
    if not isinstance(described, dict) or not {"Environment", "HyperParameters"} & {*described}:
        return
    reasons = [name for name in described if name.endswith("Reason")]
    given = variables({name: value for name, value in described.items() if name not in reasons})
    for name in reasons:
        described[name] = unquoted(str(described[name]), given)
