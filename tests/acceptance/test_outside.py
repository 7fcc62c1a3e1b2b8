"""Paths and links of a pull request: nothing of them leads out of the project, to be read, written or printed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sagespec.documents import compiled, identity

from tests.conftest import LOCK, ROOT, Run

PROJECT = "apiVersion: sagespec/v1\nkind: Project\n"
SECRET = "hunter2"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one spec, in a folder that has other things, each with the same secret."""
    here = tmp_path / "project"
    (here / "specs").mkdir(parents=True)
    shutil.copy(LOCK, here)
    shutil.copy(ROOT / "specs" / "multi-turn-rl-trainer.yaml", here / "specs" / "a.yaml")
    (tmp_path / "outside" / "folder").mkdir(parents=True)
    for name in ("a.yaml", "a.json", "folder/a.yaml", "folder/a.json"):
        (tmp_path / "outside" / name).write_text(f"token: '{SECRET}\n", "utf-8")
    monkeypatch.chdir(here)
    return here


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("output: ../outside", 9),
        ("output: link", 9),
        ("output: link/new", 9),
        ("output: .git/hooks", 9),
        ("lock: ../outside/a.json", 7),
        ("lock: link/a.json", 7),
        ("specs: [specs, ../outside]", 16),
        ("specs: [specs, link/a.yaml]", 16),
        ("specs: [/proc/self/environ]", 9),
        ("specs: [.git/config]", 9),
    ],
)
def test_paths_of_the_project_file(project: Path, run: Run, line: str, column: int) -> None:
    Path("sagespec.yaml").write_text(f"{PROJECT}{line}\n", "utf-8")
    Path("link").symlink_to("../outside")
    Path(".git").mkdir()
    Path(".git/config").write_text(f"token: '{SECRET}\n", "utf-8")
    before = everything(project.parent)
    for command in ("validate", "compile", "lock", "plan", "status"):
        done = run(command, code=1)
        assert f"sagespec.yaml:3:{column}: error[outside-project]: " in done.stderr, command
        assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


@pytest.mark.parametrize("name", ["compiled", "sagespec.lock.json", "specs", "sagespec.yaml"])
def test_links_at_the_places_that_nobody_names(project: Path, run: Run, name: str) -> None:
    if Path(name).exists():
        shutil.move(name, "moved")
    Path(name).symlink_to(project.parent / "outside" / ("a.yaml" if "." in name else "folder"))
    before = everything(project.parent)
    done = run("compile", code=1)
    assert f"{name}:1:1: error[outside-project]: {name} leads out of the project" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


@pytest.mark.parametrize("link", ["specs/b.yaml", "specs/b", "specs/more/b.json"])
def test_links_among_the_specs(project: Path, run: Run, link: str) -> None:
    Path("specs/more").mkdir()
    leads_to = {".yaml": "a.yaml", ".json": "a.json", "": "folder"}[Path(link).suffix]
    Path(link).symlink_to(project.parent / "outside" / leads_to)
    for asked in ((), ("specs",), (link,)):
        done = run("compile", *asked, code=1)
        assert f"{link}:1:1: error[outside-project]" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_the_work_tree_around_the_project_is_inside(project: Path, run: Run) -> None:
    (project.parent / ".git").mkdir()
    shutil.copy(project / "specs" / "a.yaml", project.parent / "outside" / "a.yaml")
    Path("sagespec.yaml").write_text(f"{PROJECT}specs: [../outside/a.yaml]\noutput: ../compiled\n", "utf-8")
    run("compile")
    assert (project.parent / "compiled" / "MultiTurnRLTrainer" / "support-agent.json").is_file()


