"""Lead a Python program to the sandbox that it runs in, also where it names an endpoint of AWS itself.

Python imports this when it starts, before the program: the folder is the first of PYTHONPATH in a sandbox. The
SageMaker SDK pins the endpoint of STS, and `AWS_ENDPOINT_URL` counts for no client that is given an endpoint. Here
every client of botocore whose endpoint is not on this machine is made anew, with the sandbox's. A `sitecustomize`
that this one hides is run all the same. Written for Python 3.8 and the standard library alone: it may be anybody's.
Every program waits for what it imports.
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
"""Where it is, kept from what the program does with its environment."""


def is_local(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOCAL
    except ValueError:
        return False


def sandbox() -> str:
    """The endpoint: the program may have put something of its own on this machine in front of it."""
    chosen = os.environ.get("AWS_ENDPOINT_URL", "")
    return chosen if is_local(chosen) else SANDBOX


def lead(botocore_session: Any) -> None:
    """Let sessions make no client that would ask anybody but this machine."""
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
    """Finds the modules that make sessions as everybody would, and leads them once they are loaded."""

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
