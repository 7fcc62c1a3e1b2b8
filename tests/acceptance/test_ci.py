"""What action.yml and ci/gitlab.yml run, against a forge and a sandbox on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from sagespec import sandbox
from sagespec.sandbox.service import Timing

from tests import forge as forges
from tests.acceptance.test_commits import git
from tests.conftest import EXISTING, LOCK, ROOT, Recorder, Run
from tests.forge import BOT, PERSON, TOKEN, Forge

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
GITLAB = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text("utf-8"))
SPEC = """apiVersion: sagespec/v1
kind: BenchMarkEvaluator
metadata: {name: math}
spec:
  model: huggingface-reasoning-qwen3-32b
  benchmark: math
  subtasks: [algebra]
  s3_output_path: s3://my-bucket/evaluations/${spec.name}
"""
PROJECT = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {region: us-west-2}\nenvironments: {prod: {}}\n"


@dataclass
class Done:
    code: int
    stdout: str
    stderr: str
    files: Path

    def text(self, name: str) -> str:
        """What was written into a file that the runner gave."""
        file = self.files / name
        return file.read_text("utf-8") if file.exists() else ""


Job = Callable[..., Done]


@pytest.fixture
def committed(project: Path, run: Run) -> Path:
    """A project in one environment, compiled and committed."""
    (project / "sagespec.yaml").write_text(PROJECT, "utf-8")
    (project / "specs" / "math.yaml").write_text(SPEC, "utf-8")
    run("compile", "-e", "prod")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    return project


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    with forges.start(request.param == "gitlab") as started:
        yield started


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Run what the action, or a job of the template, runs: in a process, with the variables of the CI system."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "sagespec"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sagespec "$@"\n', "utf-8")
    script.chmod(0o755)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 5}}), "utf-8")
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI_", "GITLAB_"))
    }
    outside |= {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "compiler")}

    def start(forge: Forge, commands: str, **inputs: str) -> Done:
        files = tmp_path / "files"
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        if forge.is_gitlab:
            script, variables = _of_gitlab(commands, inputs)
            variables |= {"GITLAB_CI": "true", "CI_API_V4_URL": forge.url, "CI_PROJECT_ID": "9"}
            variables |= {"CI_MERGE_REQUEST_IID": "5", "CI_JOB_ID": "1", "REPORTS": str(files)}
        else:
            script, variables = _of_github(commands, inputs)
            variables |= {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "o/r"}
            variables |= {"GITHUB_EVENT_PATH": str(tmp_path / "event.json"), "GITHUB_ACTION_PATH": str(ROOT)}
            for name in ("STEP_SUMMARY", "OUTPUT"):
                variables[f"GITHUB_{name}"] = str(files / name)
        environment = outside | {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, files)

    return start


def _of_github(commands: str, inputs: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The last step of the action, and its variables, filled in as GitHub does."""
    step = ACTION["runs"]["steps"][-1]
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    given |= {"token": TOKEN, "command": commands, "environment": "prod", **inputs}
    pattern = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
    return step["run"], {name: pattern.sub(lambda m: given[m[1]], value) for name, value in step["env"].items()}


