"""Redirect the AWS clients of a Python program to its sandbox, even if the program sets an endpoint of AWS.

Python imports this module at start-up, because its folder is the first of PYTHONPATH in a sandbox. The SageMaker SDK
sets the endpoint of STS explicitly, which takes precedence over `AWS_ENDPOINT_URL`. So every botocore client whose
endpoint is not on this machine is created again with the sandbox's endpoint.

A `sitecustomize` that this one hides is run, too. Only Python 3.8 and the standard library are used, because the
program may use any interpreter; imports are few, because they delay every program.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import sys
from typing import Any
from urllib.parse import urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
LOCAL = ("127.0.0.1", "::1", "localhost")
SANDBOX = os.environ.get("SAGESPEC_SANDBOX", "")
"""The endpoint, read before the program can change its environment."""


def is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOCAL
    except ValueError:
        return False


def sandbox() -> str:
    """Return the endpoint; the program may have set another one on this machine that forwards to it."""
    chosen = os.environ.get("AWS_ENDPOINT_URL", "")
    return chosen if is_local(chosen) else SANDBOX


def lead(botocore_session: Any) -> None:
    """Patch sessions so that they create clients for this machine only."""
    import inspect

    usual = botocore_session.Session.create_client
    signature = inspect.signature(usual)

    @functools.wraps(usual)
    def create_client(*given: Any, **named: Any) -> Any:
        made = usual(*given, **named)
        if is_local(made.meta.endpoint_url):
            return made
        asked = signature.bind(*given, **named)
        asked.arguments["endpoint_url"] = sandbox()
        return usual(*asked.args, **asked.kwargs)

    botocore_session.Session.create_client = create_client


class Finder:
    """Finds the modules of botocore sessions like the standard finder, and patches them after they are loaded."""

    finding = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002  importlib's
        if self.finding or not (name == "botocore.session" or name.endswith(".botocore.session")):
            return None
        self.finding = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.finding = False
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_lead(module: Any) -> None:
                load(module)
                lead(module)

            spec.loader.exec_module = load_and_lead  # type: ignore[method-assign]
        return spec


def run_hidden() -> None:
    """Run the `sitecustomize` that Python would have found without this folder."""
    path = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
    hidden = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if hidden is not None and hidden.loader is not None:
        module = importlib.util.module_from_spec(hidden)
        sys.modules["sitecustomize"] = module
        hidden.loader.exec_module(module)


if is_local(SANDBOX):
    sys.meta_path.insert(0, Finder())
run_hidden()