@pytest.mark.parametrize("link", ["compiled/MultiTurnRLTrainer", "compiled/MultiTurnRLTrainer/support-agent.json"])
def test_links_in_the_output_folder(project: Path, run: Run, link: str) -> None:
    Path(link).parent.mkdir(parents=True)
    Path(link).symlink_to(project.parent / "outside" / ("a.json" if link.endswith("json") else "folder"))
    before = everything(project.parent)
    for command in (("compile",), ("compile", "--check")):
        done = run(*command, code=1)
        assert f"{link}: a link in the output folder: delete it" in done.stderr
        assert SECRET not in done.stdout + done.stderr
    assert everything(project.parent) == before


def test_a_link_for_an_environment(project: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(f"{PROJECT}environments: {{prod: {{}}}}\n", "utf-8")
    Path("compiled").mkdir()
    Path("compiled/prod").symlink_to(project.parent / "outside" / "folder")
    before = everything(project.parent)
    assert "compiled/prod: a link" in run("compile", "-e", "prod", code=1).stderr
    assert everything(project.parent) == before


def test_links_that_are_no_longer_compiled_are_told_of_and_stay(project: Path, run: Run) -> None:
    run("compile")
    Path("compiled/ModelTrainer").symlink_to(project.parent / "outside" / "folder")
    Path("compiled/MultiTurnRLTrainer/b.json").symlink_to(project.parent / "outside" / "a.json")
    before = everything(project.parent)
    done = run("compile", "--check", code=1)
    for name in ("compiled/ModelTrainer", "compiled/MultiTurnRLTrainer/b.json"):
        assert f"{name}:1:1: error[out-of-date]: foreign: {Path(name).name} is not of this project" in done.stderr
    run("compile")
    assert everything(project.parent) == before
    assert SECRET not in done.stdout + done.stderr


def test_links_that_stay_inside_are_followed(project: Path, run: Run) -> None:
    for name in ("specs", "sagespec.lock.json"):
        shutil.move(name, f"real-{name}")
        Path(name).symlink_to(f"real-{name}")
    Path("build").mkdir()
    Path("compiled").symlink_to("build")
    assert run("compile").stdout == "created build/MultiTurnRLTrainer/support-agent.json\n"


def policies(pattern: str, more: str = "") -> None:
    Path("sagespec.yaml").write_text(f"{PROJECT}policies: ['{pattern}']\n{more}", "utf-8")


@pytest.mark.parametrize(
    "pattern",
    [
        "../outside/a.json",
        "link/a.json",
        "../outside/*.json",
        "*/a.json",
        "**/*.json",
        "rules/*.json",
        "rules/b.json",
    ],
)
def test_policies(project: Path, run: Run, pattern: str) -> None:
    Path("rules").mkdir()
    Path("rules/b.json").symlink_to(project.parent / "outside" / "a.json")
    if pattern.startswith(("link", "*/")):
        Path("link").symlink_to("../outside")
    policies(pattern)
    done = run("compile", code=1)
    assert "sagespec.yaml:3:12: error[outside-project]" in done.stderr or "leads out of the project" in done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("pattern", ["**/**/*.json", "a**/b.json"])
def test_policies_that_would_be_searched_for_without_end(project: Path, run: Run, pattern: str) -> None:
    policies(pattern)
    assert "error[bad-policy]" in run("compile", code=1).stderr


def test_a_pattern_of_policies_ends_with_so_many_files(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagespec.project.policies.MAX_ENTRIES", 3)
    policies("**/*.json")
    shown = run("compile", code=1).stderr
    assert "error[bad-policy]: **/*.json: more than 3 files and folders to look through" in shown


@pytest.mark.parametrize(
    "content", [f"token: '{SECRET}\n", f'{{"type": "{SECRET}"}}', SECRET, f"[{SECRET}]", f"{SECRET}: 1\n{SECRET}: 2"]
)
@pytest.mark.parametrize("line", ["specs: [../outside/x]", "lock: ../outside/x", "policies: [../outside/x]"])
def test_of_files_outside_that_are_allowed_nothing_is_shown(project: Path, run: Run, content: str, line: str) -> None:
    for suffix in (".yaml", ".json"):
        (project.parent / "outside" / f"x{suffix}").write_text(content, "utf-8")
        text = f"{PROJECT}{line.replace('/x', f'/x{suffix}')}\nallow_outside: [../outside]\n"
        Path("sagespec.yaml").write_text(text, "utf-8")
        for style in ("text", "json", "junit", "sarif", "github"):
            done = run("compile", "--format", style, code=1)
            assert SECRET not in done.stdout + done.stderr
        assert f"../outside/x{suffix}:1:1: error" in run("compile", code=1).stderr


def test_what_is_allowed_is_read_and_no_line_of_it_is_shown(project: Path, run: Run) -> None:
    for name in ("specs/a.yaml", "sagespec.lock.json"):
        shutil.move(name, project.parent / "outside" / Path(name).name)
    (project.parent / "outside" / "p.json").write_text("{}", "utf-8")
    lines = (
        "specs: [../outside/a.yaml]",
        "lock: link/sagespec.lock.json",
        "policies: [link/p.json]",
        "allow_outside: [../outside]",
    )
    Path("sagespec.yaml").write_text(PROJECT + "\n".join(lines), "utf-8")
    Path("link").symlink_to("../outside")
    run("compile")
    spec = project.parent / "outside" / "a.yaml"
    spec.write_text(spec.read_text("utf-8").replace("agent_env:", "agent_nev:"), "utf-8")
    shown = run("compile", code=1).stderr
    assert "error[unknown-key]" in shown
    assert "agent_nev:" not in shown
    assert "lies outside the project: it is read, and never written" in run("lock", code=1).stderr


def test_an_allowance_is_a_path_outside(project: Path, run: Run) -> None:
    Path("link").symlink_to("../outside")
    Path("sagespec.yaml").write_text(f"{PROJECT}allow_outside: [../outside, link]\n", "utf-8")
    shown = run("validate", code=1).stderr
    assert "sagespec.yaml:3:29: error[no-effect]: link is a path of the project itself" in shown


TRAINING = """
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: t}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu
  compute: {instance_type: ml.g5.xlarge}
  role: arn:aws:iam::123456789012:role/R
  source_code: {source_dir: SOURCE, entry_script: train.py}
  distributed: {type: Custom, driver_dir: DRIVER, driver_script: drive.py}
"""
FUNCTION = """
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {name: f}
spec: {source: SOURCE, role: 'arn:aws:iam::123456789012:role/R'}
"""


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (TRAINING.replace("SOURCE", "../../outside").replace("DRIVER", "../code"), "../../outside"),
        (TRAINING.replace("SOURCE", "../link").replace("DRIVER", "../code"), "../link"),
        (TRAINING.replace("SOURCE", "../code").replace("DRIVER", "../link"), "../link"),
        (TRAINING.replace("SOURCE", "../.git").replace("DRIVER", "../code"), "../.git"),
        (TRAINING.replace("SOURCE", "../link/../code").replace("DRIVER", "../code"), "../link/../code"),
        (FUNCTION.replace("SOURCE", "../../outside/f.py"), "../../outside/f.py"),
        (FUNCTION.replace("SOURCE", "../link/f.py"), "../link/f.py"),
        (FUNCTION.replace("SOURCE", "../f.zip"), "../f.zip"),
    ],
)
def test_files_that_a_spec_names(project: Path, run: Run, text: str, field: str) -> None:
    for folder in ("code", ".git", "../outside"):
        Path(folder).mkdir(exist_ok=True)
        for name in ("train.py", "drive.py", "f.py", "f.zip"):
            Path(folder, name).write_text(f"# {SECRET}\n(", "utf-8")
    Path("link").symlink_to("../outside")
    Path("f.zip").symlink_to("../outside/f.zip")
    Path("specs/a.yaml").write_text(text, "utf-8")
    done = run("compile", code=1)
    assert f"error[outside-project]: {field} leads out of the project" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert not Path("compiled").exists()
    if field != "../.git":
        Path("sagespec.yaml").write_text(f"{PROJECT}allow_outside: [../outside, ../code]\n", "utf-8")
        assert "outside-project" not in run("compile", code=None).stderr


