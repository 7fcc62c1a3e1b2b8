"""Folders of code that hold specs, compiled files and everything else of the project; specs that lie among code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Run

PROJECT = "apiVersion: sagespec/v1\nkind: Project\nspecs: {specs}\nenvironments: {{prod: {{}}, dev: {{}}}}\n{more}\n"
RECIPE = "model: qwen\nlearning_rate: 0.1\n"


def spec(name: str, source_dir: str, **more: object) -> str:
    """A training job, whose code is in a folder; `more` are other members of source_code."""
    fields = {
        "training_image": "763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.4-gpu",
        "compute": {"instance_type": "ml.g5.xlarge"},
        "role": "arn:aws:iam::123456789012:role/R",
        "source_code": {"source_dir": source_dir, "command": "true", **more},
    }
    metadata = {"name": name}
    return json.dumps({"apiVersion": "sagespec/v1", "kind": "ModelTrainer", "metadata": metadata, "spec": fields})


def uploaded(name: str, output: str = "compiled") -> list[str]:
    made = json.loads(Path(output, "ModelTrainer", f"{name}.json").read_text("utf-8"))
    return [r["id"].removeprefix("source/") for r in made["requests"] if r["id"].startswith("source/")]


@pytest.fixture
def code(project: Path) -> Path:
    """A project with code in its own folder and a recipe beside it."""
    Path("train.py").write_text("print(1)\n", "utf-8")
    Path("recipes").mkdir()
    Path("recipes/a.yaml").write_text(RECIPE, "utf-8")
    return project


@pytest.mark.parametrize(
    ("specs", "where", "source_dir"),
    [
        ("[jobs.yaml]", "jobs.yaml", "."),
        ("[.]", "jobs.yaml", "."),
        ("[specs]", "specs/jobs.yaml", ".."),
        ("[specs]", "specs/deep/jobs.yaml", "../../specs/.."),
        ("[.]", "specs/jobs.YAML", ".."),
    ],
)
def test_a_compile_changes_nothing_that_is_uploaded(
    code: Path, run: Run, specs: str, where: str, source_dir: str
) -> None:
    Path("sagespec.yaml").write_text(PROJECT.format(specs=specs, more=""), "utf-8")
    Path(where).parent.mkdir(parents=True, exist_ok=True)
    Path(where).write_text(spec("a", source_dir), "utf-8")
    run("compile")
    assert uploaded("a") == ["recipes/a.yaml", "train.py"]
    first = Path("compiled/ModelTrainer/a.json").read_bytes()
    elsewhere = [] if specs == "[.]" else [("--out", "elsewhere")]  # which would lie among the specs
    for environment in ((), ("-e", "prod"), ("-e", "dev"), *elsewhere):
        run("compile", *environment)
        run("compile", *environment, "--check")
        assert run("compile", *environment).stderr == "1 unchanged\n"
    shutil.rmtree("compiled/prod")
    run("compile", "--check")
    assert Path("compiled/ModelTrainer/a.json").read_bytes() == first
    run("compile", where, "--check")


def test_what_a_save_leaves_in_the_code_is_not_uploaded(code: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[jobs.yaml]", more="lock: facts.lck"), "utf-8")
    Path("sagespec.lock.json").rename("facts.lck")
    Path("jobs.yaml").write_text(spec("a", "."), "utf-8")
    Path("plan.json").write_text('{"apiVersion": "sagespec/v1", "kind": "Plan", "files": []}', "utf-8")
    run("compile")
    assert uploaded("a") == ["recipes/a.yaml", "train.py"]


def test_the_folder_of_the_specs(code: Path, run: Run) -> None:
    for name in ("a", "b"):
        Path(f"specs/{name}.yaml").write_text(spec(name, "."), "utf-8")
    Path("specs/train.py").touch()
    Path("specs/conf.yml").write_text("---\n- 1\n--- \n- 2\n", "utf-8")
    run("compile")
    assert uploaded("a") == uploaded("b") == ["conf.yml", "train.py"]
    Path("specs/b.yaml").write_text(spec("b", ".") + " ", "utf-8")
    assert run("compile").stderr == "2 unchanged\n"


@pytest.mark.parametrize(
    "text",
    [RECIPE, "", "a: [", "{{ jinja }}", "\0", "kind: Deployment\napiVersion: apps/v1\n", '{"a": "sagespec/v1"}'],
)
@pytest.mark.parametrize("name", ["a.yaml", "A.YML", "a.json"])
def test_what_lies_in_code_and_does_not_say_so_is_no_spec(code: Path, run: Run, name: str, text: str) -> None:
    Path("specs/code/deep").mkdir(parents=True)
    Path("specs/code/deep", name).write_text(text, "utf-8")
    Path("specs/t.yaml").write_text(spec("t", "code"), "utf-8")
    assert run("compile").stderr == "1 created\n"
    assert uploaded("t") == [f"deep/{name}"]
    assert f"specs/code/deep/{name}:" in run("validate", f"specs/code/deep/{name}", code=1).stderr
    run("validate", "specs")
    Path("specs/t.yaml").write_text(spec("t", "code/elsewhere"), "utf-8")
    assert f"specs/code/deep/{name}:" in run("validate", code=1).stderr


def test_what_lies_in_code_and_says_so_is_a_spec_and_no_code(code: Path, run: Run) -> None:
    Path("specs/code/deep").mkdir(parents=True)
    for name in ("code/train.py", "code/deep/config.json", "code/deep/train.py"):
        Path("specs", name).write_text("{}", "utf-8")
    Path("specs/t.yaml").write_text(spec("t", "code"), "utf-8")
    Path("specs/code/deep/u.yaml").write_text(spec("u", "."), "utf-8")
    assert run("compile").stderr == "2 created\n"
    assert uploaded("t") == ["deep/config.json", "deep/train.py", "train.py"]
    assert uploaded("u") == ["config.json", "train.py"]
    Path("specs/code/deep/u.yaml").write_text("apiVersion: sagespec/v1\nkind: [\n", "utf-8")
    assert "specs/code/deep/u.yaml:3:1: error[syntax]" in run("compile", code=1).stderr
    assert uploaded("t") == ["deep/config.json", "deep/train.py", "train.py"]


def test_a_spec_among_code_that_lost_its_first_line_is_told_of(code: Path, run: Run) -> None:
    Path("specs/a.yaml").write_text(spec("a", "."), "utf-8")
    Path("specs/b.yaml").write_text("kind: ModelTrainer\nmetadata: {name: b}\nspec: {}\n", "utf-8")
    shown = run("compile").stderr
    assert "specs/b.yaml:1:1: warning[no-spec]: this file is code or data of a spec: it is not a spec" in shown


def test_the_folder_of_code_of_a_default_a_value_and_a_broken_spec(code: Path, run: Run) -> None:
    defaults = "defaults: {source_code: {source_dir: code, command: 'true'}}"
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[specs]", more=defaults), "utf-8")
    for folder in ("code", "two", "three"):
        Path("specs", folder).mkdir()
        Path("specs", folder, "a.yaml").write_text(RECIPE, "utf-8")
    plain = json.loads(spec("a", ""))
    del plain["spec"]["source_code"]
    Path("specs/a.yaml").write_text(json.dumps(plain), "utf-8")
    Path("specs/b.yaml").write_text(spec("two", "${spec.name}"), "utf-8")
    Path("specs/c.yaml").write_text(spec("c", "three").replace("training_image", "image"), "utf-8")
    shown = run("validate", code=1).stderr
    assert "/a.yaml:" not in shown.replace("specs/a.yaml:", "")
    assert shown.count("error[") == 2, shown


def test_the_folder_of_a_driver(code: Path, run: Run) -> None:
    Path("specs/driver").mkdir()
    Path("specs/driver/drive.py").touch()
    Path("specs/driver/conf.json").write_text("{}", "utf-8")
    made = json.loads(spec("a", "../recipes", entry_script="train.py"))
    shutil.move("train.py", "recipes")
    del made["spec"]["source_code"]["command"]
    made["spec"]["distributed"] = {"type": "Custom", "driver_dir": "driver", "driver_script": "drive.py"}
    Path("specs/a.yaml").write_text(json.dumps(made), "utf-8")
    run("compile")


def test_what_the_project_excludes_is_a_spec_only_where_it_says_so(code: Path, run: Run) -> None:
    more = "exclude: ['conf/', '*.json', '!keep.json']"
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[specs]", more=more), "utf-8")
    Path("specs/conf/deep").mkdir(parents=True)
    for name in ("conf/deep/a.yaml", "conf/b.yml", "c.json"):
        Path("specs", name).write_text("[1]", "utf-8")
    Path("specs/conf/t.yaml").write_text(spec("t", "../../recipes"), "utf-8")
    assert run("compile").stderr == "1 created\n"
    Path("specs/keep.json").write_text("[1]", "utf-8")
    assert "specs/keep.json:1:1: error" in run("compile", code=1).stderr


def test_a_pattern_to_exclude_that_is_none(code: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[specs]", more="exclude: [a, '[b']"), "utf-8")
    assert "sagespec.yaml:5:14: error[bad-pattern]: '[b' is not a pattern" in run("compile", code=1).stderr


def test_a_folder_of_code_that_is_asked_for_holds_no_spec(code: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[specs]", more=""), "utf-8")
    Path("specs/t.yaml").write_text(spec("t", "../recipes"), "utf-8")
    assert "recipes:1:1: error[empty-folder]" in run("validate", "recipes", code=1).stderr


def test_environments_and_caches_among_the_specs_are_not_searched(code: Path, run: Run) -> None:
    Path("sagespec.yaml").write_text(PROJECT.format(specs="[.]", more=""), "utf-8")
    shutil.rmtree("recipes")
    Path("t.yaml").write_text(spec("t", "specs"), "utf-8")
    Path("specs/train.py").touch()
    for name in ("env/pyvenv.cfg", "env/lib/a.yaml", "__pycache__/a.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a: 1\n", "utf-8")
    assert run("compile").stderr == "1 created\n"


def test_secrets_that_would_be_uploaded(code: Path, run: Run) -> None:
    Path("specs/t.yaml").write_text(spec("t", "..", ignore_patterns=["specs", "recipes"]), "utf-8")
    for number in range(7):
        Path(f".env.{number}").touch()
    shown = run("compile").stderr
    assert "specs/t.yaml:1:" in shown
    assert "warning[secret-upload]: .env.0, .env.1, .env.2, .env.3, .env.4 and 2 more would be uploaded" in shown
    Path("specs/t.yaml").write_text(spec("t", "..", ignore_patterns=["specs", "recipes", ".env*"]), "utf-8")
    assert run("compile").stderr == "1 updated\n"
