"""What is written of a field for an editor, and that what is typed is not kept."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
from lsprotocol import types
from sagespec.review import explain, explained, reference
from sagespec.server import explanations, hover
from sagespec.server.completion import completing
from sagespec.server.completion.items import Client

from tests.unit.server.desk import FILES, Desk

PROJECT = """\
apiVersion: sagespec/v1
kind: Project
defaults: {region: us-west-2, %(word)s: 1}
environments:
  %(word)s: {values: {%(word)s: %(word)s}, %(word)s: 1}
  n%(word)s: {defaults: {role: %(word)s, compute: {%(word)s: 1}}}
"""
SPEC = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: n%(word)s}
spec:
  training_image: %(word)s
  role: %(word)s
  source_code: {source_dir: code, entry_script: %(word)s, %(word)s: 1}
  distributed: {ref: Torchrun/%(word)s}
  environment: {%(word)s: "${%(word)s}"}
  input_data_config:
    - {channel_name: %(word)s, data_source: ./%(word)s}
  hyperparameters: {%(word)s: %(word)s}
---
apiVersion: sagespec/v1
kind: K%(word)s
metadata: {name: %(word)s}
spec: {model: %(word)s, %(word)s: {%(word)s: 1}}
"""


@pytest.mark.parametrize("name", ["ModelTrainer", "ModelTrainer.compute", "Project.defaults"])
def test_it_is_what_explain_says(name: str) -> None:
    one = explain.named(name)
    assert isinstance(one, explain.Explanation)
    assert explanations.text(one, is_markdown=True).split("\n") == [*reference.field(one, "###")]
    assert explanations.text(one, is_markdown=False).split("\n") == ["".join(line) for line in explained.text(one, 0)]


KEPT = type(cache(len))


def sizes() -> dict[str, int]:
    """How much is in each cache of the package that has no bound."""
    modules = [module for name, module in [*sys.modules.items()] if name.startswith("sagespec.")]
    caches = {f"{m.__name__}.{name}": one for m in modules for name, one in vars(m).items() if isinstance(one, KEPT)}
    known = {name: one.cache_info() for name, one in caches.items()}
    return {name: info.currsize for name, info in known.items() if info.maxsize is None}


def type_all(root: Path, word: str) -> None:
    """Type documents with a word everywhere, and ask for hovers and completions at each of its places."""
    typed = {"sagespec.yaml": PROJECT % {"word": word}, "specs/typed.yaml": SPEC % {"word": word}}
    desk = Desk(root, {**FILES, **typed, "sagespec.yaml": FILES["sagespec.yaml"]})
    desk.sheets()  # of the project file before it is typed in
    desk.write("sagespec.yaml", typed["sagespec.yaml"])
    sheets = desk.sheets()
    for name, text in typed.items():
        start = text.find(word)
        while start >= 0:
            place, _ = desk.at(name, f"{text[:start]}|{text[start:]}", sheets)
            hover.answer(place, is_markdown=True)
            completing.answer(place, Client(types.MarkupKind.Markdown))
            start = text.find(word, start + 1)


def test_what_is_typed_makes_no_cache_larger_that_has_no_bound(tmp_path: Path) -> None:
    type_all(tmp_path, "first")
    before = sizes()
    assert before["sagespec.checking.schema.load"]
    type_all(tmp_path, "second")
    type_all(tmp_path, "third")
    assert sizes() == before
