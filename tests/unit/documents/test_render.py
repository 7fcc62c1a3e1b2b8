"""Rendering: values never touch the text, and every place knows its field."""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec import assets
from sagespec.documents import render
from sagespec.documents.traced import Traced, origin, settle

NAMES = sorted(f.name.removesuffix(".json.j2") for f in assets.templates().glob("*.json.j2"))


def rendered(text: str) -> object:
    fields = Traced({"function_name": text, "environment": {"A": text}}, ("spec",))
    code = Traced({"ZipFile": text})
    document = render.render("CustomAgentLambda", spec=fields, role=fields.function_name, code=code, text=str)
    return settle(document)[0]


@given(st.text())
def test_any_text_arrives_unharmed(text: str) -> None:
    document = rendered(text)
    assert isinstance(document, dict)
    assert document["Role"] == text
    assert document["Environment"] == {"Variables": {"A": text}}
    assert set(document) == {"Code", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout"}


def test_every_place_knows_its_field() -> None:
    fields = Traced({"environment": {"A": "x"}, "timeout": 5}, ("spec",))
    role, code = Traced("r", ("spec", "role")), Traced({}, ("spec", "source"))
    document = render.render("CustomAgentLambda", spec=fields, role=role, code=code, text=str)
    _, provenance = settle(document)
    assert provenance["Role",] == ("spec", "role")
    assert origin(provenance, ("Environment", "Variables", "A")) == ("spec", "environment", "A")
    assert origin(provenance, ("Timeout",)) == ("spec", "timeout")


def test_a_variable_that_a_template_lacks_is_a_defect() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render.render("BenchMarkEvaluator")


@pytest.mark.parametrize("file", sorted(p.name for p in assets.templates().iterdir()))
def test_templates_never_bypass_the_tokens(file: str) -> None:
    text = (assets.templates() / file).read_text("utf-8")
    assert "safe" not in re.findall(r"\|\s*(\w+)", text)
    assert "tojson" not in text


def test_threads_render_at_the_same_time() -> None:
    before = sys.getswitchinterval()
    texts = [f"text-{number}" for number in range(400)]
    try:
        sys.setswitchinterval(1e-6)
        with ThreadPoolExecutor(4) as threads:
            documents = list(threads.map(rendered, texts))
    finally:
        sys.setswitchinterval(before)
    assert [document["Role"] for document in documents if isinstance(document, dict)] == texts
