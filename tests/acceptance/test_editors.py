"""What editors show: the real yaml-language-server with the schemas that `schema --write` writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sagespec.checking import editor_schema, schema
from sagespec.project import starter
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Run
from tests.yaml_server import Server

FOLDER = ".sagespec/schemas"
EXAMPLES = sorted((ROOT / "specs").glob("*.yaml"))
MODELINE = re.compile(r"^# yaml-language-server: .*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests, of a project that associates the schema of all kinds by the place of a file."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / FOLDER).mkdir(parents=True)
    for name in editor_schema.names():
        (folder / FOLDER / f"{name}.json").write_text(json.dumps(editor_schema.load(name)), "utf-8")
    with Server(folder, {f"{FOLDER}/{editor_schema.ANY}.json": "specs/*.yaml"}) as started:
        yield started


def documents(file: Path) -> list[str]:
    return re.split(r"(?m)^---\n", MODELINE.sub("", file.read_text("utf-8")))


def test_the_examples_are_clean(server: Server) -> None:
    texts = {f"specs/{file.name}": MODELINE.sub("", file.read_text("utf-8")) for file in EXAMPLES}
    assert server.diagnose_all(texts) == {name: [] for name in texts}


def test_the_examples_are_clean_with_their_own_schema_lines() -> None:
    texts = {f"specs/{file.name}": file.read_text("utf-8") for file in EXAMPLES}
    with Server(ROOT) as server:
        assert server.diagnose_all(texts) == {name: [] for name in texts}


@pytest.mark.parametrize("by", ["place", "lines"])
def test_a_mistake_in_any_document_of_a_file_is_found(server: Server, by: str) -> None:
    """The last document that has fields is not the only one that is read, nor the first."""
    texts = [text for file in EXAMPLES for text in documents(file) if re.search("(?m)^kind:", text)]
    line = "" if by == "place" else f"# yaml-language-server: $schema=../{FOLDER}/{editor_schema.ANY}.json\n"
    folder = "specs" if by == "place" else "elsewhere"
    wholes: dict[str, str] = {}
    expected: dict[str, set[int]] = {}
    for wrong in range(len(texts)):
        name = f"{folder}/{wrong}.yaml"
        spoiled = [
            re.sub("(?m)^spec:( .*)?$", "spec: 7", text) if n == wrong else text for n, text in enumerate(texts)
        ]
        spoiled[wrong] = re.sub("(?ms)^spec: 7\n.*", "spec: 7\n", spoiled[wrong])
        wholes[name] = whole = "---\n".join(line + text for text in spoiled)
        expected[name] = {whole[: whole.index("\nspec: 7\n") + 1].count("\n") + 1}
    found = server.diagnose_all(wholes)
    assert {name: {at for at, _ in found[name]} for name in wholes} == expected


def test_values_mistakes_hover_and_completion(server: Server) -> None:
    text = """apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: a}
spec:
  training_image: image
  training_input_mode: Fil
  region: uswest
  nosuch: 1
  compute: {instance_type: "ml.${size}.large", instance_count: "${count}"}
  tags: "${tags}"
