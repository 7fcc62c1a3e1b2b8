"""Words of the command line that name specs: paths, addresses, names, globs; in every command that takes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import LOCK, ROOT, Run

SPEC = """\
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: %s}
spec: {lambda_arn: 'arn:aws:lambda:us-west-2:123456789012:function:%s'}
"""
TORCHRUN = "apiVersion: sagespec/v1\nkind: Torchrun\nmetadata: {name: %s}\nspec: {}\n"


@pytest.fixture
def specs(project: Path, run: Run) -> Path:
    """One file with two specs and one with a third, whose name two specs have; compiled."""
    (project / "sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\nmetadata: {name: p}\ndefaults: {region: us-west-2}\n"
        "environments: {prod: {}}\n",
        "utf-8",
    )
    (project / "specs" / "a.yaml").write_text(f"{SPEC % ('one', 'one')}---\n{SPEC % ('two', 'two')}", "utf-8")
    (project / "specs" / "b.yaml").write_text(TORCHRUN % "one", "utf-8")
    run("compile")
    return project


def planned(run: Run, *words: str, code: int | None = 0) -> set[str]:
    listed = json.loads(run("plan", *words, "-o", "json", code=code).stdout)["files"]
    return {file["address"] for file in listed}


def test_plan_takes_what_names_compiled_files(specs: Path, aws: Sandbox, run: Run) -> None:
    both = {"CustomAgentLambda/one", "CustomAgentLambda/two"}
    assert planned(run, "CustomAgentLambda/one") == {"CustomAgentLambda/one"}
    assert planned(run, "two") == {"CustomAgentLambda/two"}
    for words in (
        ("specs/a.yaml",),
        ("CustomAgentLambda/*",),
        ("compiled/CustomAgentLambda",),
        ("two", "CustomAgentLambda/one"),
        ("compiled/CustomAgentLambda/one.json", "CustomAgentLambda/*"),
    ):
        assert planned(run, *words) == both, words
    assert planned(run, "specs") == planned(run) == {*both, "Torchrun/one"}


@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("apply", "--yes"),
        ("iam-policy", "--for", "apply"),
        ("validate",),
        ("compile",),
        ("graph",),
        ("lock",),
    ],
    ids=lambda words: words[0],
)
def test_every_command_refuses_wrong_names_alike(
    command: tuple[str, ...], specs: Path, aws: Sandbox, run: Run
) -> None:
    several = run(*command, "one", code=2).stderr
    assert several.startswith(
        "error: 2 specs are called 'one'\n    hint: write one of CustomAgentLambda/one, Torchrun/"
    )
    none = run(*command, "CustomAgentLambda/too", code=2).stderr
    assert "hint: did you mean 'CustomAgentLambda/two'?" in none
    assert "Traceback" not in none


def test_ambiguous_names_of_runs_are_refused_too(specs: Path, aws: Sandbox, run: Run) -> None:
    for command in ("status", "wait", "describe", "verify", "results"):
        assert "2 specs are called 'one'" in run(command, "one", code=2).stderr
    assert "name one of them" in run("describe", "CustomAgentLambda/*", code=1).stderr
    assert run("status", "two", "specs/b.yaml").stdout == (
        "CustomAgentLambda/two: runs nothing itself\nTorchrun/one: runs nothing itself\n"
    )


def test_a_spec_that_is_not_compiled(specs: Path, aws: Sandbox, run: Run) -> None:
    (specs / "compiled" / "CustomAgentLambda" / "two.json").unlink()
    for word in ("two", "CustomAgentLambda/two"):
        said = run("plan", word, code=1).stderr
        assert "CustomAgentLambda/two is not compiled: there is no compiled/CustomAgentLambda/two.json" in said
        assert "run `sagespec compile specs/a.yaml`" in said
    said = run("plan", "specs/a.yaml", code=1).stderr
    assert "specs/a.yaml is not compiled" in said
    assert "there is no compiled/CustomAgentLambda/two.json" in said
    assert "one.json" not in said
    of_prod = run("plan", "-e", "prod", "specs/b.yaml", code=1).stderr
    assert "specs/b.yaml is not compiled for the environment prod" in of_prod
    assert "`sagespec compile -e prod specs/b.yaml`" in of_prod


def test_a_spec_file_that_has_changed_since(specs: Path, aws: Sandbox, run: Run) -> None:
    """Who names the spec file means what is in it; who names the compiled file or the spec, what was reviewed."""
    file = specs / "specs" / "a.yaml"
    made = "spec: {handler: lambda_function.run, role: LambdaRole, source: agent.py, timeout: 30}\n"
    (specs / "specs" / "agent.py").write_text("def run(event, context):\n    return {}\n", "utf-8")
    file.write_text(file.read_text("utf-8").replace((SPEC % ("two", "two")).splitlines()[-1] + "\n", made), "utf-8")
    run("compile")
    file.write_text(file.read_text("utf-8").replace("timeout: 30", "timeout: 40"), "utf-8")
    said = run("plan", "specs/a.yaml", code=1).stderr
    assert "specs/a.yaml has changed since compiled/CustomAgentLambda/two.json was compiled" in said
    assert planned(run, "two", code=None) == {"CustomAgentLambda/two"}
    assert "warning: specs/a.yaml has changed since" in run("status", "specs/a.yaml").stderr
    file.write_text(file.read_text("utf-8").replace("timeout", "timeut"), "utf-8")
    assert "specs/a.yaml does not compile as it is now" in run("apply", "specs/a.yaml", "--yes", code=1).stderr


def test_a_path_that_exists_wins(specs: Path, aws: Sandbox, run: Run) -> None:
    (specs / "two").mkdir()
    assert "two: no compiled files here" in run("plan", "two", code=1).stderr
    assert planned(run, "CustomAgentLambda/two") == {"CustomAgentLambda/two"}
    assert "no such file or folder" in run("plan", "compiled/X/absent.json", code=1).stderr
    assert "`~` is replaced by the shell" in run("plan", "~/absent.json", code=1).stderr


def test_names_choose_among_the_specs_of_a_file(specs: Path, run: Run) -> None:
    """What is wrong with another spec of the file is not said, and does not stop this one."""
    file = specs / "specs" / "a.yaml"
    file.write_text(
        file.read_text("utf-8").replace("name: one}\nspec: {lambda_arn", "name: one}\nspec: {arn"), "utf-8"
    )
    assert run("validate", "two").stderr == "1 spec is valid\n"
    assert "1 unchanged" in run("compile", "CustomAgentLambda/two").stderr
    assert "unknown-key" in run("validate", "CustomAgentLambda/one", code=1).stderr
    assert json.loads(run("compile", "--stdout", "two", code=None).stdout)["metadata"]["address"].endswith("/two")


def test_the_project_file_is_checked_by_its_name(specs: Path, run: Run) -> None:
    assert run("validate", "sagespec.yaml").stderr == "sagespec.yaml is valid\n"
    text = (specs / "sagespec.yaml").read_text("utf-8")
    (specs / "sagespec.yaml").write_text(text.replace("prod: {}", "prod: {vales: {}}"), "utf-8")
    assert "sagespec.yaml:5:23: error[unknown-key]" in run("validate", "sagespec.yaml", code=1).stderr


def test_the_project_may_be_given_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """From another folder: the project's specs, names relative to where the user is."""
    folder = tmp_path / "there"
    shutil.copytree(ROOT / "specs", folder / "specs")
    for file in (ROOT / "sagespec.yaml", LOCK):
        shutil.copy(file, folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert "specs are valid" in run("validate", "--project", folder).stderr
    assert "created ../there/compiled/MPI/eight-a-node.json" in run("compile", "--project", "../there").stdout
    assert run("graph", "--project", folder, "eight-a-node", "-o", "json").stdout.count("MPI/eight-a-node") >= 1
    said = run("graph", "--project", "../here", code=2).stderr
    assert "there is no file ../here/sagespec.yaml" in said
