"""The source of credentials, and errors in them.

In: the profile's configuration and the environment. Out: the source as text, and a hint where it gives no
credentials. Refuses keys that no HTTP header can contain; they are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sagespec.executor.cloud_errors import CloudError

BAD_CREDENTIALS = "BadCredentials"
_KEY = re.compile(r"[!-~]+")
_SIGN_IN = "sign in, for instance with `aws sso login`, or choose a profile with --profile"
_TOKEN = "the file that it names must hold the token that the identity provider has written"
_PROCESS = "run that program by itself: it must print JSON with Version 1, AccessKeyId and SecretAccessKey, only that"
_OF_PROFILES: Mapping[str, str] = {
    "web_identity_token_file": _TOKEN,
    "role_arn": "look at the profile's role_arn, and at source_profile or credential_source beside it",
    "sso_session": "sign in: `aws sso login`",
    "sso_start_url": "sign in: `aws sso login`",
    "login_session": "sign in: `aws login`",
    "credential_process": _PROCESS,
    "aws_access_key_id": "look at the keys of the profile",
}
"""Settings of a profile that give credentials, in order of precedence, with hints."""
_OF_ENVIRONMENT: Mapping[str, str] = {
    "AWS_WEB_IDENTITY_TOKEN_FILE": _TOKEN,
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "look at the AWS_CONTAINER_ variables of this machine",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "look at the AWS_CONTAINER_ variables of this machine",
}
_KEYS = "AWS_ACCESS_KEY_ID"


def source(chosen: str | None, profile: str, settings: Mapping[str, object], environment: Mapping[str, str]) -> str:
    """Return the source of credentials: a variable, or a setting of a profile; '' where it is unknown.

    `chosen` is the profile of the command line, which takes precedence over keys in the environment.
    """
    if chosen is None and environment.get(_KEYS):
        return _KEYS
    setting = next((name for name in _OF_PROFILES if name in settings), None)
    if setting is not None:
        return f"{setting} of the profile {profile}"
    return next((name for name in _OF_ENVIRONMENT if environment.get(name)), "")


def trouble(source: str, code: str, message: str, status: int = 0) -> CloudError:
    """Return the error for credentials that cannot be obtained, with a hint."""
    name = source.partition(" ")[0]
    way = {**_OF_PROFILES, **_OF_ENVIRONMENT, _KEYS: "look at the AWS_ variables of keys"}.get(name, _SIGN_IN)
    error = CloudError(code, f"no credentials{f' from {source}' if source else ''}: {message}", way, status=status)
    if error.is_passing:
        error.hint = f"{way}; the same command may be repeated"
    return error


def check(source: str, **keys: str | None) -> None:
    """Refuse keys that cannot be sent.

    Raises CloudError, which does not contain them.
    """
    for name, key in keys.items():
        if key and not (isinstance(key, str) and _KEY.fullmatch(key)):
            what = "is not text, or contains a space, a line break, or another character that no key has"
            raise trouble(source, BAD_CREDENTIALS, f"the {name.replace('_', ' ')} {what}; it is not shown")
