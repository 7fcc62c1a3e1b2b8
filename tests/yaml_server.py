"""The real yaml-language-server, over LSP on its standard streams, as an editor runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.conftest import ROOT

SERVER = ROOT / ".editors" / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


class Server:
    """A server whose work space is a folder; requests to the network fail, as none is needed."""

    def __init__(self, folder: Path, schemas: dict[str, str] | None = None) -> None:
        assert SERVER.exists(), "`make editors` installs yaml-language-server; it needs Node.js and npm"
        self.folder, self.number = folder, 0
        self.settings = {"yaml": {"schemas": schemas or {}, "schemaStore": {"enable": False}, "validate": True}}
        self.process = subprocess.Popen(
            ["node", SERVER, "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        folders = [{"uri": folder.as_uri(), "name": "project"}]
        self.request(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            workspaceFolders=folders,
            capabilities={
                "workspace": {"configuration": True, "workspaceFolders": True},
                "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
            },
        )
        self.notify("initialized")
        self.notify("workspace/didChangeConfiguration", settings=self.settings)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        self.process.kill()
        self.process.wait()

    def diagnose(self, name: str, text: str) -> list[tuple[int, str]]:
        """Open a file for the first time and return the line, counted from 1, and the message of each diagnostic."""
        return self.diagnose_all({name: text})[name]

    def diagnose_all(self, texts: Mapping[str, str]) -> dict[str, list[tuple[int, str]]]:
        """Open files for the first time, all before the server says anything: it waits for more of each."""
        names = {(self.folder / name).as_uri(): name for name in texts}
        for uri, name in names.items():
            document = {"uri": uri, "languageId": "yaml", "version": 1, "text": texts[name]}
            self.notify("textDocument/didOpen", textDocument=document)
        found: dict[str, list[tuple[int, str]]] = {}
        while len(found) < len(names):
            said = self._read()
            params = said.get("params") or {}
            if said.get("method") == "textDocument/publishDiagnostics" and params["uri"] in names:
                lines = [(d["range"]["start"]["line"] + 1, d["message"]) for d in params["diagnostics"]]
                found[names[params["uri"]]] = sorted(lines)
        return found

    def completions(self, name: str, line: int, character: int) -> list[str]:
        """Return the labels that are offered at a place of an open file; line and character count from 0."""
        offered = self.request("textDocument/completion", **self._at(name, line, character))
        return [item["label"] for item in (offered["items"] if isinstance(offered, dict) else offered)]

    def hover(self, name: str, line: int, character: int) -> str:
        """Return the text that is shown over a place of an open file."""
        found = self.request("textDocument/hover", **self._at(name, line, character))
        contents = found["contents"] if found else ""
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def _at(self, name: str, line: int, character: int) -> dict[str, Any]:
        uri = (self.folder / name).as_uri()
        return {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}

    def request(self, method: str, **params: Any) -> Any:
        self.number += 1
        number = self.number
        self._send(id=number, method=method, params=params)
        while True:
            said = self._read()
            if said.get("id") == number and "method" not in said:
                assert "error" not in said, said
                return said.get("result")

    def notify(self, method: str, **params: Any) -> None:
        self._send(method=method, params=params)

    def _send(self, **message: Any) -> None:
        assert self.process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        """Read a message; the server's own requests are answered."""
        assert self.process.stdout
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server has ended"
        said: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "method" in said and "id" in said:
            known = said["method"] == "workspace/configuration"
            asked = [item.get("section", "") for item in said["params"]["items"]] if known else []
            self._send(id=said["id"], result=[self.settings.get(section) for section in asked] if known else None)
        return said
