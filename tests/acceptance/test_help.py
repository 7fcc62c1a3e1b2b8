"""The help of every command, and what shells complete."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from sagespec.cli import completing, exits, usage
from sagespec.cli.completion import SHELLS
from sagespec.cli.program import COMMANDS, cli
from sagespec.executor.runs import sorts

from tests.conftest import ROOT, Run


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by its path, and those below it."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        for inner, below in command.commands.items() if isinstance(command, click.Group) else ():
            yield f"{name} {inner}", below


PATHS = sorted(path for path, _ in commands())


def test_every_command_has_an_entry_and_no_other() -> None:
    assert sorted({*PATHS, ""}) == sorted(usage.USAGES)


@pytest.mark.parametrize("path", PATHS)
def test_help_has_examples_that_parse_and_exit_codes(
    path: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "docs" / "guides" / "policies", "policies")  # a folder that an example names
    shown = run(*path.split(), "--help").stdout
    entry = usage.USAGES[path]
    assert len({example for example, _ in entry.examples}) >= 2
    for example, what in entry.examples:
        assert f"  {example}\n      {what}\n" in shown
        parsed(example, path)
    for code in {*usage.ALWAYS, *entry.codes}:
        assert f"  {code:<4} {usage.MEANINGS[code]}" in shown


def test_every_exit_code_has_a_meaning() -> None:
    assert {*usage.MEANINGS} == {code for name, code in vars(exits).items() if name.isupper() and name[0] != "_"}


def parsed(example: str, path: str) -> None:
    """Parse an example as its command would; exits and errors of click fail the test."""
    words = shlex.split(example.removeprefix('eval "$(').removesuffix(')"'))
    assert words[: 1 + len(path.split())] == ["sagespec", *path.split()], example
    known: click.Command = cli
    context = click.Context(cli, info_name="sagespec", help_option_names=["-h", "--help"])
    words = words[1:]
    while isinstance(known, click.Group):
        name, *words = words
        below = known.get_command(context, name)
        assert below is not None, example
        known, context = below, click.Context(below, context, name)
    if "--help" not in words:
        known.make_context(path.split()[-1], words, context.parent)


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The examples of the repository as a project; the working directory."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    for name in ("sagespec.yaml", "sagespec.lock.json"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(run: Run, monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    """What bash is offered for the last of some words; nothing else may be written."""
    with monkeypatch.context() as patch:
        patch.setenv("_SAGESPEC_COMPLETE", "bash_complete")
        patch.setenv("COMP_WORDS", words)
        patch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        said = run()
    assert said.stderr == ""
    return said.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sagespec comp", ["plain,compile", "plain,completion"]),
        ("sagespec apply --wa", ["plain,--wait"]),
        ("sagespec plan MPI/", ["plain,MPI/eight-a-node"]),
        ("sagespec describe DPO", ["plain,DPOTrainer/helpful"]),
        ("sagespec diff MPI", ["plain,MPI/eight-a-node"]),
        ("sagespec plan -e ", ["plain,prod"]),
        ("sagespec plan specs/", ["file,specs/"]),
        ("sagespec catalog benchmarks mml", ["plain,mmlu", "plain,mmlu_pro"]),
        ("sagespec list --status Comp", ["plain,Completed", "plain,CompletedWithFailures"]),
        ("sagespec plan -o j", ["plain,json"]),
        ("sagespec schema torch", ["plain,Torchrun"]),
        ("sagespec completion z", ["plain,zsh"]),
    ],
)
def test_words_are_offered(
    words: str, offered: list[str], examples: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(run, monkeypatch, words) == offered


def test_models_are_those_of_the_lock(examples: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = completed(run, monkeypatch, "sagespec catalog hyperparameters huggingface-reasoning-qwen3-3")
    assert offered == ["plain,huggingface-reasoning-qwen3-32b"]


@pytest.mark.parametrize(
    "content", ["", "[", "kind: Project", "\x00", "apiVersion: sagespec/v1\nkind: Project\nspecs: 3\n"]
)
def test_a_broken_project_offers_nothing_and_says_nothing(
    content: str, examples: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (examples / "sagespec.yaml").write_text(content, "utf-8")
    (examples / "sagespec.lock.json").write_text("{", "utf-8")
    assert completed(run, monkeypatch, "sagespec plan -e p") == []
    assert completed(run, monkeypatch, "sagespec catalog hyperparameters h") == []
    completed(run, monkeypatch, "sagespec plan M")


def test_broken_specs_do_not_hide_the_others(examples: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (examples / "specs" / "broken.yaml").write_text("kind: [\n", "utf-8")
    (examples / "specs" / "list.yaml").write_text("- 1\n", "utf-8")
    assert completed(run, monkeypatch, "sagespec plan MPI") == ["plain,MPI/eight-a-node"]


@pytest.mark.parametrize("name", ["$(id)", "`id`", "a\\nplain,b", "a b", "*", "a;id", "\\u202ea", "'", "~"])
def test_names_that_a_shell_would_not_take_as_they_are_are_not_offered(
    name: str, examples: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = f'kind: MPI\nmetadata: {{name: "{name}"}}\n---\nkind: "{name}"\nmetadata: {{name: a}}\n'
    (examples / "specs" / "a.yaml").write_text(hostile, "utf-8")
    (examples / "compiled" / "X").mkdir(parents=True)
    (examples / "compiled" / "X" / f"{name}.json").touch()
    os.mkfifo(examples / "specs" / "b.yaml")  # which cannot be read, and hides nothing
    offered = completed(run, monkeypatch, "sagespec plan ")
    assert "plain,MPI/eight-a-node" in offered
    assert [word for word in offered if not re.fullmatch(r"plain,[A-Z]\w+/[\w-]+", word, re.ASCII)] == []
    assert "plain,MPI/b" not in offered


def test_statuses_are_those_of_all_sorts_of_runs() -> None:
    assert {*completing.STATUSES} == {status for sort in sorts.BY_NAME.values() for status in sort.STATUSES}


def test_completion_imports_nothing_slow(examples: Path) -> None:
    """A key press must not wait for boto3, rich or botocore."""
    code = (
        "import sys\nfrom sagespec.cli import program\n"
        "try:\n    program.run()\n"
        "finally:\n    print(sorted({'boto3', 'botocore', 'rich'} & {*sys.modules}), file=sys.stderr)\n"
    )
    path = {"PYTHONPATH": str(ROOT / "compiler"), "COMP_WORDS": "sagespec plan MPI", "COMP_CWORD": "2"}
    environment = {**os.environ, **path, "_SAGESPEC_COMPLETE": "bash_complete"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (said.stdout, said.stderr) == ("plain,MPI/eight-a-node\n", "[]\n")


def test_bash_completes(examples: Path, run: Run) -> None:
    """In a real bash: the function that the script defines fills COMPREPLY."""
    script = run("completion", "bash").stdout
    (examples / "bin").mkdir()
    program = examples / "bin" / "sagespec"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sagespec "$@"\n', "utf-8")
    program.chmod(0o755)
    line = (
        f"{script}\nCOMP_WORDS=(sagespec apply MPI); COMP_CWORD=2\n"
        "_sagespec_completion sagespec MPI apply\nprintf '%s\\n' \"${COMPREPLY[@]}\"\ncomplete -p sagespec\n"
    )
    environment = {
        **os.environ,
        "PATH": f"{examples / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "compiler"),
    }
    said = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert said.stdout.splitlines()[0] == "MPI/eight-a-node", said.stderr
    assert "-F _sagespec_completion sagespec" in said.stdout
    assert said.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_accepted_by_their_shells(shell: str, run: Run, tmp_path: Path) -> None:
    script = run("completion", shell).stdout
    assert "_SAGESPEC_COMPLETE" in script
    program = shutil.which(shell)
    assert program, f"{shell} is not installed: .ci/run installs it"
    (tmp_path / "script").write_text(script, "utf-8")
    said = subprocess.run([program, "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
