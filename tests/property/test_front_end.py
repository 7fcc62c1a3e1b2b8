"""Whatever is written in a file, there is a diagnostic or a compiled file, and never a traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sagespec.checking import schema
from sagespec.compiling import workspace
from sagespec.compiling.workspace import Compilation
from sagespec.documents import compiled
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project
from sagespec.reading import source

from tests.conftest import RECORDED_LOCK, ROOT, vectors

KEYS = st.sampled_from(["apiVersion", "kind", "metadata", "spec", "name", "model", "tags", "networking", "x"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner), max_leaves=12)
VALID = [v["spec"] for v in vectors() if "requests" in v["expect"] and v["kind"] != "ModelTrainer"]
FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sagespec.lock.json").write_bytes(RECORDED_LOCK.read_bytes())
    shutil.copytree(RECORDED_LOCK.parent / "fixtures", tmp_path / "fixtures")  # which some functions are made of
    return tmp_path


def compile_text(folder: Path, name: str, content: bytes) -> Compilation:
    (folder / name).write_bytes(content)
    chosen, diagnostics = project_settings.choose(Project(root=folder), None, {})
    assert chosen is not None, diagnostics
    return workspace.compile(workspace.check(chosen, [folder / name]))


@FOLDER
@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_diagnostics(folder: Path, content: bytes) -> None:
    for name in ("a.yaml", "a.json"):
        compile_text(folder, name, content)


@FOLDER
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,?\n \t1.e~<", max_size=60))
def test_text_that_looks_like_yaml_ends_in_diagnostics(folder: Path, text: str) -> None:
    compile_text(folder, "a.yaml", text.encode())


@settings(max_examples=500)
@given(
    st.sampled_from(["a.yaml", "a.json"]),
    st.text(alphabet='ab:-[]{}&*!"1,#\n\r\x85\u2028\u2029 é😀\x07', max_size=40),
)
def test_every_place_is_in_the_file(name: str, text: str) -> None:
    lines = source.lines(name, text)
    for found in source.load(name, text.encode())[1]:
        assert found.column <= len(lines[found.line - 1]) + 1, found


@FOLDER
@given(DATA)
def test_arbitrary_documents_end_in_diagnostics(folder: Path, data: Any) -> None:
    done = compile_text(folder, "a.yaml", yaml.safe_dump(data).encode("utf-8", "surrogatepass"))
    assert all(d.line > 0 and d.column > 0 for d in done.diagnostics)


@FOLDER
@given(st.sampled_from(VALID), st.data())
def test_a_mutilated_spec_ends_in_diagnostics(folder: Path, spec: dict[str, Any], data: st.DataObject) -> None:
    broken = json.loads(json.dumps(spec))
    field = data.draw(st.sampled_from(sorted(broken["spec"])))
    broken["spec"][field] = data.draw(DATA.filter(lambda d: d == d))
    done = compile_text(folder, "a.yaml", yaml.safe_dump(broken).encode("utf-8", "surrogatepass"))
    assert done.failed or done.builds


@FOLDER
@given(st.sampled_from(VALID), st.randoms())
def test_key_order_and_comments_change_nothing(folder: Path, spec: dict[str, Any], random: Any) -> None:
    first = compile_text(folder, "a.yaml", yaml.safe_dump(spec).encode())
    shuffled = _shuffled(spec, random)
    text = yaml.safe_dump(shuffled, sort_keys=False).replace("\n", "  # comment\n", 1)
    second = compile_text(folder, "a.yaml", text.encode())
    assert [compiled.dump(b.compiled) for b in first.builds.values()] == [
        compiled.dump(b.compiled) for b in second.builds.values()
    ]
    assert first.builds


def _shuffled(data: Any, random: Any) -> Any:
    if isinstance(data, dict):
        keys = list(data)
        random.shuffle(keys)
        return {key: _shuffled(data[key], random) for key in keys}
    return [_shuffled(item, random) for item in data] if isinstance(data, list) else data


MODELS = ["huggingface-reasoning-qwen3-32b", "meta-textgeneration-llama-3-3-70b-instruct", "no-such-model"]
REFS = st.sampled_from([*MODELS, *({"ref": f"MultiTurnRLTrainer/{name}"} for name in "abcde")])


@FOLDER
@given(
    st.fixed_dictionaries({name: st.tuples(REFS, st.sampled_from(["fine", "not#fine", 5])) for name in "abcd"}),
    st.sets(st.sampled_from("abcd"), min_size=1),
)
def test_what_was_asked_for_is_built_or_has_an_error(folder: Path, specs: dict[str, Any], asked: set[str]) -> None:
    (folder / "specs").mkdir(exist_ok=True)
    (folder / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\n", "utf-8")
    for name, (model, tag) in specs.items():
        fields = {"model": model, "agent_env": "myRuntime-aBcDeFgHiJ", "training_dataset": "s3://my-bucket/t.jsonl"}
        spec = {"kind": "MultiTurnRLTrainer", "metadata": {"name": name}, "spec": {**fields, "tags": {"t": tag}}}
        (folder / "specs" / f"{name}.json").write_text(json.dumps({"apiVersion": "sagespec/v1", **spec}), "utf-8")
    found, _ = workspace.open_project(folder, None)
    chosen, _ = project_settings.choose(found or Project(root=folder), None, {})
    assert chosen is not None
    done = workspace.compile(workspace.check(chosen, [folder / "specs" / f"{name}.json" for name in asked]))
    wrong = {d.address for d in done.diagnostics if d.is_error}
    assert {f"MultiTurnRLTrainer/{name}" for name in asked} == {*done.builds, *wrong, *done.following}
    assert done.failed == bool(wrong or done.following)
    assert not wrong & set(done.builds)


def test_every_kind_has_an_example() -> None:
    kinds = {d["kind"] for f in (ROOT / "specs").glob("*.yaml") for d in yaml.safe_load_all(f.read_text("utf-8"))}
    assert kinds == set(schema.kinds())