@pytest.mark.parametrize("name", ["train.py", "lib", "requirements.txt"])
def test_links_in_a_folder_of_code(project: Path, run: Run, name: str) -> None:
    Path("code").mkdir()
    for file in ("train.py", "drive.py"):
        Path("code", file).touch()
    Path("code", name).unlink(missing_ok=True)
    Path("code", name).symlink_to(project.parent / "outside" / ("folder" if name == "lib" else "a.json"))
    text = TRAINING.replace("SOURCE", "../code").replace("DRIVER", "../code")
    Path("specs/a.yaml").write_text(text, "utf-8")
    shown = run("compile", code=1).stderr
    assert f"error[outside-project]: ../code/{name}: a link that leads out of the project" in shown


def test_a_user_may_name_what_is_outside_and_no_line_of_it_is_shown(project: Path, run: Run) -> None:
    outside = project.parent / "outside" / "spec.yaml"
    shutil.copy("specs/a.yaml", outside)
    for given in (outside, "../outside/spec.yaml"):
        run("validate", given)
    outside.write_text(outside.read_text("utf-8").replace("agent_env:", "agent_nev:"), "utf-8")
    shown = run("validate", outside, code=1).stderr
    assert "../outside/spec.yaml:" in shown
    assert "agent_nev:" not in shown


