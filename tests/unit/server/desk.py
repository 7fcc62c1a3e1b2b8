"""A project on disk, with positions in it, for tests of what the server answers."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types
from sagespec.memory import Memory
from sagespec.server.buffers import Buffers
from sagespec.server.examination import Examination, examine
from sagespec.server.navigation.renaming import Renaming
from sagespec.server.navigation.sheets import Document, Sheets
from sagespec.server.place import Place
from sagespec.server.positions import Text

PROJECT = """\
apiVersion: sagespec/v1
kind: Project
defaults:
  region: us-west-2
  default_bucket: ${bucket}
policies: [policy.json]
exceptions:
  - {policy: p, address: Torchrun/two, reason: none, until: 2999-01-01}
  - {policy: p, address: "ModelTrainer/other", reason: none, until: 2999-01-01}
environments:
  dev:
    values: {bucket: dev-bucket, which: two}
  prod:
    values:
      bucket: "prod-bucket"
      "path": s3://${bucket}/${ bucket }/$${bucket}
      which: other
    defaults: {role: "role-${bucket}"}
"""
LINE = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: line, description: "${spec.name} and ${spec.run}"}
spec:
  training_image: code/train.py
  source_code: {source_dir: code, entry_script: train.py}
  distributed: {ref: 'Torchrun/two'}
  environment: {WHERE: "${path}", "😀": "😀 ${bucket}", ENV: "${env}"}
  hyperparameters: rates.yaml
---
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: other}
spec:
  training_image: image
  distributed: {ref: "Torchrun/two"}
"""
TORCHRUN = """\
apiVersion: sagespec/v1
kind: Torchrun
metadata:
  name: two
spec: {process_count_per_node: 2}
"""
FILES = {
    "sagespec.yaml": PROJECT,
    "policy.json": "{}",
    "specs/line.yaml": LINE,
    "specs/torchrun.yaml": TORCHRUN,
    "specs/rates.yaml": 'rate: "${bucket}"\n',
    "specs/code/train.py": "",
}


class Desk:
    """A project, of whose files some may be open."""

    def __init__(self, root: Path, files: dict[str, str]) -> None:
        self.root, self.opened = root.resolve(), dict[str, str]()
        self.known: Examination | None = None
        for name, text in files.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())

    def read(self, name: str) -> str:
        return self.opened[name] if name in self.opened else (self.root / name).read_bytes().decode()

    def examined(self) -> Examination:
        return examine(
            self.root, Buffers({self.root / n: text.encode() for n, text in self.opened.items()}), None, Memory()
        )

    def sheets(self) -> Sheets:
        opened = {self.root / name: Document(f"file:{name}", 7, text) for name, text in self.opened.items()}
        now = self.examined()
        self.known = now if now.checked else self.known or now
        return Sheets(now, self.known, opened, "utf-16")

    def at(self, name: str, marked: str, sheets: Sheets | None = None) -> tuple[Place, Sheets]:
        """Stand where `marked`, without its `|`, is in a file: at the `|`."""
        text, found = Text(name, self.read(name), "utf-16"), sheets or self.sheets()
        start = text.text.index(marked.replace("|", "", 1))
        return Place(found.now, found.known, name, text, start + marked.index("|")), found

    def shown(self, location: types.Location) -> tuple[str, str]:
        """The file of a location, and the text there."""
        name = location.uri.removeprefix(self.root.as_uri() + "/").removeprefix("file:")
        text = Text(name, self.read(name), "utf-16")
        return name, text.text[text.offset(location.range.start) : text.offset(location.range.end)]

    def edit(self, made: Renaming) -> None:
        """Make edits, in the documents that are open, and on the disk."""
        for name, edits in made.edits.items():
            text, mark = self.read(name), self.read(name).startswith("\ufeff")
            for edit in reversed(edits):
                text = text[: edit.start + mark] + edit.text + text[edit.end + mark :]
            if name in self.opened:
                self.opened[name] = text
            else:
                self.write(name, text)
