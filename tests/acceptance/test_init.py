"""`init Project` and `init --editor`: what they write is read by those that it is for, and nobody's text is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from sagespec.checking import editor_schema
from sagespec.project import editor_settings, project_starter
from sagespec.project.project_starter import HOOKS, WORKFLOW

from tests.conftest import Run
from tests.language_clients import neovim
from tests.yaml_server import SERVER, Server

WRONG = "apiVersion: sagespec/v1\nkind: MPI\nmetadata: {name: a}\nspec:\n  process_count_per_node: many\n"
EDITORS = sorted(editor_settings.EDITORS)
SCHEMA = editor_settings.SCHEMA


def written(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text("utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not {".git", ".sagespec"} & set(file.parts)
    }


def schemas(editor: str, folder: Path) -> dict[str, list[str]]:
    """The association of schemas that the settings of an editor hand to yaml-language-server."""
    if editor == "vscode":
        found: Any = json.loads((folder / ".vscode/settings.json").read_text("utf-8"))["yaml.schemas"]
    else:
        settings = json.loads((folder / ".zed/settings.json").read_text("utf-8"))
        found = settings["lsp"]["yaml-language-server"]["settings"]["yaml"]["schemas"]
    return {name.removeprefix("./"): patterns for name, patterns in found.items()}


def test_a_project_is_one_that_git_and_ci_know(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir(tmp_path / "jobs")
    run("init", "Project", "sums")
    first = written(tmp_path)
    assert sorted(first) == [
        ".github/workflows/sagespec.yaml",
        ".pre-commit-config.yaml",
        "jobs/.gitattributes",
        "jobs/sagespec.yaml",
    ]
    assert yaml.safe_load(first["jobs/sagespec.yaml"])["metadata"] == {"name": "sums"}
    (hooks,) = yaml.safe_load(first[".pre-commit-config.yaml"])["repos"]
    assert [hook["id"] for hook in hooks["hooks"]] == ["sagespec-validate", "sagespec-compile-check"]
    assert {tuple(hook["args"]) for hook in hooks["hooks"]} == {("--project", "jobs/sagespec.yaml")}
    step = yaml.safe_load(first[".github/workflows/sagespec.yaml"])["jobs"]["review"]["steps"][-1]
    assert step["uses"] == f"{project_starter.REPOSITORY}@{hooks['rev']}"
    assert step["with"]["project"] == "jobs/sagespec.yaml"
    said = subprocess.run(
        [
            "git",
            "check-attr",
            "eol",
            "linguist-generated",
            "--",
            "jobs/compiled/prod/MPI/a.json",
            "jobs/specs/a.yaml",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "a.json: eol: lf" in said
    assert "a.json: linguist-generated: set" in said
    assert "a.yaml: eol: unspecified" in said
    run("init", "Project", "sums")
    assert written(tmp_path) == first


def test_the_comments_of_a_project_file_are_settings(project: Path, run: Run) -> None:
    run("init", "Project", "sums")
    text = (project / "sagespec.yaml").read_text("utf-8")
    head, _, rest = text.partition("# defaults:")
    (project / "sagespec.yaml").write_text(
        head + "\n".join(line.removeprefix("# ") for line in f"# defaults:{rest}".splitlines())
    )
    run("init", "MPI", "a")
    run("validate", "-e", "prod")


def test_files_of_people_are_kept(project: Path, run: Run) -> None:
    theirs = {".pre-commit-config.yaml": "repos: []\n", ".gitattributes": "*.png binary", "sagespec.yaml": "# ours\n"}
    for name, text in theirs.items():
        (project / name).write_text(text)
    said = run("init", "Project", "sums", code=1)
    assert ".pre-commit-config.yaml was not changed" in said.stderr
    assert "sagespec-validate" in said.stdout
    assert (project / ".pre-commit-config.yaml").read_text("utf-8") == theirs[".pre-commit-config.yaml"]
    assert (project / "sagespec.yaml").read_text("utf-8") == theirs["sagespec.yaml"]
    assert (project / ".gitattributes").read_text("utf-8").startswith("*.png binary\n/compiled/**")


@pytest.mark.parametrize(
    ("folder", "named"), [("my_models", "my-models"), ("__", "project"), ("a" * 39 + "_b", "a" * 39)]
)
def test_a_folder_names_the_project(
    folder: str, named: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    run("init", "Project")
    assert yaml.safe_load(Path("sagespec.yaml").read_text("utf-8"))["metadata"] == {"name": named}
    said = run("validate", "-e", "prod", code=1)
    assert "has no environments: add some, or leave the environment out" in said.stdout + said.stderr


@pytest.mark.parametrize("name", ["a b", "-a", "a" * 41])
def test_a_name_that_is_none_writes_nothing(name: str, project: Path, run: Run) -> None:
    before = written(project)
    run("init", "Project", "--", name, code=2)
    assert written(project) == before


@pytest.mark.parametrize("editor", ["vscode", "zed"])
def test_the_association_finds_mistakes_in_specs(editor: str, project: Path, run: Run) -> None:
    run("init", "--editor", editor)
    with Server(project, schemas(editor, project)) as server:  # type: ignore[arg-type]  # patterns may be lists
        assert [line for line, _ in server.diagnose("specs/deep/a.yaml", WRONG)] == [5]
        assert server.diagnose("other/a.yaml", WRONG) == []
        text = "apiVersion: sagespec/v1\nkind: Project\noutputs: x\n"
        assert [line for line, _ in server.diagnose("sagespec.yaml", text)] == [3]


@pytest.mark.parametrize("editor", EDITORS)
def test_settings_are_written_once(editor: str, project: Path, run: Run) -> None:
    run("init", "--editor", editor)
    first = written(project)
    assert (project / SCHEMA).is_file()
    assert "is there already" in run("init", "--editor", editor).stderr
    assert written(project) == first


@pytest.mark.parametrize("editor", ["vscode", "zed"])
def test_other_settings_stay(editor: str, project: Path, run: Run) -> None:
    path = project / f".{editor}/settings.json"
    path.parent.mkdir()
    theirs = {"tab": 4, "yaml.schemas": {"b.json": "b.yaml"}, "lsp": {"x": {"settings": {}}}}
    path.write_text(json.dumps(theirs, indent=4))
    run("init", "--editor", editor)
    found = json.loads(path.read_text("utf-8"))
    assert list(found)[:3] == list(theirs)
    assert found["tab"] == 4
    assert found["yaml.schemas"]["b.json"] == "b.yaml"
    assert found["lsp"]["x"] == {"settings": {}}
    assert path.read_text("utf-8").startswith('{\n    "tab": 4')


@pytest.mark.parametrize(
    ("editor", "name", "text"),
    [
        ("vscode", ".vscode/settings.json", '{"a": 1} // why'),
        ("vscode", ".vscode/settings.json", "[]"),
        ("vscode", ".vscode/settings.json", json.dumps({"yaml.schemas": {SCHEMA: "mine.yaml"}})),
        ("zed", ".zed/settings.json", '{"lsp": 1, "lsp": 2}'),
        ("helix", ".helix/languages.toml", "[[language]]\n"),
        ("neovim", ".nvim.lua", "-- mine\n"),
    ],
)
def test_what_cannot_be_merged_is_printed(editor: str, name: str, text: str, project: Path, run: Run) -> None:
    path = project / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    said = run("init", "--editor", editor, code=1)
    assert f"{name} was not changed" in said.stderr
    assert SCHEMA in said.stdout
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("specs", "expected"), [(".", "**/*.yaml"), ("./a/", "a/**/*.yaml"), ("b/c.yaml", "b/c.yaml")]
)
def test_patterns_are_those_of_the_folders_of_specs(specs: str, expected: str) -> None:
    assert expected in editor_settings.globs([specs])


def test_the_server_is_started_where_it_is_there() -> None:
    for editor in ("helix", "neovim"):
        with_server, without = (editor_settings.files(editor, ["specs"], server=there) for there in (True, False))
        assert '"lsp"' in with_server[0].text
        assert '"lsp"' not in without[0].text


ODD = ['a"}}};io.open("sprung","w");--', "b\\", "ü \u202e[x] 😀", "c'\t]]", "${{ github.token }} #, d: e"]


def test_any_name_of_a_folder_is_data_in_what_is_written(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings of Neovim are a program, and those of CI name what it runs with."""
    settings = {"apiVersion": "sagespec/v1", "kind": "Project", "specs": ODD}
    (project / "sagespec.yaml").write_text(json.dumps(settings, ensure_ascii=False), "utf-8")
    expected = editor_settings.globs(ODD)
    for editor in EDITORS:
        run("init", "--editor", editor)
    for editor in ("vscode", "zed"):
        assert schemas(editor, project) == {SCHEMA: expected}
    lua = (project / ".nvim.lua").read_text("utf-8")
    strings = re.findall(r'"((?:[^"\\\n]|\\\d{3})*)"', lua)
    read = [re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1])]), one.encode()).decode() for one in strings]
    assert {*expected} <= {*read}
    assert "io" not in re.findall(r"\w+", re.sub(r'"(?:[^"\\\n]|\\\d{3})*"', "", lua))
    toml = (project / ".helix" / "languages.toml").read_text("utf-8").splitlines()[1].partition(" = ")[2]
    unquoted = re.sub(r"\\U([0-9a-f]{8})", lambda m: json.dumps(chr(int(m[1], 16)))[1:-1], toml)
    assert json.loads(unquoted) == expected
    subprocess.run(["git", "init", "-q", project], check=True)
    for name in (*ODD, "true", "- a"):
        folder = project / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        run("init", "Project", "sums")
        files = {name: (project / name).read_text("utf-8") for name in (WORKFLOW, HOOKS)}
        (hooks,) = yaml.safe_load(files[HOOKS])["repos"]
        assert {tuple(hook["args"]) for hook in hooks["hooks"]} == {("--project", f"{name}/sagespec.yaml")}
        step = yaml.safe_load(files[WORKFLOW])["jobs"]["review"]["steps"][-1]
        assert step["with"]["project"] == f"{name}/sagespec.yaml"
        for file in files:
            (project / file).unlink()