def test_an_output_folder_that_a_user_names(project: Path, run: Run) -> None:
    made = Path("MultiTurnRLTrainer/support-agent.json")
    run("compile", "--out", project.parent / "elsewhere" / "new")
    assert (project.parent / "elsewhere" / "new" / made).is_file()
    Path("link").symlink_to(project.parent / "outside")
    assert "leads out of the project through a link" in run("compile", "--out", "link/new", code=2).stderr
    (project.parent / "elsewhere" / "new" / made).unlink()
    (project.parent / "elsewhere" / "new" / made).symlink_to(project.parent / "outside" / "a.json")
    before = everything(project.parent)
    assert "a link" in run("compile", "--out", project.parent / "elsewhere" / "new", code=1).stderr
    assert everything(project.parent) == before


def test_a_project_file_elsewhere_has_its_own_project(project: Path, run: Run, monkeypatch: Any) -> None:
    Path("sagespec.yaml").write_text(PROJECT, "utf-8")
    monkeypatch.chdir(project.parent / "outside")
    run("compile", "--project", "../project/sagespec.yaml")
    assert (project / "compiled" / "MultiTurnRLTrainer" / "support-agent.json").is_file()
    Path("link.yaml").symlink_to("../project/sagespec.yaml")
    assert "error[outside-project]" in run("compile", "--project", "link.yaml", code=1).stderr


def test_a_starter_is_written_into_the_project(project: Path, run: Run) -> None:
    shutil.rmtree("specs")
    Path("specs").mkdir()
    (Path("specs") / "Torchrun-x.yaml").symlink_to(project.parent / "outside" / "new")
    assert "already exists" in run("init", "Torchrun", "x", code=1).stderr
    assert not (project.parent / "outside" / "new").exists()


@pytest.mark.parametrize(
    "line", ["specs: [NAME]", "output: NAME", "lock: NAME", "policies: [NAME]", "allow_outside: [NAME]"]
)
@pytest.mark.parametrize(
    ("name", "why"), [("a" * 300, "file name too long"), ("loop", "symbolic links"), ("a/" * 3000, "too long")]
)
def test_paths_that_no_file_system_takes(project: Path, run: Run, line: str, name: str, why: str) -> None:
    Path("loop").symlink_to("loop")
    Path("sagespec.yaml").write_text(f"{PROJECT}{line.replace('NAME', name)}\n", "utf-8")
    for command in ("validate", "compile"):
        shown = run(command, code=1).stderr
        assert shown.startswith("sagespec.yaml:3:")
        assert why in shown or "loop: there is no such file" in shown


