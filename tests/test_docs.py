"""Every block of the documents is run: files are written, commands executed, their output compared.

`...` in the expected output stands for anything, also for several lines when it is a line of its own. Diagrams are
parsed by the Mermaid that draws them in the site; one after `<!-- output: COMMAND -->` is compared with what that
prints.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sagespec.cli.program import COMMANDS

from tests.conftest import LOCK, ROOT
from tests.test_architecture import PACKAGE, STAGES
from tools import write_assistants, write_formats, write_permissions

SKILL = ROOT / "skills" / "sagespec" / "SKILL.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", SKILL, *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = {
    "docs/reference/rules.md": "tests/acceptance/test_rules.py compiles its examples",
    "docs/reference/commands.md": "tests/test_architecture.py compares it with the help of the commands",
    "docs/reference/project.md": "tests/acceptance/test_explain.py compares it with the schema",
    **{
        f"docs/reference/kinds/{path.name}": "tests/acceptance/test_explain.py compiles its example"
        for path in (ROOT / "docs" / "reference" / "kinds").glob("*.md")
    },
}
"""Pages that a tool writes, whose blocks are tested where they come from."""
BLOCK = re.compile(
    r"(?:<!-- (?:file: (?P<file>\S+)|output: (?P<command>[^\n]+)) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
FOLLOWED = {"compare", "concepts", "guides", "operate", "start"}
"""Folders of pages that a reader may follow in a folder of their own."""
HAVE_NONE = {
    "docs/start/pull-request.md": "it continues in the folder of another page",
    "docs/operate/security.md": "its project file names account and region",
}
"""Pages that compile, and say nothing of a lock."""
FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
MERMAID = ROOT / "docs" / "vendor" / "mermaid.js"


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path) -> Iterator[re.Match[str]]:
    return BLOCK.finditer(document.read_text("utf-8"))


def executed() -> Iterator[Any]:
    """The documents whose blocks are run here; those with a sandbox take longest."""
    for document in DOCUMENTS:
        if name(document) not in WRITTEN:
            slow = re.search(r"^\$ sagespec (?:sandbox|.*--sandbox)", document.read_text("utf-8"), re.MULTILINE)
            yield pytest.param(name(document), marks=[pytest.mark.slow] if slow else [])


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


COLD = "docs/guides/projects.md"
"""The page whose commands start as a user's do, and import what they need."""


