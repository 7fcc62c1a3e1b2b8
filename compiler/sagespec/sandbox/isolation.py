"""Build the environment of a program that uses a sandbox: nothing in it leads to AWS.

In: the environment that it would have, and what leads to the sandbox. Out: its environment, without any variable
that SDKs of AWS, SageMaker or MLflow may read (profiles, endpoints of services, roles, certificates). Proxies are not
asked for what is on this machine.
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
"""What Python programs import first."""
NOTHING = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": os.devnull,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": str(SITE / "sagemaker.yaml"),
}
"""What keeps a client from looking in files of the user, around in the network, and from telling what it does."""


def environment(inherited: Mapping[str, str], sandbox: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """The environment of a program that is to reach a sandbox and nothing else of AWS; without one, not even that."""
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith(_PREFIXES)}
    spared = ",".join([_LOOPBACK, *sorted({kept[name] for name in _NO_PROXY if kept.get(name)})])
    if url := sandbox.get("AWS_ENDPOINT_URL"):
        kept["SAGESPEC_SANDBOX"] = url
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(SITE), inherited.get("PYTHONPATH")]))
    return {**kept, **dict.fromkeys(_NO_PROXY, spared), **sandbox}


@contextmanager
def isolated(sandbox: Mapping[str, str] = NOTHING) -> Iterator[None]:
    """Give this process such an environment for a while; what others change meanwhile stays changed.

    moto, too, reads the user's configuration: a sandbox has to be started within one.
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
