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
MARKER = "<!-- sagespec:diff:prod -->"
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
    program = (
        "from sagespec.cli import main\nmain()\n"  # as pip writes it: the working directory is not imported from
    )
    script.write_text(f"#!{sys.executable}\n{program}", "utf-8")
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


def comment(forge: Forge, folder: Path, text: str, **others: str) -> Done:
    """Run what writes the comment, alone, with the variables of a job of a request."""
    (folder / "diff.md").write_text(text, "utf-8")
    (folder / "event.json").write_text(json.dumps({"pull_request": {"number": 5}}), "utf-8")
    if forge.is_gitlab:
        variables = {"GITLAB_CI": "true", "CI_API_V4_URL": forge.url, "CI_PROJECT_ID": "9"}
        variables |= {"CI_MERGE_REQUEST_IID": "5"}
    else:
        variables = {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "o/r"}
        variables |= {"GITHUB_EVENT_PATH": str(folder / "event.json")}
    command = [sys.executable, str(ROOT / "ci" / "comment.py"), str(folder / "diff.md")]
    environment = {"PATH": os.environ["PATH"], "TOKEN": TOKEN} | variables | others
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stderr + done.stdout
    return Done(done.returncode, done.stdout, done.stderr, folder)


def test_diff_writes_a_comment_and_the_summary(committed: Path, forge: Forge, job: Job) -> None:
    change()
    done = job(forge, "diff")
    assert done.code == 0, done.stderr
    assert "> BenchMarkEvaluator/math" in done.stdout
    (body,) = own(forge)
    assert body.startswith("<!-- sagespec:diff:prod -->\n### sagespec: 1 starts")
    if forge.is_gitlab:
        assert done.text("sagespec-diff.md") == body
    else:
        assert done.text("OUTPUT") == "starting=1\ncomment=created\n"
        assert done.text("STEP_SUMMARY") == body
    assert committed


def test_the_comment_is_replaced(forge: Forge, tmp_path: Path) -> None:
    """Also where it is not on the first page, and where somebody else writes the marker."""
    for number in range(230):
        forge.add(f"comment {number}", PERSON)
    forged = forge.add(f"{MARKER}\nmine", PERSON)
    assert comment(forge, tmp_path, f"{MARKER}\none\n").stdout == "created\n"
    for number in range(150):
        forge.add(f"later comment {number}", BOT if number % 2 else PERSON)
    before = [dict(one) for one in forge.comments]
    assert comment(forge, tmp_path, f"{MARKER}\none\n").stdout == "unchanged\n"
    assert forge.comments == before
    assert comment(forge, tmp_path, f"{MARKER}\ntwo\n").stdout == "updated\n"
    changed = [new["body"] for old, new in zip(before, forge.comments, strict=True) if old != new]
    assert changed == [f"{MARKER}\ntwo\n"]
    assert forged["body"].endswith("mine")
    assert comment(forge, tmp_path, f"{MARKER}\ntwo\n", PROJECT="a b/--> x.yaml").stdout == "created\n"
    assert forge.comments[-1]["body"] == "<!-- sagespec:diff:prod a_b/____x.yaml -->\ntwo\n", "another project"


@pytest.mark.parametrize(
    "trouble",
    [
        "reads only",
        "no token",
        "wrong token",
        "401",
        "404",
        "500",
        "nobody",
        "no request",
        "no marker",
        "local",
        "no event",
        "odd number",
    ],
)
def test_no_comment_is_no_error(forge: Forge, trouble: str, tmp_path: Path) -> None:
    """As for a request from a fork, whose token only reads: the summary has the review."""
    forge.may_write = trouble != "reads only"
    forge.status = int(trouble) if trouble.isdigit() else 0
    variables = {"no token": {"TOKEN": ""}, "wrong token": {"TOKEN": "another"}}.get(trouble, {})
    if trouble == "nobody":
        forge.url = "http://127.0.0.1:1"
    if trouble == "no request":
        (tmp_path / "none.json").write_text("{}", "utf-8")
        variables = {"CI_MERGE_REQUEST_IID": "", "GITHUB_EVENT_PATH": str(tmp_path / "none.json")}
    if trouble == "local":  # a runner that does not set what the CI system does
        variables = dict.fromkeys(("CI_API_V4_URL", "GITHUB_EVENT_PATH"), "")
    if trouble == "no event":
        variables = {"CI_PROJECT_ID": "", "GITHUB_EVENT_PATH": str(tmp_path / "diff.md")}
    if trouble == "odd number":
        (tmp_path / "odd.json").write_text('{"pull_request": {"number": "../5"}}', "utf-8")
        variables = {"CI_MERGE_REQUEST_IID": "../5", "GITHUB_EVENT_PATH": str(tmp_path / "odd.json")}
    done = comment(forge, tmp_path, f"{'text' if trouble == 'no marker' else MARKER}\n", **variables)
    assert done.stdout == "refused\n"
    assert not forge.comments
    notice = "" if forge.is_gitlab else "::notice title=sagespec::"
    assert done.stderr.startswith(f"{notice}no comment was written (")
    assert done.stderr.count("\n") == 1


