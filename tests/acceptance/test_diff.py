"""`diff`: what a change of specs would start, against a commit of the real git."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sagespec.compiling import loading
from sagespec.documents import compiled
from sagespec.documents.identity import identify

from tests.acceptance.test_commits import git
from tests.conftest import ROOT, Run

PROJECT = """apiVersion: sagespec/v1
kind: Project
defaults:
  region: us-west-2
  tags: {team: rl}
environments:
  prod:
    values: {tries: 2}
"""


@pytest.fixture
def committed(project: Path, run: Run) -> Path:
    """The examples of a graph and of a training, compiled and committed."""
    for name in ("graph.yaml", "custom-agent-lambda.yaml", "model-trainer.yaml", "torchrun.yaml"):
        shutil.copy(ROOT / "specs" / name, project / "specs")
    for name in ("agents", "training"):
        shutil.copytree(ROOT / "specs" / name, project / "specs" / name)
    (project / "sagespec.yaml").write_text(PROJECT, "utf-8")
    run("compile")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return project


def change(file: str, old: str, new: str) -> None:
    path = Path(file)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def entries(run: Run, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    document = json.loads(run("diff", "-o", "json", *arguments, code=code).stdout)
    return {entry["address"]: entry for entry in document["entries"]}


def test_a_change_is_said_with_what_starts_and_where(committed: Path, run: Run) -> None:
    assert committed
    assert run("diff").stdout.endswith("\n0 start, 0 removed, 0 changed quietly, 0 refused.\n")
    change("specs/graph.yaml", "group_size: 4", "group_size: 8")
    change("specs/graph.yaml", "[algebra, prealgebra]", "[algebra]")
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    change("sagespec.yaml", "team: rl", "team: agents")
    said = run("diff", "--detailed-exitcode", code=6)
    assert "compiled files on disk are out of date" in said.stderr
    head, *lines = said.stdout.splitlines()
    assert head == f"HEAD {git('rev-parse', 'HEAD')[:7]} .. work tree, account 123456789012"
    text = "\n".join(lines)
    for expected in (
        "> ModelTrainer/line                           4 x ml.p4d.24xlarge, at most 30 m: 2 instance-hours (was 1)\n"
        "    compute.instance_count  2 -> 4  specs/model-trainer.yaml:8\n",
        "    hyperparameters.group_size  4 -> 8 (the recipe's own)  specs/graph.yaml:11\n",
        "  <- BenchMarkEvaluator/calculator-math        4 steps, at most 24 h each; changed itself too\n"
        "      subtasks  [algebra, prealgebra] -> [algebra]  specs/graph.yaml:28\n",
        "~ 6 specs: tags.team  rl -> agents  sagespec.yaml:5 (default)  starts nothing\n",
        "5 start (3 of them after another), 0 removed, 1 changed quietly, 0 refused; at most 2 instance-hours.",
    ):
        assert expected in text


def test_a_commit_without_compiled_files_is_compiled_from_its_objects(committed: Path, run: Run) -> None:
    """Links, code folders, values and the lock are those of the commit, whatever the work tree has become."""
    Path("specs/linked").symlink_to("training")
    change("specs/model-trainer.yaml", "source_dir: training", "source_dir: linked")
    git("rm", "-q", "-r", "--cached", "compiled")
    (committed / ".gitignore").write_text("compiled\n", "utf-8")
    git("add", ".")
    git("commit", "-q", "-m", "without")
    said = run("diff")
    assert "which has no compiled files: its specs were compiled" in said.stdout
    assert said.stdout.endswith("\n0 start, 0 removed, 0 changed quietly, 0 refused.\n")
    shutil.rmtree("specs/training")
    Path("specs/linked").unlink()
    shutil.copytree(ROOT / "specs" / "training", "specs/linked")
    with Path("specs/linked/train.py").open("a") as file:
        file.write("# another\n")
    found = entries(run)
    assert {address: entry["class"] for address, entry in found.items()} == {"ModelTrainer/line": "start"}
    paths = [one["path"] for one in found["ModelTrainer/line"]["changes"]]
    assert "specs/linked/train.py" in paths


def test_the_same_project_lies_in_a_folder_of_its_repository(committed: Path, run: Run, tmp_path: Path) -> None:
    below = tmp_path / "a b" / "-x"
    below.parent.mkdir()
    below.mkdir()
    for name in ("specs", "compiled", "sagespec.yaml", "sagespec.lock.json"):
        (committed / name).rename(below / name)
    git("add", "--all", ".")
    git("commit", "-q", "-m", "moved")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(below)
        assert entries(run) == {}
        change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
        assert [*entries(run)] == ["ModelTrainer/line"]


def test_what_waits_stands_below_what_starts_last(committed: Path, run: Run) -> None:
    """An evaluation whose agent and trainer both start is shown below the trainer."""
    change("specs/custom-agent-lambda.yaml", "timeout: 300", "timeout: 200")
    names = [line.rpartition("  ")[0].split("/")[0] for line in run("diff").stdout.splitlines() if "/calc" in line]
    assert names[:2] == ["> CustomAgentLambda", "  <- MultiTurnRLTrainer"]
    assert "    <- MultiTurnRLEvaluator" in names
    assert committed


def test_refs(committed: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = git("rev-parse", "HEAD")
    git("tag", "line")
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    run("compile")
    git("commit", "-q", "-a", "-m", "two")
    assert entries(run) == {}
    assert [*entries(run, "HEAD~1")] == [*entries(run, first)] == [*entries(run, "line", "ModelTrainer/*")]
    assert entries(run, "--", "line") == {}, "the spec of that name, since HEAD"
    for wrong in (
        "nothing-of-that-name",
        "--upload-pack=x",
        "HEAD~99",
        "line..HEAD",
        "^HEAD",
        "HEAD:specs",
        "",
        "a\x1bb",
    ):
        run("diff", "--", wrong, code=2) if wrong.startswith("-") else run("diff", wrong, code=2)
    assert "git has no ref 'ModelTrainer/x', and no spec" in run("diff", "ModelTrainer/x", code=2).stderr
    for given in (("HEAD", "ModelTrainer/x"), ("--", "ModelTrainer/x"), ("line", "line", "ModelTrainer/x")):
        assert "error: no spec is called 'ModelTrainer/x'" in run("diff", *given, code=2).stderr, given
    monkeypatch.setenv("GITHUB_BASE_REF", "no-such-branch")
    said = run("diff", code=2).stderr
    assert "git has no commit of no-such-branch, which GITHUB_BASE_REF names" in said
    assert "fetch-depth: 0" in said
    git("branch", "no-such-branch", first)
    assert [*entries(run)] == ["ModelTrainer/line"]
    assert run("diff").stdout.startswith(f"no-such-branch {first[:7]} .. work tree")
    git("update-ref", "refs/remotes/origin/no-such-branch", first)
    assert run("diff").stdout.startswith(f"origin/no-such-branch {first[:7]} .. work tree"), "what CI has fetched"
    monkeypatch.delenv("GITHUB_BASE_REF")
    monkeypatch.setenv("CI_MERGE_REQUEST_DIFF_BASE_SHA", first)
    assert [*entries(run)] == ["ModelTrainer/line"]
    assert committed


def test_one_review_is_written_in_every_form(
    committed: Path, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    run("compile")
    files = {form: outside / f"review.{end}" for form, end in (("text", "txt"), ("markdown", "md"), ("json", "json"))}
    said = run("diff", *(part for file in files.values() for part in ("--save", str(file)))).stdout
    assert said == run("diff").stdout
    for form, file in files.items():
        assert file.read_text("utf-8") == run("diff", "-o", form).stdout, form
    assert "ends in none of .txt, .md, .json" in run("diff", "--save", "review.yaml", code=2).stderr
    assert "no such file or directory" in run("diff", "--save", "no/such/folder.md", code=2).stderr
    (committed / "linked").symlink_to(outside)
    assert "leads out of the project" in run("diff", "--save", "linked/a.md", code=2).stderr


def test_nothing_that_git_is_configured_to_run_is_run(committed: Path, run: Run, monkeypatch: Any) -> None:
    trap = committed / "trap"
    trap.write_text(f"#!/bin/sh\ntouch '{committed}/sprung'\n", "utf-8")
    trap.chmod(0o755)
    for name in ("core.pager", "core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command", "core.editor"):
        git("config", name, str(trap))
    (committed / ".git" / "info" / "attributes").write_text("* diff=x filter=x\n", "utf-8")
    git("config", "filter.x.smudge", str(trap))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap))
    monkeypatch.setenv("GIT_PAGER", str(trap))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    for form in ("text", "json", "markdown"):
        run("diff", "-o", form)
    assert not (committed / "sprung").exists()


def test_a_missing_object_is_not_fetched(committed: Path, run: Run, monkeypatch: Any) -> None:
    trap, tools = committed / "trap", committed / "tools"
    trap.write_text(f"#!/bin/sh\ntouch '{committed}/sprung'\n", "utf-8")
    tools.mkdir()
    old = f"#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nexec '{shutil.which('git')}' \"$@\"\n"  # git before 2.39.4 ignores it
    (tools / "git").write_text(old, "utf-8")
    for program in (trap, tools / "git"):
        program.chmod(0o755)
    promised = {"url": str(committed), "promisor": "true", "uploadpack": str(trap)}
    for name, value in {"extensions.partialClone": "origin", "core.repositoryFormatVersion": "1"}.items():
        git("config", name, value)
    for name, value in promised.items():
        git("config", f"remote.origin.{name}", value)
    [compiled_file] = (committed / "compiled").rglob("line.json")
    blob = git("rev-parse", f"HEAD:{compiled_file.relative_to(committed).as_posix()}")
    (committed / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    assert "git has no content of" in run("diff", "HEAD", code=None).stderr
    assert not (committed / "sprung").exists()


HOSTILE = "@everyone </details> | <img src=x> ``` ::error::x #1 [a](http://b) ${{ x }} _*~ \\"


def test_text_of_others_is_inert_in_markdown(committed: Path, run: Run) -> None:
    change("specs/model-trainer.yaml", "steps: 20", f"steps: 20, note: {json.dumps(HOSTILE).replace('$', '$$')}")
    text = run("diff", "-o", "markdown").stdout
    assert text.startswith("<!-- sagespec:diff -->\n### sagespec: 1 starts, 0 removed")
    assert "@" not in text
    assert "<img" not in text
    assert text.count("</details>") == text.count("<details>") == 1
    rows = [line for line in text.splitlines() if line.startswith("| <code>")]
    assert rows
    assert all(row.count("|") == 5 for row in rows)
    assert "http:" not in text
    assert committed


def test_compiled_files_that_are_not_of_the_specs_are_told(committed: Path, run: Run) -> None:
    """What is reviewed is the specs, and what is applied is on disk: who reads only the comment must know."""
    assert "apply would send" not in run("diff", "-o", "markdown").stdout
    other = committed / "specs" / "other.yaml"
    shutil.copy(committed / "specs" / "model-trainer.yaml", other)
    change(str(other), "name: line", "name: other")
    run("compile")
    other.unlink()
    said = run("diff", "-o", "markdown")
    assert "**1 compiled file is not what the specs compile to: apply would send something else.**" in said.stdout
    assert "out of date" in said.stderr
    change("compiled/ModelTrainer/line.json", "ml.", "ml.x")
    assert json.loads(run("diff", "-o", "json").stdout)["stale"] == 2
    assert "2 compiled files are not" in run("diff", "-o", "markdown", "--only", "start").stdout


def test_values_of_variables_are_never_shown(committed: Path, run: Run) -> None:
    change("specs/model-trainer.yaml", "spec:\n", "spec:\n  environment: {MODE: true, WORD: plain-before}\n")
    run("compile")
    git("commit", "-q", "-a", "-m", "two")
    change("specs/model-trainer.yaml", "plain-before", "plain-after")
    change("specs/model-trainer.yaml", "MODE: true", "MODE: auto")
    for form in ("text", "json", "markdown"):
        said = run("diff", "--verbose", "-o", form)
        assert "environment.WORD" in said.stdout.replace("&#95;", "_")
        assert not any(value in said.stdout + said.stderr for value in ("plain-", "auto", "true, WORD"))
    assert committed


EXCEPTION = "exceptions: [{policy: instance_hours_per_run, address: ModelTrainer/line, reason: '%s', until: %s}]\n"


def test_a_new_exception_from_a_policy_stands_in_the_title(committed: Path, run: Run) -> None:
    assert committed
    limit = "policies: {schemas: [], limits: {instance_hours_per_run: 0.5}}\n"
    change("sagespec.yaml", "defaults:\n", f"{limit}{EXCEPTION % ('<b>once</b>', '2999-06-30')}defaults:\n")
    where = {"file": "sagespec.yaml", "line": 4}
    (one,) = json.loads(run("diff", "-o", "json").stdout)["exceptions"]
    assert one == {
        "policy": "instance_hours_per_run",
        "address": "ModelTrainer/line",
        "reason": "<b>once</b>",
        "until": "2999-06-30",
        "before": None,
        **where,
    }
    text = run("diff").stdout
    said = "ModelTrainer/line is excepted from instance_hours_per_run until 2999-06-30"
    assert text.splitlines()[1] == f"new exception: {said}: <b>once</b>  sagespec.yaml:4"
    assert text.endswith("\n1 new exception from policies, 0 start, 0 removed, 0 changed quietly, 0 refused.\n")
    markdown = run("diff", "-o", "markdown").stdout
    assert markdown.splitlines()[1].startswith("### sagespec: 1 new exception from policies, 0 start")
    assert "<b>" not in markdown
    assert "2999-06-30" in markdown
    assert "1 new exception" in run("diff", "line").stdout
    assert "exception" not in run("diff", "two-a-node").stdout, "that of another spec"
    git("commit", "-q", "-a", "-m", "accepted")
    assert "exception" not in run("diff").stdout
    change("sagespec.yaml", "<b>once</b>", "better said")
    change("sagespec.yaml", "2999-06-30", "2999-03-31")
    assert "exception" not in run("diff").stdout, "a shorter one needs nobody's approval"
    change("sagespec.yaml", "2999-03-31", "2999-09-30")
    assert f"{said.replace('06', '09')} instead of 2999-06-30: better said" in run("diff").stdout


def test_what_does_not_compile_is_refused_and_not_gone(committed: Path, run: Run) -> None:
    change("specs/graph.yaml", "benchmark: math", "benchmark: maths")
    change("specs/torchrun.yaml", "kind: Torchrun", "kind: [Torchrun")
    found = entries(run, code=1)
    assert {address: entry["class"] for address, entry in found.items()} == {
        "BenchMarkEvaluator/calculator-math": "refused",
        "ModelTrainer/line": "refused",
        "Torchrun/two-a-node": "refused",
    }
    assert "specs/graph.yaml:27" in run("diff", code=1).stdout
    assert committed


def test_what_stands_after_a_fault_of_syntax_is_refused_and_not_gone(committed: Path, run: Run) -> None:
    """The first spec of the file is read, and has the error; of the others nobody knows."""
    change("specs/graph.yaml", "group_size: 4", "group_size: [4")
    found = entries(run, code=1)
    assert {entry["class"] for entry in found.values()} == {"refused"}
    unread = [entry for entry in found.values() if entry["reason"] == "cannot be read"]
    specs = (committed / "specs" / "graph.yaml").read_text("utf-8").count("\nkind: ")
    assert len(found) == specs == len(unread) + 1


@pytest.mark.slow
def test_a_change_of_a_thousand_specs_fits_a_comment(project: Path, run: Run) -> None:
    trainer = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8").replace("support-agent", "s-NUMBER")
    texts = [trainer.replace("NUMBER", str(number)) for number in range(1000)]
    (project / "sagespec.yaml").write_text(PROJECT, "utf-8")
    (project / "specs" / "all.yaml").write_text("---\n".join(texts), "utf-8")
    git("init", "-q")
    run("compile")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    change("specs/all.yaml", "hyperparameters:", "accept_eula: true\n  hyperparameters:")
    text = run("diff", "-o", "markdown").stdout
    assert len(text) <= 60_000
    assert text.splitlines()[1].startswith(
        "### sagespec: 1,000 start" if "1,000 start" in text else "### sagespec: 1000 start"
    )
    assert "Left out for length: the changes of 1000 specs, " in text
    assert entries(run, "--only", "quiet,gone") == {}


@pytest.mark.parametrize("group", ["start", "quiet", "gone", "refused"])
def test_what_is_shown_does_not_change_the_verdict(committed: Path, run: Run, group: str) -> None:
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    change("specs/graph.yaml", "benchmark: math", "benchmark: maths")
    all_of_it = json.loads(run("diff", "-o", "json", code=1).stdout)
    shown = json.loads(run("diff", "-o", "json", "--only", group, code=1).stdout)
    assert shown["counts"] == all_of_it["counts"]
    assert {*entries(run, "--only", group, code=1)} <= {*entries(run, code=1)}
    last = [run("diff", *only, code=1).stdout.splitlines()[-1] for only in ((), ("--only", group))]
    assert last[0] == last[1] == "1 starts, 0 removed, 0 changed quietly, 1 refused; at most 2 instance-hours."
    change("specs/graph.yaml", "benchmark: maths", "benchmark: math")
    run("diff", "--detailed-exitcode", "--only", group, code=6)


def test_a_refused_spec_has_the_place_of_its_mistake(committed: Path, run: Run) -> None:
    change("specs/custom-agent-lambda.yaml", "name: calculator", "name: abacus")
    found = entries(run, code=1)
    trainer, follower = found["MultiTurnRLTrainer/calculator-agent"], found["BenchMarkEvaluator/calculator-math"]
    assert (trainer["file"], trainer["line"]) == ("specs/graph.yaml", 8)
    assert follower["reason"] == "refers to a spec that does not compile"
    assert "file" not in follower
    text = run("diff", "-o", "markdown", code=1).stdout
    assert "<code></code>" not in text
    assert (
        "<code>BenchMarkEvaluator/calculator-math</code>: <code>refers to a spec that does not compile</code>" in text
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  region: us-west-2\n", "  region: us-west-2\n  role: NoSuchRole\n"),
        ("  region: us-west-2\n", "  region: us-west-2\n  role: 'not a role'\n"),
        ("  tags: {team: rl}\n", "  tags: {'aws:team': rl}\n"),
        ("environments:\n", "policies: [none.json]\nenvironments:\n"),
        ("defaults:\n", "lock: no-such-lock.json\ndefaults:\n"),
    ],
)
def test_a_mistake_that_all_specs_have_makes_none_of_them_gone(committed: Path, run: Run, old: str, new: str) -> None:
    """It is reported once, so that most specs have no error of their own."""
    assert committed
    change("sagespec.yaml", old, new)
    found = entries(run, code=1)
    assert {entry["class"] for entry in found.values()} <= {"refused", "quiet"}
    assert not [address for address, entry in found.items() if entry["starts"]]


def test_causes_outside_the_specs_are_named_and_told_once(committed: Path, run: Run) -> None:
    change("specs/model-trainer.yaml", "max_runtime_in_seconds: 1800", 'max_runtime_in_seconds: "${longest}"')
    change("sagespec.yaml", "tries: 2}", "tries: 2, longest: 1800}")
    change("sagespec.yaml", "defaults:\n", "prices: {ml.p4d.24xlarge: 20.5}\ndefaults:\n")
    run("compile", "-e", "prod")
    git("add", ".")
    git("commit", "-q", "-m", "prod")
    change("sagespec.yaml", "longest: 1800", "longest: 7200")
    change("sagespec.lock.json", "qwen3-32b/2.0.1", "qwen3-32b/2.0.2")
    found = entries(run, "-e", "prod")
    (one,) = found["ModelTrainer/line"]["changes"]
    assert (one["path"], one["old"], one["new"]) == ("stopping_condition.max_runtime_in_seconds", 1800, 7200)
    assert (one["source"], one["origin"], one["file"], one["line"]) == ("value", "value:longest", "sagespec.yaml", 9)
    run_of = found["ModelTrainer/line"]["run"]
    assert (run_of["longest_seconds"], run_of["instance_hours"], run_of["usd"]) == (7200, 4.0, 82.0)
    (fact,) = found["MultiTurnRLTrainer/calculator-agent"]["changes"]
    assert (fact["source"], fact["origin"]) == ("lock", "lock:hub_models.huggingface-reasoning-qwen3-32b.arn")
    assert fact["file"] == "sagespec.lock.json"
    assert "qwen3-32b/2.0.2" in Path("sagespec.lock.json").read_text("utf-8").splitlines()[fact["line"] - 1]
    text = run("diff", "-e", "prod").stdout
    assert text.count("qwen3-32b.arn") == 1
    assert "  4 specs: hub_models.huggingface-reasoning-qwen3-32b.arn" in text
    assert text.endswith("at most 4 instance-hours, 82 USD.\n")
    assert "environment prod, account 123456789012" in text
    (prod,) = [json.loads(run("diff", "--all-envs", "-o", "json").stdout)]
    assert prod["environment"] == "prod"
    assert committed


def test_what_only_our_templates_change_is_said_so(committed: Path, run: Run) -> None:
    """As after an upgrade: the commit's files are valid, and not what its specs compile to now."""
    file = committed / "compiled" / "ModelTrainer" / "line.json"
    made = loading.load(file.read_bytes())
    job = made.requests[-1]
    other = replace(job, parameters={**job.parameters, "EnableNetworkIsolation": False})
    changed = replace(made, requests=(*made.requests[:-1], other))
    file.write_text(compiled.dump(replace(changed, identity=identify(changed))), "utf-8")
    git("commit", "-q", "-a", "-m", "older")
    found = entries(run)
    (one,) = found["ModelTrainer/line"]["changes"]
    assert (one["path"], one["source"]) == ("job.EnableNetworkIsolation", "template")
    assert found["ModelTrainer/line"]["class"] == "back"
    file.write_text(file.read_text("utf-8").replace("line", "lime"), "utf-8")
    git("commit", "-q", "-a", "-m", "edited")
    assert "note: the commit's file of ModelTrainer/line is not used, it was changed after it was compiled" in (
        run("diff").stdout
    )


