"""Build the environment of a program that uses a sandbox, so that it cannot reach AWS.

In: the inherited environment, and the variables of the sandbox. Out: the program's environment, without any inherited
variable that SDKs of AWS, SageMaker or MLflow may read (profiles, endpoints, roles, certificates). Requests to this
machine bypass proxies.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PREFIXES = ("AWS_", "BOTO", "MLFLOW_", "SAGEMAKER_")
_LOOPBACK = "127.0.0.1,localhost"
_NO_PROXY = ("NO_PROXY", "no_proxy")
SITE = Path(__file__).with_name("site")
"""The folder of `sitecustomize`, which Python programs import first."""
NOTHING = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": str(SITE / "sagemaker.yaml"),
}
"""Variables that stop clients from reading files of the user, from searching the network, and from telemetry."""


def environment(inherited: Mapping[str, str], sandbox: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Return the environment of a program that can reach the sandbox and nothing of AWS.

    Without a sandbox, neither.
    """
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith(_PREFIXES)}
    spared = ",".join([_LOOPBACK, *sorted({kept[name] for name in _NO_PROXY if kept.get(name)})])
    if url := sandbox.get("AWS_ENDPOINT_URL"):
        kept["SAGESPEC_SANDBOX"] = url
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SITE), inherited.get("PYTHONPATH")]))
    return {**kept, **dict.fromkeys(_NO_PROXY, spared), **sandbox}


@contextmanager
def isolated(sandbox: Mapping[str, str] = NOTHING) -> Iterator[None]:
    """Set the environment of this process for a block; other changes to it remain.

    A sandbox has to be started in such a block, because moto reads the user's configuration, too.
    """
    before = dict(os.environ)
    within = environment(before, sandbox)
    changed = {name for name in {*before, *within} if before.get(name) != within.get(name)}
    _put(within, changed)
    try:
        yield
    finally:
        _put(before, {name for name in changed if os.environ.get(name) == within.get(name)})


def _put(wanted: Mapping[str, str], names: set[str]) -> None:
    for name in names:
        if name in wanted:
            os.environ[name] = wanted[name]
        else:
            os.environ.pop(name, None)