@pytest.fixture
def shell(tmp_path: Path, sagespec: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with the recorded lock, and `sagespec` on the path."""
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "sagespec"
    if request.node.callspec.params.get("document") == COLD:
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sagespec "$@"\n', "utf-8")
        script.chmod(0o755)
    else:
        script.symlink_to(sagespec)
    return tmp_path


def execute(command: str, folder: Path) -> str:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "compiler"), "NO_COLOR": "1"}
    run = ["/bin/sh", "-c", command]
    out, both = subprocess.PIPE, subprocess.STDOUT
    result = subprocess.run(run, cwd=folder, env=environment, stdout=out, stderr=both, text=True, check=False)
    return result.stdout + (f"[exit {result.returncode}]\n" if result.returncode else "")


def matches(expected: str, output: str) -> bool:
    parts = [".*".join(re.escape(p) for p in line.split("...")) for line in ("\n" + expected).split("\n")]
    pattern = "\n".join(parts).replace("\n.*\n", "\n(?:.*\n)*?")
    return re.fullmatch(pattern, "\n" + output) is not None


@pytest.mark.parametrize("document", [*executed()])
def test_blocks_do_what_they_say(document: str, shell: Path) -> None:
    for block in blocks(ROOT / document):
        language, text = block["language"], block["text"]
        if block["file"]:
            target = shell / block["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            continue
        if language == "mermaid":
            if block["command"]:
                assert execute(block["command"], shell) == text, block["command"]
            continue  # all are parsed below
        assert language in ("console", "sh"), f"a block of {language} that nothing runs"
        if language == "sh":
            for line in text.splitlines():
                make = line.split("#")[0].split()
                subprocess.run([*make, "--dry-run"], cwd=ROOT, check=True, capture_output=True)
            continue
        for command, expected in commands(text):
            if "specs/broken.yaml" not in command:
                (shell / "specs" / "broken.yaml").unlink(missing_ok=True)
            output = execute(command, shell)
            assert matches(expected, output), f"$ {command}\n{output}"


@pytest.mark.parametrize("document", [name(d) for d in DOCUMENTS if name(d) not in WRITTEN])
def test_no_block_is_overlooked(document: str) -> None:
    """A block without a language, or one that is indented, would be run by nothing."""
    fences = FENCE.findall((ROOT / document).read_text("utf-8"))
    assert len(fences) == 2 * len([*blocks(ROOT / document)])


@pytest.mark.parametrize(
    "document", [name(d) for d in DOCUMENTS if d.parent.name in FOLLOWED and name(d) not in HAVE_NONE]
)
def test_a_page_that_compiles_says_first_how_to_get_a_lock(document: str) -> None:
    """Blocks are run here beside a lock; whoever follows a page begins without one."""
    text = (ROOT / document).read_text("utf-8")
    commands = r"^(\$ (.*&& )?|<!-- output: )sagespec (apply|compile|diff|graph|plan|run|validate)\b"
    first = re.search(commands, text, re.MULTILINE)
    assert first is None or "sagespec sandbox -- sagespec lock" in text[: first.start()]


def test_every_diagram_can_be_drawn() -> None:
    diagrams = {"broken": "flowchart LR\n  a[no end --> b\n"}
    for document in DOCUMENTS:
        drawn = [block["text"] for block in blocks(document) if block["language"] == "mermaid"]
        diagrams |= {f"{name(document)}, diagram {number}": text for number, text in enumerate(drawn, 1)}
    run = ["node", str(ROOT / "tests" / "mermaid.mjs"), str(MERMAID)]
    result = subprocess.run(run, input=json.dumps(diagrams), capture_output=True, text=True, check=True)
    errors = json.loads(result.stdout)
    assert errors.pop("broken").startswith("Parse error on line")
    assert not errors


def test_the_readme_is_short_and_starts_with_a_mistake() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) < 150
    assert any("error[" in line for line in lines[:30])


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / link).exists(), f"{name(document)}: {link}"


def test_the_architecture_is_that_of_the_tree() -> None:
    """Its table has every stage, in the order of the layers, and the drivers, which stand alone."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix in ("", ".py") and not path.name.startswith("_")}
    assert named == [*(stage for stage in STAGES if stage in there and stage != "data"), "drivers"]
    assert {*named, "data"} == there


PATH = re.compile(r"`((?:compiler|schemas|templates|tests|docs|specs|tools)/[\w./-]*|\w+/\w+\.py)`")


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_paths_of_the_documents_exist(document: str) -> None:
    found = PATH.findall((ROOT / document).read_text("utf-8"))
    assert len(found) > 10
    for path in found:
        pattern = re.sub("KIND|NAME|SORT", "*", path).rstrip("/")
        assert any(ROOT.glob(pattern)) or any(PACKAGE.glob(pattern)), path


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(command: str, sagespec: Path) -> None:
    result = subprocess.run([sagespec, command, "--help"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("Usage: sagespec")


def test_commands_in_the_documents_exist() -> None:
    for document in DOCUMENTS:
        for command in re.findall(r"`sagespec ([a-z-]+)", document.read_text("utf-8")):
            assert command in COMMANDS, f"{document.name}: sagespec {command}"


def test_the_permissions_are_as_generated() -> None:
    assert write_permissions.PAGE.read_text("utf-8") == write_permissions.text(), "run tools/write_permissions.py"


def test_the_formats_are_as_generated() -> None:
    assert write_formats.PAGE.read_text("utf-8") == write_formats.text(), "run tools/write_formats.py"


@pytest.mark.parametrize("path", write_assistants.texts(), ids=lambda path: path.name)
def test_what_assistants_read_is_as_written(path: Path) -> None:
    assert path.read_text("utf-8") == write_assistants.texts()[path], "run tools/write_assistants.py"