def test_the_token_is_sent_to_the_forge_alone(forge: Forge, recorder: Recorder, tmp_path: Path) -> None:
    forge.elsewhere = f"{recorder.url}/next"
    done = comment(forge, tmp_path, f"{MARKER}\n")
    assert "the next page is not one of" in done.stderr
    assert recorder.seen == []


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
    assert committed


def test_inputs_are_data(committed: Path, job: Job) -> None:
    hostile = "$(touch sprung)`touch sprung`; touch sprung ' -x \"\n::error::x"
    with forges.start(is_gitlab=False) as forge:
        for name in ("environment", "project", "base", "command"):
            given = {"command": "diff", name: hostile}
            done = job(forge, given.pop("command"), **given)
            assert done.code in (1, 2), (name, done)
            assert not (committed / "sprung").exists()
            assert not forge.comments


@pytest.mark.parametrize("base", ["--project=other/sagespec.yaml", "-h", "--"])
def test_a_base_is_no_option(committed: Path, job: Job, base: str) -> None:
    assert committed
    with forges.start(is_gitlab=False) as forge:
        done = job(forge, "diff", base=base)
        assert done.code == 2
        assert "none begins like an option" in done.stderr
        assert not forge.comments


def test_a_base_is_no_spec(committed: Path, job: Job) -> None:
    """A branch that was not fetched may be called as a spec is, which would be compared with another commit."""
    change()
    with forges.start(is_gitlab=False) as forge:
        done = job(forge, "diff", base="math")
        assert (done.code, done.stdout) == (2, "")
        assert "git has no ref math here: fetch it" in done.stderr
        assert not forge.comments
    assert committed


@pytest.mark.parametrize("is_gitlab", [False, True])
def test_modules_of_a_pull_request_are_not_imported(committed: Path, job: Job, is_gitlab: bool) -> None:
    """Python would look for its own modules in the working directory first, with the token in its environment."""
    for name in ("json", "secrets", "os", "re", "typing", "urllib", "pip", "venv"):
        (committed / f"{name}.py").write_text("open('sprung', 'w')\nraise SystemExit(0)\n", "utf-8")
    (committed / "sagespec").mkdir()
    (committed / "sagespec" / "__init__.py").write_text("open('sprung', 'w')\n", "utf-8")
    change()
    with forges.start(is_gitlab) as forge:
        done = job(forge, "diff")
        assert done.code == 0, done.stderr
        assert len(own(forge)) == 1
    assert not (committed / "sprung").exists()


def test_python_is_isolated_where_a_pull_request_is_checked_out() -> None:
    for file in ("run.sh", "install.sh"):
        called = re.findall(r"python3?\"? +(\S+)", (ROOT / "ci" / file).read_text("utf-8"))
        assert called
        assert {*called} == {"-I"}, file
    assert GITLAB[".sagespec"]["variables"]["PYTHONSAFEPATH"] == "1", "of all its jobs"


def test_a_project_that_cannot_be_read_is_reported(committed: Path, job: Job) -> None:
    (committed / "sagespec.yaml").write_text("kind: Nonsense\n", "utf-8")
    with forges.start(is_gitlab=False) as forge:
        done = job(forge, "diff")
        assert done.code == 1
        assert "sagespec.yaml:1" in done.stderr
        assert "Traceback" not in done.stderr
        assert not forge.comments


def test_text_of_specs_is_no_command_to_the_runner(committed: Path, job: Job, run: Run) -> None:
    with forges.start(is_gitlab=False) as forge:
        change("{name: math}", '{name: math, description: "x\\n::add-mask::y"}')
        change("[algebra]", '["algebra\\n::add-mask::y"]')
        out = job(forge, "diff")
        assert out.code == 1, "what does not compile fails the job"
        assert "1 refused" in own(forge)[0], "and the comment says so"
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
            planned = job(forge, "plan")
            assert planned.code == 0, planned.stderr
            assert planned.text("STEP_SUMMARY").startswith("<!-- sagespec:plan:prod -->")


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
