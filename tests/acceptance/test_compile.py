"""Compiling as a user sees it: files, changes, checks, orphans, the same bytes everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from sagespec.checking import schema
from sagespec.compiling import source_map
from sagespec.compiling.source_map import Sources
from sagespec.diagnostics import Problem
from sagespec.executor import files

from tests.conftest import LOCK, ROOT, Run


@pytest.fixture
def example(project: Path) -> Path:
    spec = project / "specs" / "a.yaml"
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", spec)
    return spec


def test_compile_writes_updates_and_removes(example: Path, run: Run) -> None:
    assert run("compile").stdout == "created compiled/MultiTurnRLTrainer/support-agent.json\n"
    assert run("compile").stdout == ""
    example.write_text(example.read_text("utf-8").replace("max_epochs: 2", "max_epochs: 3"), "utf-8")
    assert run("compile").stdout == "updated compiled/MultiTurnRLTrainer/support-agent.json\n"
    example.unlink()
    assert run("compile").stdout == "removed compiled/MultiTurnRLTrainer/support-agent.json\n"


def test_check_writes_nothing_and_shows_a_diff(example: Path, run: Run) -> None:
    assert "+++ b/compiled/" in run("compile", "--check", code=1).stdout
    assert not Path("compiled").exists()
    run("compile")
    run("compile", "--check")
    example.write_text(example.read_text("utf-8").replace("max_epochs: 2", "max_epochs: 3"), "utf-8")
    assert re.search(r'\+ +"max_epochs": "3"', run("compile", "--check", code=1).stdout)


def test_orphans_stay_while_anything_is_wrong_and_foreign_files_always(example: Path, run: Run) -> None:
    run("compile")
    foreign = Path("compiled/MultiTurnRLTrainer/mine.json")
    foreign.write_text("{}", "utf-8")
    example.write_text("apiVersion: [", "utf-8")
    run("compile", code=1)
    assert Path("compiled/MultiTurnRLTrainer/support-agent.json").exists()
    example.unlink()
    run("compile")
    assert [p.name for p in foreign.parent.iterdir()] == ["mine.json"]


def test_what_apply_would_stumble_over_is_told(example: Path, run: Run) -> None:
    run("compile")
    file = Path("compiled/MultiTurnRLTrainer/support-agent.json")
    shutil.copy(file, file.with_name("copy.json"))
    changed = file.with_name("old.json")
    changed.write_text(file.read_text("utf-8").replace("us-west-2", "us-east-1"), "utf-8")
    for words, code, word in ((("compile",), 0, "warning"), (("compile", "--check"), 1, "error")):
        said = run(*words, code=code).stderr
        assert f"{file.with_name('copy.json')}:1:1: {word}[out-of-date]: foreign: copy.json is not of this" in said
        assert f"{changed}:1:1: {word}[out-of-date]" in said
    assert "copy.json: is not at its own path" in run("plan", code=1).stderr
    assert "delete it" not in run("compile", example, "--check").stderr


def test_compiled_files_are_not_written_where_specs_are_looked_for(example: Path, run: Run) -> None:
    assert "make it the project's `output`" in " ".join(run("compile", "--out", "specs/out", code=2).stderr.split())
    assert not Path("specs/out").exists()


def test_names_that_differ_in_case_alone_are_near(project: Path, run: Run) -> None:
    run("init", "MPI", "one")
    assert "MPI/one already exists" in run("init", "MPI", "ONE", code=1).stderr
    spec = next(Path("specs").iterdir())
    spec.write_text(spec.read_text("utf-8").replace("kind: MPI", "kind: mpi"), "utf-8")
    assert "did you mean 'MPI'?" in run("validate", code=1).stderr


def test_a_ref_that_is_misspelt_is_not_meant_for_the_spec_itself(example: Path, run: Run) -> None:
    text = example.read_text("utf-8")
    model = "model: huggingface-reasoning-qwen3-32b"
    assert model in text
    example.write_text(text.replace(model, "model: {ref: MultiTurnRLTrainer/support-agents}"), "utf-8")
    said = run("validate", code=1).stderr
    assert "unknown-ref" in said
    assert "did you mean" not in said


def test_a_compile_of_some_paths_removes_nothing(example: Path, run: Run) -> None:
    run("compile")
    other = Path("specs/b.yaml")
    other.write_text(example.read_text("utf-8").replace("support-agent", "other"), "utf-8")
    example.unlink()
    run("compile", "specs/b.yaml")
    assert len(list(Path("compiled/MultiTurnRLTrainer").iterdir())) == 2


def test_valid_specs_are_written_beside_invalid_ones(example: Path, run: Run) -> None:
    Path("specs/b.yaml").write_text(
        example.read_text("utf-8").replace("support-agent", "b").replace("qwen3", "qwenx"), "utf-8"
    )
    assert "created" in run("compile", code=1).stdout
    assert [p.name for p in Path("compiled/MultiTurnRLTrainer").iterdir()] == ["support-agent.json"]


def test_stdout_prints_one_and_writes_nothing(example: Path, run: Run) -> None:
    printed = run("compile", "--stdout", "MultiTurnRLTrainer/support-agent").stdout
    assert not Path("compiled").exists()
    run("compile")
    assert printed == Path("compiled/MultiTurnRLTrainer/support-agent.json").read_text("utf-8")
    jsonschema.validate(json.loads(printed), schema.load("Compiled"))
    assert "no spec is called" in run("compile", "--stdout", "MultiTurnRLTrainer/x", code=2).stderr


def test_stdout_says_all_that_is_wrong(example: Path, run: Run) -> None:
    text = example.read_text("utf-8").replace("support-agent", "b").replace("qwen3", "qwenx")
    Path("specs/b.yaml").write_text(text, "utf-8")
    result = run("compile", "--stdout", "MultiTurnRLTrainer/support-agent", code=1)
    assert json.loads(result.stdout)["kind"] == "Compiled"
    assert "qwenx" in result.stderr
    result = run("compile", "--stdout", "MultiTurnRLTrainer/suport-agent", code=2)
    assert "did you mean 'MultiTurnRLTrainer/support-agent'?" in result.stderr
    assert "qwenx" in result.stderr
    assert "no spec is called" not in run("compile", "--stdout", "MultiTurnRLTrainer/b", code=1).stderr
    Path("specs/b.yaml").write_text(text.replace("agent_env", "agent_envv"), "utf-8")
    assert "no spec is called" not in run("compile", "--stdout", "MultiTurnRLTrainer/b", code=1).stderr


@pytest.mark.parametrize("other", [["--check"], ["--out", "x"], ["--format", "json"]])
def test_stdout_stands_alone(example: Path, run: Run, other: list[str]) -> None:
    message = run("compile", "--stdout", "MultiTurnRLTrainer/support-agent", *other, code=2).stderr
    assert f"--stdout and {' '.join(other) if 'json' in other else other[0]} exclude each other" in message


def test_a_machine_format_has_stdout_to_itself(example: Path, run: Run) -> None:
    result = run("compile", "--check", "--format", "json", code=1)
    assert [d["rule"] for d in json.loads(result.stdout)["diagnostics"]] == ["out-of-date"]
    assert "+++ b/compiled/" in result.stderr


def test_values_of_the_command_line_win_over_those_of_the_environment(example: Path, run: Run) -> None:
    example.write_text(example.read_text("utf-8").replace("max_epochs: 2", "max_epochs: ${epochs}"), "utf-8")
    Path("sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\nenvironments: {dev: {values: {epochs: 3, twice: '${epochs}'}}}\n",
        "utf-8",
    )
    for given, epochs in ((), "3"), (("-D", "epochs=4"), "4"):
        text = run("compile", "-e", "dev", *given, "--stdout", "MultiTurnRLTrainer/support-agent").stdout
        assert f'"max_epochs": "{epochs}"' in text


def test_one_path_compiles_with_what_it_refers_to(project: Path, run: Run) -> None:
    shutil.copytree(ROOT / "specs", project / "specs", dirs_exist_ok=True)
    (project / "sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\n", "utf-8")
    shown = run("compile", "specs/multi-turn-rl-evaluator.yaml").stdout
    assert shown == "created compiled/MultiTurnRLEvaluator/support-agent-episodes.json\n"


def test_a_comment_a_description_and_a_tag_change_no_identity(example: Path, run: Run) -> None:
    def identity() -> str:
        text = run("compile", "--stdout", "MultiTurnRLTrainer/support-agent").stdout
        return str(json.loads(text)["metadata"]["identity"])

    first = identity()
    text = example.read_text("utf-8")
    example.write_text("# words\n" + text.replace("An agent", "One agent") + "  tags: {a: b}\n", "utf-8")
    assert identity() == first
    example.write_text(text.replace("group_size: 16", "group_size: 8\n    max_steps: 70"), "utf-8")
    assert identity() != first


def test_retraining_gives_evaluations_new_identities(project: Path, run: Run) -> None:
    shutil.copytree(ROOT / "specs", project / "specs", dirs_exist_ok=True)

    def identity() -> str:
        text = run("compile", "--stdout", "MultiTurnRLEvaluator/support-agent-episodes").stdout
        return str(json.loads(text)["metadata"]["identity"])

    first = identity()
    spec = project / "specs" / "multi-turn-rl-trainer.yaml"
    spec.write_text(
        spec.read_text("utf-8").replace("  name: support-agent", "  name: support-agent\n  run: 2"), "utf-8"
    )
    assert identity() != first


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"}, {"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "2"}],
)
def test_the_same_bytes_on_every_machine(tmp_path: Path, environment: dict[str, str]) -> None:
    for name in ("one", "two/deeper"):
        shutil.copytree(ROOT / "specs", tmp_path / name / "specs")
        shutil.copy(LOCK, tmp_path / name)
    reference = _compile(tmp_path / "one", {"PYTHONHASHSEED": "0"})
    assert _compile(tmp_path / "two" / "deeper", environment) == reference
    assert len(reference) == sum(f.read_text("utf-8").count("\nkind: ") for f in (ROOT / "specs").glob("*.yaml"))


def _compile(folder: Path, environment: dict[str, str]) -> dict[str, bytes]:
    command = [sys.executable, "-m", "sagespec", "compile"]
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "compiler"), **environment},
        check=True,
        capture_output=True,
    )
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in (folder / "compiled").rglob("*.json")}


@pytest.mark.parametrize("style", ["json", "github", "sarif", "junit"])
def test_machine_formats_go_to_stdout(example: Path, run: Run, style: str) -> None:
    example.write_text(example.read_text("utf-8").replace("agent_env", "agent_envv"), "utf-8")
    result = run("validate", "--format", style, code=1)
    assert "agent_envv" in result.stdout
    assert result.stderr == ""
    assert "did you mean 'agent_env'?" in result.stdout.replace("&apos;", "'")


@pytest.mark.parametrize(("style", "said"), [("text", ""), ("github", ""), ("json", '{\n  "diagnostics": []\n}\n')])
def test_where_nothing_is_wrong_nothing_is_said(example: Path, run: Run, style: str, said: str) -> None:
    assert run("validate", "--format", style).stdout == said


def test_json_diagnostics_have_the_promised_members(example: Path, run: Run) -> None:
    example.write_text(example.read_text("utf-8").replace("agent_env", "agent_envv"), "utf-8")
    found = json.loads(run("compile", "--format", "json", code=1).stdout)["diagnostics"]
    assert [d["rule"] for d in found] == ["unknown-key"]
    wanted = {
        "rule",
        "severity",
        "message",
        "hint",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "path",
        "address",
    }
    assert all(set(d) == wanted for d in found)


def test_a_compile_of_valid_specs_imports_no_slow_library(example: Path) -> None:
    run = "cli.main(['compile'], standalone_mode=False)"
    code = f"import sys; from sagespec.cli.program import cli; {run}; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert not {"boto3", "botocore", "rich", "moto", "requests", "jsonschema"} & set(result.stdout.split())


def test_unknown_commands_and_options_are_wrong_command_lines(project: Path, run: Run) -> None:
    assert "did you mean 'compile'?" in run("compiel", code=2).stderr
    run("compile", "-D", "novalue", code=2)
    run("compile", "--nope", code=2)
    run("schema", "Nope", code=2)


@pytest.mark.parametrize("given", ["env=q", "spec.name=x", "a=${nope}", "a=${a}", "a", "a=[1", "a=1\n---\n2"])
def test_values_that_cannot_be_given_are_a_wrong_command_line(example: Path, run: Run, given: str) -> None:
    Path("sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\nenvironments: {p: {}}\n", "utf-8")
    for environment in ([], ["-e", "p"]):
        assert "Invalid value for -D" in run("compile", *environment, "-D", given, code=2).stderr
    assert not Path("compiled").exists()


def test_a_value_that_nothing_uses_is_a_wrong_command_line(example: Path, run: Run) -> None:
    example.write_text(example.read_text("utf-8").replace("max_epochs: 2", "max_epochs: ${epochs}"), "utf-8")
    text = "apiVersion: sagespec/v1\nkind: Project\nenvironments: {p: {values: {epochs: 3, unused: 4}}}\n"
    Path("sagespec.yaml").write_text(text, "utf-8")
    for command in ("compile", "validate"):
        said = run(command, "-e", "p", "-D", "epoch=4", code=2).stderr
        assert "nothing uses a value 'epoch': did you mean 'epochs'?" in said
    assert not Path("compiled").exists()
    run("validate", "-D", "epochs=${more}", "-D", "more=4")
    run("validate", "-e", "p", "-D", "unused=4")
    example.write_text(example.read_text("utf-8").replace("${epochs}", "${epohcs}"), "utf-8")
    assert "no value is called 'epohcs'" in run("validate", "-D", "epochs=4", code=1).stderr


def test_init_writes_into_the_first_folder_of_specs(project: Path, run: Run) -> None:
    elsewhere = project / "elsewhere"
    specs = json.dumps(["specs/a.yaml", str(elsewhere)])
    Path("sagespec.yaml").write_text(f"apiVersion: sagespec/v1\nkind: Project\nspecs: {specs}\n", "utf-8")
    assert run("init", "torchrun", "x").stderr == "wrote elsewhere/Torchrun-x.yaml\n"
    assert "already exists" in run("init", "torchrun", "x", code=1).stderr
    Path("sagespec.yaml").write_text("apiVersion: sagespec/v1\nkind: Project\nspecs: [specs/a.yaml]\n", "utf-8")
    assert "no folder to write into" in run("init", "torchrun", "x", code=1).stderr
    assert "did you mean 'Torchrun'?" in run("init", "torchrunn", "x", code=2).stderr


def test_kinds_are_completed_as_they_are_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COMP_WORDS", "sagespec init mo"), ("COMP_CWORD", "2")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_SAGESPEC_COMPLETE", "bash_complete")
    assert run().stdout == "plain,ModelTrainer\n"


def test_a_diff_shows_what_is_no_text_and_a_missing_end(example: Path, run: Run) -> None:
    example.write_text(
        example.read_text("utf-8").replace("s3://my-bucket/support/train.jsonl", '"s3://my-bucket/\\u2028"'), "utf-8"
    )
    added = run("compile", "--check", code=1).stdout.splitlines()
    assert all(line.startswith(("+", "@@", "---")) for line in added)
    run("compile")
    made = Path("compiled/MultiTurnRLTrainer/support-agent.json")
    whole = made.read_text("utf-8")
    made.write_text(f"\x1b[31m{whole}", "utf-8")
    assert "\n-\\x1b[31m{\n" in run("compile", "--check", code=1).stdout
    made.write_text(whole.rstrip("\n"), "utf-8")
    assert run("compile", "--check", code=1).stdout.endswith("\n-}\n\\ No newline at end of file\n+}\n")


def test_only_what_reads_specs_needs_the_account_of_an_environment(example: Path, run: Run) -> None:
    text = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {account: '${account}'}\n"
    text += "environments: {p: {values: {account: '123456789012'}}}\n"
    Path("sagespec.yaml").write_text(text, "utf-8")
    run("init", "Torchrun", "fresh")
    assert "no value is called 'account'" in run("compile", code=1).stderr
    assert "created" in run("compile", "-e", "p").stdout


def test_schemas_are_whole_in_themselves(run: Run) -> None:
    for kind in schema.kinds():
        jsonschema.Draft202012Validator.check_schema(json.loads(run("schema", kind).stdout))


def test_every_property_says_what_it_is() -> None:
    def walk(tree: object, place: str) -> None:
        if isinstance(tree, dict):
            for name, inner in tree.get("properties", {}).items() if isinstance(tree.get("properties"), dict) else ():
                assert inner.get("description"), f"{place}.{name}"
            assert "pattern" not in tree or isinstance(tree["pattern"], dict) or "x-message" in tree, place
            for key, inner in tree.items():
                walk(inner, f"{place}.{key}")

    for name in schema.names():
        found = schema.load(name)
        walk(found["$defs"]["envelope"] if name == "Compiled" else found, name)  # below are AWS's own members


@pytest.mark.parametrize(
    "after", ["environments: {q: {}}", "environments: {", "environments: {p: {values: {a: '${b}'}}}"]
)
def test_what_aws_says_is_told_whatever_became_of_the_project(example: Path, run: Run, after: str) -> None:
    text = "apiVersion: sagespec/v1\nkind: Project\n"
    Path("sagespec.yaml").write_text(f"{text}environments: {{p: {{}}}}\n", "utf-8")
    run("compile", "-e", "p")
    (file,) = files.read([Path("compiled/p")]).files.values()
    at = source_map.member(file.requests[-1], "max_epochs must be 1")
    found = source_map.locate(file.content, "job", at, Problem("aws", "no"), Sources([file.content], Path(), None))
    assert found is not None
    assert (found.file, found.path) == ("specs/a.yaml", "spec.hyperparameters.max_epochs")
    Path("sagespec.yaml").write_text(f"{text}{after}\n", "utf-8")
    assert (
        source_map.locate(file.content, "job", at, Problem("aws", "no"), Sources([file.content], Path(), None))
        is None
    )


def test_policies_must_hold(example: Path, run: Run, project: Path) -> None:
    (project / "sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\npolicies: [policies/*.json]\n", "utf-8"
    )
    (project / "policies").mkdir()
    policy = {"properties": {"metadata": {"properties": {"account": {"const": "999999999999"}}}}}
    (project / "policies" / "account.json").write_text(json.dumps(policy), "utf-8")
    assert "error[policy]" in run("compile", code=1).stderr