def test_a_commit_whose_project_is_not_valid_still_has_its_compiled_files(committed: Path, run: Run) -> None:
    change("sagespec.yaml", "kind: Project", "kind: Project\nnothing: of the sort")
    git("commit", "-q", "-a", "-m", "broken")
    change("sagespec.yaml", "\nnothing: of the sort", "")
    assert entries(run) == {}
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    (one,) = entries(run)["ModelTrainer/line"]["changes"]
    assert (one["path"], one["old"], one["new"]) == ("job.ResourceConfig.InstanceCount", 2, 4)
    assert "only its compiled files are compared" in run("diff").stdout
    assert committed


def test_an_object_that_git_cannot_read_is_an_error_and_nothing_new(committed: Path, run: Run) -> None:
    change("specs/model-trainer.yaml", "instance_count: 2", "instance_count: 4")
    name = git("rev-parse", "HEAD:compiled/ModelTrainer/line.json")
    file = committed / ".git" / "objects" / name[:2] / name[2:]
    file.chmod(0o644)
    file.write_bytes(b"junk")
    assert "git fsck" in run("diff", code=2).stderr
    file.unlink()
    assert "git has no content of" in run("diff", code=2).stderr


def test_what_git_refuses_is_said_as_git_says_it(committed: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (committed / ".git" / "HEAD").rename(committed / "head")
    assert "not a git repository" in run("diff", code=2).stderr
    (committed / "head").rename(committed / ".git" / "HEAD")
    config = committed / ".git" / "config"
    before = config.read_text("utf-8")
    config.write_text(f"{before}[core]\nrepositoryFormatVersion = 1\n[extensions]\nodd = 1\n", "utf-8")
    assert "error: fatal: unknown repository extension found: odd\n" in run("diff", code=2).stderr
    config.write_text(before, "utf-8")
    git("config", "core.repositoryFormatVersion", "1")
    git("config", "extensions.partialClone", "origin")
    tree = git("rev-parse", "HEAD^{tree}")
    (committed / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    assert "error: fatal: not a tree object" in run("diff", code=2).stderr, "not that downloads are off"
    monkeypatch.setenv("PATH", str(committed))
    assert run("diff", code=2).stderr == "error: git: no such file or directory\n"


def test_names_in_a_commit_may_be_anything(committed: Path, run: Run) -> None:
    """Names that git would quote, links in a circle and links that lead out are data."""
    git("rm", "-q", "-r", "--cached", "compiled")
    (committed / "specs" / "a\nb\t.yaml").write_text("kind: x\n", "utf-8")
    (committed / "specs" / "loop").symlink_to("loop")
    (committed / "specs" / "out.yaml").symlink_to("/etc/passwd")
    (committed / "specs" / "training" / "\N{SNOWMAN} '\".txt").write_text("x", "utf-8")
    git("add", "specs")
    git("commit", "-q", "-m", "odd")
    (committed / "specs" / "a\nb\t.yaml").unlink()
    (committed / "specs" / "loop").unlink()
    (committed / "specs" / "out.yaml").unlink()
    said = run("diff")
    assert "root:" not in said.stdout + said.stderr
    assert said.stdout.endswith("\n0 start, 0 removed, 0 changed quietly, 0 refused.\n")
