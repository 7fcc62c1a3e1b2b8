"""Credentials that cannot be had: told as that, with the way out, in exit 3; each in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

SECRET = "do-not-show-me"
ROLE = "role_arn = arn:aws:iam::123456789012:role/R"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET}
SSO = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r"
PROFILES = {  # the settings of a profile, what is said, and of the way out
    "process says something else": ("credential_process = echo Please sign in", "no JSON", "run that program"),
    "process fails": ("credential_process = false", "custom-process", "run that program"),
    "process is missing": (
        "credential_process = /no/such",
        "/no/such: no such file or directory",
        "run that program",
    ),
    "process prints a list": ("credential_process = echo []", "'list' object", "run that program"),
    "process prints numbers": (
        """credential_process = echo '{"Version": 1, "AccessKeyId": 7, "SecretAccessKey": 7}'""",
        "the access key is not text",
        "run that program",
    ),
    "process prints half": ("""credential_process = echo '{"Version": 1}'""", "Missing required key", "run that"),
    "process prints an odd time": (
        """credential_process = echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", """
        """"Expiration": "x"}'""",
        "Unknown string format",
        "run that program",
    ),
    "process is nothing": ("credential_process =", "list index", "run that program"),
    "process prints bytes": ("credential_process = printf '\\377'", "can't decode", "run that program"),
    "token file is missing": (f"{ROLE}\nweb_identity_token_file = /no/such", "/no/such: no such file", "the file"),
    "other profile is missing": (f"{ROLE}\nsource_profile = other", "does not exist", "source_profile"),
    "profile of itself": (f"{ROLE}\nsource_profile = corp", "Infinite loop", "source_profile"),
    "not signed in": (SSO, "Token for s does not exist", "aws sso login"),
    "half of keys": ("aws_access_key_id = a", "Partial credentials", "look at the keys of the profile"),
    "key with a blank": (f"aws_access_key_id = a\naws_secret_access_key = {SECRET} x", "the secret key is", "keys"),
}
ENVIRONMENTS = {
    "no token file": (
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/no/such", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/R"},
        "/no/such: no such file",
        "the file",
    ),
    "session token of two lines": (
        {**KEYS, "AWS_SESSION_TOKEN": f"{SECRET}\nx"},
        "the session token is",
        "variables",
    ),
    "secret key with an end of line": (
        {**KEYS, "AWS_SECRET_ACCESS_KEY": f"{SECRET}\n"},
        "secret key is",
        "variables",
    ),
    "access key with an end of line": (
        {**KEYS, "AWS_ACCESS_KEY_ID": f"{SECRET}\r"},
        "the access key is",
        "variables",
    ),
    "secret key of other letters": ({**KEYS, "AWS_SECRET_ACCESS_KEY": f"{SECRET}ü"}, "secret key is", "variables"),
    "one key of two": ({"AWS_ACCESS_KEY_ID": "a"}, "Partial credentials", "variables"),
    "container of elsewhere": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, "Unsupported host", "CONTAINER"),
    "container is away": (
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
        "Could not connect",
        "CONTAINER",
    ),
    "no profile of that name": ({"AWS_PROFILE": "none"}, "could not be found", "list-profiles"),
    "nothing at all": ({}, "Unable to locate credentials", "sign in"),
}


Ask = Callable[..., str]


@pytest.fixture
def ask(sagespec: Path, tmp_path: Path) -> Ask:
    """Ask for a list, in a process with a home folder of its own; gives what is said on stderr.

    A `cold` one imports botocore itself, which notes the home folder then.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HTTP"))}
    given = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-west-2"}

    def run(environment: dict[str, str], cold: bool = False) -> str:
        program = [sys.executable, "-m", "sagespec"] if cold else [sagespec]
        done = subprocess.run(
            [*program, "list"],
            cwd=tmp_path,
            env={**kept, **given, "PYTHONPATH": str(ROOT / "compiler"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 3, done.stderr
        assert SECRET not in done.stderr
        assert "Traceback" not in done.stderr
        assert "AWS_ENDPOINT_URL" not in done.stderr
        return done.stderr

    return run


def configure(home: Path, text: str | bytes) -> None:
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("case", PROFILES)
def test_profiles_that_give_no_credentials(case: str, tmp_path: Path, ask: Ask) -> None:
    settings, said, way = PROFILES[case]
    session = "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://example.com\n"
    configure(tmp_path, f"[profile corp]\n{settings}\n{session}")
    told = ask({"AWS_PROFILE": "corp"})
    assert told.startswith(
        f"error: no credentials from {settings.splitlines()[-1 if 'web' in settings else 0].split()[0]} "
    )
    assert said in told
    assert way in told.partition("hint: ")[2]


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_environments_that_give_no_credentials(case: str, ask: Ask) -> None:
    environment, said, way = ENVIRONMENTS[case]
    told = ask(environment)
    assert said in told
    assert way in told.partition("hint: ")[2]


def test_an_expired_sign_in_is_told(tmp_path: Path, ask: Ask) -> None:
    configure(
        tmp_path, f"[profile corp]\n{SSO}\n[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://x.y\n"
    )
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"accessToken": SECRET, "expiresAt": "2020-01-01T00:00:00Z", "startUrl": "https://x.y"}
    (cache / f"{hashlib.sha1(b's').hexdigest()}.json").write_text(json.dumps(token), "utf-8")
    told = ask({"AWS_PROFILE": "corp"}, cold=True)
    assert "no credentials from sso_session of the profile corp" in told
    assert "expired" in told
    assert "aws sso login" in told


@pytest.mark.parametrize("text", ["[profile corp\nx", "[profile corp]\ns3 =\n  what\n", b"\xff\xfe[profile corp]\n"])
def test_a_configuration_file_that_cannot_be_read_is_named(text: str | bytes, tmp_path: Path, ask: Ask) -> None:
    configure(tmp_path, text)
    told = ask({"AWS_PROFILE": "corp"})
    assert f"Unable to parse config file: {tmp_path}/.aws/config" in told
    assert "hint: look at" in told


def test_settings_of_the_wrong_form_are_no_defect(ask: Ask) -> None:
    told = ask({**KEYS, "AWS_DEFAULTS_MODE": "odd"})
    assert "invalid defaults mode" in told