def _of_gitlab(commands: str, inputs: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The script of a job of the template, but for the installation, and its variables."""
    one = GITLAB[f"sagespec-{commands}"]
    lines = [line for line in GITLAB[".sagespec"]["before_script"] if "pip install" not in line] + one["script"]
    variables = {"SAGESPEC_TOKEN": TOKEN, "PROJECT": "", "ENVIRONMENT": "prod", "BASE": ""}
    names = {"token": "SAGESPEC_TOKEN"}
    return "\n".join(lines), variables | {names.get(name, name.upper()): value for name, value in inputs.items()}


def change(old: str = "[algebra]", new: str = "[algebra, prealgebra]") -> None:
    file = Path("specs/math.yaml")
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def own(forge: Forge) -> list[str]:
    return [c["body"] for c in forge.comments if c["author" if forge.is_gitlab else "user"] == BOT]


def test_the_comment_is_written_once_and_replaced(committed: Path, forge: Forge, job: Job) -> None:
    """Also where it is not on the first page, and where somebody else writes the marker."""
    for number in range(230):
        forge.add(f"comment {number}", PERSON)
    forged = forge.add("<!-- sagespec:diff:prod -->\nmine", PERSON)
    change()
    first = job(forge, "diff")
    assert first.code == 0, first.stderr
    assert "> BenchMarkEvaluator/math" in first.stdout
    (body,) = own(forge)
    assert body.startswith("<!-- sagespec:diff:prod -->\n### sagespec: 1 starts")
    for number in range(150):
        forge.add(f"later comment {number}", BOT if number % 2 and not forge.is_gitlab else PERSON)
    before = [dict(comment) for comment in forge.comments]
    assert job(forge, "diff").code == 0
    assert forge.comments == before, "the same is not written again"
    change("prealgebra", "geometry")
    again = job(forge, "diff")
    assert again.code == 0
    changed = [new for old, new in zip(before, forge.comments, strict=True) if old != new]
    assert [one["body"].split("\n")[0] for one in changed] == ["<!-- sagespec:diff:prod -->"]
    assert "geometry" in changed[0]["body"]
    assert forged["body"].endswith("mine")
    if not forge.is_gitlab:
        assert again.text("OUTPUT") == "starting=1\ncomment=updated\n"
        assert again.text("STEP_SUMMARY") == changed[0]["body"]
    assert committed


def test_a_request_from_a_fork_has_its_review_in_the_summary(committed: Path, forge: Forge, job: Job) -> None:
    """Its token only reads."""
    forge.may_write = False
    change()
    done = job(forge, "diff")
    assert done.code == 0, done.stderr
    assert not forge.comments
    if forge.is_gitlab:
        assert done.text("sagespec-diff.md").startswith("<!-- sagespec:diff:prod -->\n### sagespec: 1 starts")
    else:
        assert "::notice title=sagespec::no comment" in done.stderr
        assert done.text("OUTPUT") == "starting=1\ncomment=refused\n"
        assert "### sagespec: 1 starts" in done.text("STEP_SUMMARY")
    assert committed


@pytest.mark.parametrize(
    "trouble", ["no token", "wrong token", "401", "404", "500", "nobody", "no request", "no marker"]
)
def test_no_comment_is_no_error(forge: Forge, trouble: str, tmp_path: Path) -> None:
    forge.status = int(trouble) if trouble.isdigit() else 0
    tokens = {"no token": "", "wrong token": "another"}
    has_request = trouble != "no request"
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}} if has_request else {}), "utf-8")
    text = tmp_path / "diff.md"
    text.write_text(("" if trouble == "no marker" else "<!-- sagespec:diff -->\n") + "### sagespec", "utf-8")
    url = "http://127.0.0.1:1" if trouble == "nobody" else forge.url
    variables = {"TOKEN": tokens.get(trouble, TOKEN), "PATH": os.environ["PATH"]}
    if forge.is_gitlab:
        variables |= {"GITLAB_CI": "true", "CI_API_V4_URL": url, "CI_PROJECT_ID": "9"}
        variables |= {"CI_MERGE_REQUEST_IID": "5"} if has_request else {}
    else:
        variables |= {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "o/r", "GITHUB_EVENT_PATH": str(event)}
    command = [sys.executable, str(ROOT / "ci" / "comment.py"), str(text)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
    assert not forge.comments
    assert done.stderr.startswith("no comment was written (")
    assert TOKEN not in done.stderr


def test_the_token_is_sent_to_the_forge_alone(committed: Path, forge: Forge, job: Job, recorder: Recorder) -> None:
    forge.elsewhere = f"{recorder.url}/next"
    change()
    done = job(forge, "diff")
    assert done.code == 0
    assert "the next page is not one of" in done.stderr
    assert recorder.seen == []
    assert committed


def test_mistakes_are_reported_where_they_are(committed: Path, forge: Forge, job: Job) -> None:
    assert job(forge, "check").code == 0
    change()
    stale = job(forge, "check")
    assert stale.code == 1
    change("subtasks:", "subtask:")
    wrong = job(forge, "check")
    assert wrong.code == 1
    if forge.is_gitlab:
        report = ElementTree.fromstring(wrong.text("sagespec-junit.xml"))
        assert "unknown-key" in ElementTree.tostring(report, "unicode")
        assert [*ElementTree.fromstring(stale.text("sagespec-junit.xml")).iter("failure")]
        assert "specs/math.yaml:7:3: error[unknown-key]" in wrong.stderr
    else:
        assert re.search(r"^::error .*file=specs/math.yaml,line=7", wrong.stdout, re.MULTILINE)
        assert "::error" in stale.stdout
    said = job(forge, "diff")
    assert said.code == 1, "what does not compile fails the job, and the comment says so"
    assert "1 refused" in own(forge)[0]
    assert committed


@pytest.mark.parametrize("hostile", ["$(touch sprung)`touch sprung`; touch sprung", "' -x \"\n::error::x"])
def test_inputs_are_data(committed: Path, job: Job, hostile: str) -> None:
    with forges.start(is_gitlab=False) as forge:
        for name in ("environment", "project", "base", "command"):
            given = {"commands": "diff", name: hostile}
            done = job(forge, given.pop("command", given.pop("commands")), **given)
            assert done.code in (1, 2), (name, done)
            assert not (committed / "sprung").exists()
            assert not forge.comments


def test_text_of_specs_is_no_command_to_the_runner(committed: Path, job: Job, run: Run) -> None:
    with forges.start(is_gitlab=False) as forge:
        change("{name: math}", '{name: math, description: "x\\n::add-mask::y"}')
        change("[algebra]", '["algebra\\n::add-mask::y"]')
        out = job(forge, "diff")
        assert out.code == 1
        stopped = None
        for line in (out.stdout + out.stderr).splitlines():
            if line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif stopped and line == f"::{stopped}::":
                stopped = None
            elif line.startswith("::"):
                assert stopped or line.startswith("::notice"), line
    assert committed


@pytest.mark.slow
def test_apply_on_merge_checks_thresholds(
    committed: Path, forge: Forge, job: Job, run: Run, monkeypatch: Any
) -> None:
    """A gated evaluation that misses its threshold fails the job with sagespec's own exit code."""
    change("{name: math}", "{name: math, thresholds: [{metric: exact_match, minimum: 0.999}]}")
    run("compile", "-e", "prod")
    facts = json.loads(LOCK.read_text("utf-8"))
    with sandbox.start(facts, timing=Timing(job=0.02, lineage=0.01), existing=EXISTING) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        started = job(forge, "apply", wait="false")
        assert started.code == 0, started.stderr + started.stdout
        run("wait", "BenchMarkEvaluator/math", "-e", "prod", "--poll", "0.05")
        done = job(forge, "apply")
        assert done.code == 4, done.stderr + done.stdout
        if not forge.is_gitlab:
            assert "### sagespec apply" in done.text("STEP_SUMMARY")
            assert "BenchMarkEvaluator/math" in done.text("STEP_SUMMARY")


def test_no_expression_stands_in_a_script() -> None:
    """Else a title or a branch could become part of it; and every input is used."""
    steps = ACTION["runs"]["steps"]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(steps)))
    assert used == {*ACTION["inputs"]}
    for step in steps:
        for script in re.findall(r"ci/\w+\.\w+", step.get("run", "")):
            assert (ROOT / script).is_file()
    assert {*ACTION["outputs"]} == {"starting", "comment"}
    assert [shlex.split(step["run"])[0] for step in steps if "run" in step] == ["bash", "bash"]
