"""How soon the language server answers in a large project; ratios of times measured side by side.

    python -m benchmarks.edit [--specs N] [--rounds N]

Diagnostics: from an edit to what is reported of it, beside `sagespec validate` of the project (goal: at most 0.3).
Answers: a completion while the project is checked, beside one while nothing is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.compile import ROOT, best, project

COMMAND = [sys.executable, "-m", "sagespec"]
GOAL = 0.3


class Editor:
    """An editor as the server sees it: messages by JSON-RPC."""

    def __init__(self, asked: IO[bytes], answers: IO[bytes]) -> None:
        self._asked, self._answers, self._number = asked, answers, 0

    def tell(self, method: str, params: Any, **more: Any) -> None:
        content = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self._asked.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._asked.flush()

    def ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self.tell(method, params, id=self._number)
        return self.heard(lambda message: message.get("id") == self._number and "method" not in message)

    def heard(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read messages up to the one that is wanted."""
        while True:
            length = 0
            while line := self._answers.readline().strip():
                length = int(line.rpartition(b" ")[2]) if line.startswith(b"Content-Length") else length
            message: dict[str, Any] = json.loads(self._answers.read(length))
            if wanted(message):
                return message


@contextmanager
def editing(folder: Path) -> Iterator[Editor]:
    """Start a server for a folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    with subprocess.Popen(
        [*COMMAND, "lsp"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        editor = Editor(server.stdin, server.stdout)
        folders = [{"uri": folder.as_uri(), "name": "project"}]
        editor.ask("initialize", {"processId": None, "capabilities": {}, "workspaceFolders": folders})
        editor.tell("initialized", {})
        yield editor
        editor.ask("shutdown", None)
        editor.tell("exit", None)


def measured(editor: Editor, file: Path, rounds: int) -> tuple[float, float, float]:
    """The seconds from an edit to its diagnostics, those of a completion meanwhile, and of one without a check."""
    text, uri = file.read_text("utf-8"), file.as_uri()
    item = {"uri": uri, "languageId": "yaml", "version": 1, "text": text + "oops: 1\n"}
    editor.tell("textDocument/didOpen", {"textDocument": item})
    at = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}

    def reported(message: dict[str, Any]) -> bool:
        params = message.get("params") or {}
        return message.get("method") == "textDocument/publishDiagnostics" and params["uri"] == uri

    def typed(version: int) -> None:
        whole = [{"text": text + "oops: 1\n" * (version % 2)}]
        document = {"uri": uri, "version": version}
        editor.tell("textDocument/didChange", {"textDocument": document, "contentChanges": whole})

    editor.heard(reported)
    checks, meanwhile, alone = [], [], []
    for number in range(rounds):
        start = time.perf_counter()
        typed(2 * number + 2)
        editor.heard(reported)
        checks.append(time.perf_counter() - start)
        start = time.perf_counter()
        editor.ask("textDocument/completion", at)
        alone.append(time.perf_counter() - start)
        typed(2 * number + 3)
        start = time.perf_counter()
        editor.ask("textDocument/completion", at)
        meanwhile.append(time.perf_counter() - start)
        editor.heard(reported)
    return min(checks), sorted(meanwhile)[rounds // 2], sorted(alone)[rounds // 2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        project(folder, asked.specs)
        with editing(folder) as editor:
            check, meanwhile, alone = measured(editor, folder / "specs" / "7.yaml", asked.rounds)
        (whole,) = best([[*COMMAND, "validate"]], folder, 3)
        sys.stdout.write(
            f"{asked.specs} specs: an edit is reported after {check:.2f} s, validate takes {whole:.2f} s, "
        )
        sys.stdout.write(f"ratio {check / whole:.2f} (goal: at most {GOAL})\n")
        sys.stdout.write(f"a completion takes {meanwhile * 1000:.0f} ms during a check, {alone * 1000:.0f} ms else\n")


if __name__ == "__main__":
    main()