@pytest.mark.slow
def test_neovim_shows_the_mistakes(project: Path, run: Run) -> None:
    """Neovim itself, without a screen, with the file that it reads as `exrc`."""
    run("init", "--editor", "neovim")
    (project / "specs" / "a.yaml").write_text(WRONG)
    script = project / "show.lua"
    script.write_text(
        "vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end)\n"
        "for _, d in ipairs(vim.diagnostic.get(0)) do\n"
        '  io.stdout:write((d.lnum + 1) .. ": " .. d.message .. "\\n")\n'
        "end\n"
    )
    paths = os.pathsep.join((str(SERVER.parent.parent.parent / ".bin"), os.environ["PATH"]))
    commands = ("luafile .nvim.lua", "edit specs/a.yaml", "luafile show.lua", "qall!")
    said = subprocess.run(
        [neovim(), "--clean", "--headless", *(part for command in commands for part in ("-c", command))],
        cwd=project,
        env={**os.environ, "PATH": paths, "HOME": str(project), "XDG_STATE_HOME": str(project / "state")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == '5: Incorrect type. Expected "integer".\n', said.stderr


def test_every_schema_file_is_of_the_installed_version(project: Path, run: Run) -> None:
    run("init", "--editor", "vscode")
    run("schema", "--write", ".sagespec/schemas", "--check")
    assert len(list((project / ".sagespec/schemas").iterdir())) == len(editor_schema.names())


def test_what_comes_after_a_project_is_said(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every command that reads specs; what is misspelt is no reason to say so."""
    monkeypatch.chdir(tmp_path)
    run("init", "Project", "sums")
    for command in ("validate", "compile", "graph"):
        assert "hint: `sagespec init KIND NAME` writes a first spec there" in run(command, code=1).stderr, command
    assert "hint" not in run("validate", "spex.yaml", code=1).stderr
    for words in (("init", "Foo", "a"), ("schema", "Foo")):
        said = run(*words, code=2).stderr
        assert said.endswith("there is no kind 'Foo': `sagespec explain` lists the kinds\n"), said
