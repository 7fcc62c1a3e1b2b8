"""`sagespec lsp` started at once: forks of a process that has imported the server and knows the protocol's types."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsprotocol import types
from sagespec import cli
from sagespec.server import features

from tests import ready_programs
from tests.language_clients import EDITORS, capabilities

ROOT = Path(__file__).parent.parent


@contextmanager
def ready() -> Iterator[Path]:
    """Start a process that is ready to serve an editor; the program `sagespec`."""
    paths = os.pathsep.join((str(ROOT / "compiler"), str(ROOT)))
    with ready_programs.ready(__name__, {"PATH": os.environ["PATH"], "PYTHONPATH": paths}) as program:
        yield program


def prepare() -> None:
    """Make the server, which has nothing of an editor yet, and let it find out of the types what it will need."""
    server = features.create()
    converter = server.protocol._converter
    for name in server.protocol.fm.features:
        for one in filter(None, types.METHOD_TO_TYPES[name][:3]):
            converter.get_structure_hook(one)
            converter.get_unstructure_hook(one)
    for editor in EDITORS:
        params = converter.unstructure(types.InitializeParams(capabilities(editor)))
        converter.structure(params, types.InitializeParams)
    features.create = lambda: server
    gc.collect()
    gc.freeze()


def run(arguments: list[str]) -> None:
    sys.argv = ["sagespec", *arguments]
    sys.exit(cli.invoke())


if __name__ == "__main__":
    prepare()
    ready_programs.serve(sys.argv[1], run)