@pytest.mark.parametrize("link", ["compiled/MultiTurnRLTrainer", "compiled/MultiTurnRLTrainer/support-agent.json"])
def test_compiled_files_that_a_link_leads_to_are_not_applied(project: Path, run: Run, link: str) -> None:
    run("compile")
    outside = project.parent / "outside" / link
    outside.parent.mkdir(parents=True)
    shutil.move(link, outside)
    Path(link).symlink_to(outside)
    for command in (("plan",), ("apply", "--yes"), ("plan", "compiled/MultiTurnRLTrainer/support-agent.json")):
        assert "leads out of the project through a link" in run(*command, code=1).stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../outside/compiled/MultiTurnRLTrainer/support-agent.json", "leads out of the project"),
        ("OUTSIDE/compiled/MultiTurnRLTrainer/support-agent.json", "leads out of the project"),
        ("link/compiled/MultiTurnRLTrainer/support-agent.json", "leads out of the project"),
        ("compiled/../link/a.json", "leads out of the project"),
        (".git/MultiTurnRLTrainer/support-agent.json", "leads out of the project"),
        ("/dev/zero", "leads out of the project"),
        ("a\0b", "no such file"),
        ("pipe", "not a file"),
        ("", "not a plan"),
    ],
)
def test_a_saved_plan_names_files_of_the_project(project: Path, run: Run, path: str, said: str) -> None:
    run("compile")
    outside = project.parent / "outside"
    shutil.copytree("compiled", outside / "compiled")
    shutil.copytree("compiled", ".git")
    Path("link").symlink_to(outside)
    os.mkfifo("pipe")
    named = path.replace("OUTSIDE", str(outside))
    Path("plan.json").write_text(json.dumps({"kind": "Plan", "files": [{"path": named}]}), "utf-8")
    done = run("apply", "plan.json", "--yes", code=1)
    assert said in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_saved_plan_is_in_the_project_and_says_one_thing(project: Path, run: Run) -> None:
    (project.parent / "outside" / "plan.json").write_text('{"kind": "Plan", "files": [{"path": "x"}]}', "utf-8")
    Path("plan.json").symlink_to("../outside/plan.json")
    assert "leads out of the project through a link" in run("apply", "plan.json", "--yes", code=1).stderr
    Path("plan.json").unlink()
    for text, said in (
        ('{"kind": "Plan", "files": [{"path": "a", "path": "b"}]}', "has the key 'path' twice"),
        ('{"kind": "Plan", "syncTags": NaN}', "NaN is not a number"),
    ):
        Path("plan.json").write_text(text, "utf-8")
        assert said in run("apply", "plan.json", "--yes", code=1).stderr


@pytest.mark.parametrize("path", ["../outside/a.json", "link/a.json", ".git/a.json", "/dev/zero", "pipe"])
def test_compiled_files_name_files_of_the_project(project: Path, run: Run, path: str) -> None:
    Path("code").mkdir()
    for name in ("train.py", "drive.py"):
        Path("code", name).touch()
    Path("specs/a.yaml").write_text(TRAINING.replace("SOURCE", "../code").replace("DRIVER", "../code"), "utf-8")
    run("compile")
    Path("link").symlink_to("../outside")
    os.mkfifo("pipe")
    file = Path("compiled/ModelTrainer/t.json")
    document = json.loads(file.read_text("utf-8"))
    entry = next(r for r in document["requests"] if r["id"].endswith("train.py"))
    entry["parameters"]["Body"]["$file"]["path"] = path
    made = compiled.of_document(document)
    document["metadata"]["identity"] = identity.identify(made)
    document["metadata"]["digest"] = compiled.digest(document)
    file.write_text(compiled.text(document), "utf-8")
    done = run("apply", "--yes", "--sandbox", code=1)
    assert "leads out of the project" in done.stderr or "not a file" in done.stderr
    assert SECRET not in done.stdout + done.stderr