"""
    found = server.diagnose("specs/a.yaml", text)
    assert [(line, message.partition(".")[0]) for line, message in found] == [
        (6, "Value is not accepted"),
        (7, "expected a region such as us-west-2"),
        (8, "Property nosuch is not allowed"),
    ]
    assert server.completions("specs/a.yaml", 5, 23) == ["File", "FastFile", "Pipe"]
    assert "How input reaches the container." in server.hover("specs/a.yaml", 5, 5)
    started = "apiVersion: sagespec/v1\nkind: \n"
    server.diagnose("specs/b.yaml", started)
    assert set(server.completions("specs/b.yaml", 1, 6)) >= {*schema.kinds(), "Project"}


def test_schemas_are_written_and_their_age_is_told(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "missing or not up to date" in run("schema", "--write", FOLDER, "--check", code=1).stderr
    assert not (tmp_path / FOLDER).exists()
    count = len(editor_schema.names())
    assert run("schema", "--write", FOLDER).stderr == f"wrote {count} schemas to {FOLDER}\n"
    assert run("schema", "--write", FOLDER, "--check").stderr == f"{FOLDER} is up to date\n"
    (tmp_path / FOLDER / "MPI.json").write_text("{}")
    assert f"1 of {count} schemas" in run("schema", "--write", FOLDER, "--check", code=1).stderr
    run("schema", "--write", FOLDER)
    assert (tmp_path / FOLDER / "MPI.json").read_text("utf-8") == run("schema", "MPI").stdout
    assert run("schema").stdout == (tmp_path / FOLDER / f"{editor_schema.ANY}.json").read_text("utf-8")
    run("schema", "--check", code=2)


def test_check_jsonschema_agrees(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another reader of schemas, offline."""
    monkeypatch.chdir(tmp_path)
    run("schema", "--write", FOLDER)
    check = [sys.executable, "-m", "check_jsonschema"]
    files = sorted(map(str, (tmp_path / FOLDER).glob("*.json")))
    subprocess.run([*check, "--check-metaschema", *files], check=True, capture_output=True)
    single = [file for file in EXAMPLES if len(documents(file)) == 1]
    assert len(single) > 5
    shutil.copy(ROOT / "sagespec.yaml", tmp_path)
    by = ["--schemafile", f"{FOLDER}/{editor_schema.ANY}.json"]
    subprocess.run([*check, *by, *map(str, single), "sagespec.yaml"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def starters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The starters of all kinds by file, with lines that name the schemas."""
    return {kind: starter.write(kind, "first", schemas=f"../{FOLDER}") for kind in schema.kinds()}


def test_starters_are_clean_and_name_the_schema_of_every_document(server: Server, starters: dict[str, str]) -> None:
    right = {f"starters/{kind}.yaml": text for kind, text in starters.items()}
    wrong = {kind: re.sub("(?m)^  name: .*$", "  name: a b", text) for kind, text in starters.items()}
    found = server.diagnose_all(right | {f"wrong/{kind}.yaml": text for kind, text in wrong.items()})
    for kind, text in starters.items():
        assert text.count("# yaml-language-server: ") == text.count("\nkind: "), kind
        assert found[f"starters/{kind}.yaml"] == [], kind
        assert len({line for line, _ in found[f"wrong/{kind}.yaml"]}) == text.count("\nkind: "), kind


def test_init_names_schemas_only_where_they_are(project: Path, run: Run) -> None:
    assert "yaml-language-server" not in run("init", "MPI", "a", "--stdout").stdout
    run("schema", "--write", FOLDER)
    run("init", "MultiTurnRLTrainer", "a")
    text = (project / "specs" / "MultiTurnRLTrainer-a.yaml").read_text("utf-8")
    assert [line.split("=")[1] for line in text.splitlines() if "yaml-language-server" in line] == [
        f"../{FOLDER}/MultiTurnRLTrainer.json",
        f"../{FOLDER}/CustomAgentLambda.json",
    ]
    (project / FOLDER / "MPI.json").write_text("{}")
    assert f"{FOLDER} is not up to date" in run("init", "MPI", "b").stderr
    run("validate")
    run("compile", code=None)
    assert not list((project / "compiled").rglob("*.sagespec*"))


def addresses(project: Path) -> set[str]:
    texts = [file.read_text("utf-8") for file in (project / "specs").iterdir()]
    return {f"{d['kind']}/{d['metadata']['name']}" for text in texts for d in yaml.safe_load_all(text)}


@pytest.mark.parametrize("kind", [kind for kind in schema.kinds() if kind.endswith("Evaluator")])
@pytest.mark.parametrize("trainer", ["MultiTurnRLTrainer", "SFTTrainer"])
def test_an_evaluator_evaluates_the_trainer_that_is_there(
    kind: str, trainer: str, project: Path, aws: Sandbox, run: Run
) -> None:
    if trainer == "SFTTrainer" and kind == "MultiTurnRLEvaluator":
        trainer = "MultiTurnRLTrainer"  # it evaluates what it names itself: agents
    run("init", trainer, "there")
    before = addresses(project)
    run("init", kind, "judged")
    assert f"{{ref: {trainer}/there}}" in (project / "specs" / f"{kind}-judged.yaml").read_text("utf-8")
    after = addresses(project)
    assert after - before == {f"{kind}/judged"}
    run("lock", "--region", "us-west-2")
    run("compile")


def test_a_trainer_uses_the_agent_or_the_default_that_is_there(project: Path, run: Run) -> None:
    run("init", "CustomAgentLambda", "tools")
    text = run("init", "MultiTurnRLTrainer", "a", "--stdout").stdout
    assert "{ref: CustomAgentLambda/tools}" in text
    assert "---" not in text
    (project / "specs" / "CustomAgentLambda-tools.yaml").unlink()
    settings = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {agent_env: 'agent_a-0123456789'}\n"
    (project / "sagespec.yaml").write_text(settings)
    text = run("init", "MultiTurnRLTrainer", "a", "--stdout").stdout
    assert "  # agent_env:" in text
    assert "---" not in text
