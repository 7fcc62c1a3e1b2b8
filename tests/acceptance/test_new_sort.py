"""A kind with an operation that nothing has sent before: the files that it takes, and what commands make of it.

`tests/new_sort` holds what is laid over a copy of the repository: a kind that ends in CreateProcessingJob, the sort
of run that this makes, and what the sandbox answers to it. Each is registered in one place.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import sagespec_at_once
from tests.conftest import LOCK, ROOT

pytestmark = pytest.mark.slow
ADDED = ROOT / "tests" / "new_sort"
KIND = {
    "compiler/sagespec/kinds/processor.py",
    "schemas/v1/Processor.json",
    "specs/processor.yaml",
    "templates/v1/Processor.json.j2",
}
SORTS = "compiler/sagespec/executor/runs/sorts.py"
SORT = {"compiler/sagespec/executor/runs/processing_job.py", SORTS}
DERIVED = {"schemas/v1/api/sagemaker.CreateProcessingJob.json"}
"""Written by `tools/derive_api_schemas.py`, and never by hand."""
SERVER = "compiler/sagespec/sandbox/server.py"
SANDBOX = {"compiler/sagespec/sandbox/processing.py", SERVER}
REGISTERED = {
    SORTS: [
        ("from sagespec.executor.runs import execution, function, job, training_job", ", processing_job"),
        ("(training_job, job, execution, function", ", processing_job"),
    ],
    SERVER: [("    pipelines,\n", "    processing,\n")],
}
"""What is written after what: the import of a module, and its entry in a tuple."""


@dataclass(frozen=True)
class Copy:
    """A copy of the repository, with a project and an environment in which its command runs."""

    folder: Path
    environment: dict[str, str]
    program: Path
    """Its `sagespec`, which starts at once."""

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder / "project",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0) -> str:
        running = self.start(self.program, *arguments)
        out, said = running.communicate()
        assert "Traceback" not in said, said
        assert running.returncode == code, f"{arguments}: {running.returncode}\n{out}\n{said}"
        return out + said

    def json(self, *arguments: str) -> Any:
        running = self.start(self.program, *arguments)
        out, said = running.communicate()
        assert running.returncode == 0, said
        return json.loads(out)

    def listed(self) -> list[Any]:
        found: list[Any] = self.json("list", "--kind", "Processor", "--output", "json")["runs"]
        return found


def tree(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for part in ("compiler", "schemas", "specs", "templates")
        for file in (folder / part).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }


def register(folder: Path) -> None:
    for name, places in REGISTERED.items():
        text = (folder / name).read_text("utf-8")
        for before, line in places:
            assert before in text, f"{name}: {before}"
            text = text.replace(before, before + line)
        (folder / name).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("copy")
    for part in ("compiler", "schemas", "specs", "templates", "tools"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copytree(ADDED, folder, dirs_exist_ok=True)
    register(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder / "compiler")}
    (folder / "project" / "specs").mkdir(parents=True)
    shutil.copy(LOCK, folder / "project")
    shutil.copy(folder / "specs" / "processor.yaml", folder / "project" / "specs")
    deriving = [sys.executable, "tools/derive_api_schemas.py", "sagemaker.CreateProcessingJob"]
    done = subprocess.run(deriving, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.stdout == "wrote sagemaker.CreateProcessingJob.json\n", done.stderr
    with sagespec_at_once.ready(folder / "compiler") as program:
        yield Copy(folder, environment, program)


@pytest.fixture
def served(copied: Copy) -> Iterator[Copy]:
    """The copy with a sandbox of its own, in a process of its own."""
    sandbox = copied.start(sys.executable, "-m", "sagespec", "sandbox", "--port", "0", "--job-seconds", "600")
    assert sandbox.stdout is not None
    environment = dict(copied.environment)
    for line in sandbox.stdout:
        if found := re.fullmatch(r"export (\w+)=(.*)\n", line):
            environment[found[1]] = "".join(shlex.split(found[2]))
        if "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT" in line:
            break
    yield Copy(copied.folder, environment, copied.program)
    sandbox.terminate()
    sandbox.communicate()


def test_a_kind_is_four_files_and_a_sort_two(copied: Copy) -> None:
    before, after = tree(ROOT), tree(copied.folder)
    touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert touched == KIND | SORT | DERIVED | SANDBOX
    assert (len(KIND), len(SORT)) == (4, 2)


def test_every_command_knows_what_it_makes(served: Copy) -> None:
    served.run("compile")
    made = json.loads((served.folder / "project" / "compiled" / "Processor" / "clean.json").read_text("utf-8"))
    name = f"clean-{made['metadata']['identity'][:12]}"
    assert f"> start job {name}" in re.sub(" +", " ", served.run("plan", "--verbose"))
    served.run("apply", "--yes")
    assert served.run("apply", "--yes").count("start") == 0, "it runs already"

    (listed,) = served.listed()
    assert (listed["name"], listed["status"]) == (name, "InProgress")
    for target in ("Processor/clean", name, listed["arn"]):
        (status,) = served.json("status", target, "--output", "json")["status"]
        assert (status["arn"], status["status"]) == (listed["arn"], "InProgress")
    assert f"{name} ran what is in compiled/Processor/clean.json" in served.run("verify", "Processor/clean")
    assert name in served.run("describe", "Processor/clean")
    assert f"{name} is no evaluation" in served.run("results", "Processor/clean", code=1)
    assert f"{name} has no MLflow run yet" in served.run("metrics", "Processor/clean", code=1)

    assert "is stopping" in served.run("stop", "Processor/clean", "--yes")
    assert served.json("status", name, "--output", "json")["status"][0]["status"] == "Stopped"
    assert f"processing job {name} (Stopped)" in served.run("delete", "Processor/clean", "--yes")
    assert served.listed() == []
    assert "1 starts now" in served.run("plan")


def test_only_what_its_content_has_made_is_deleted(served: Copy) -> None:
    served.run("compile")
    served.run("apply", "--yes")
    arn = served.listed()[0]["arn"]
    foreign = (
        "import boto3, sys; boto3.client('sagemaker').add_tags(ResourceArn=sys.argv[1],"
        " Tags=[{'Key': 'sagespec:identity', 'Value': 'another'}])"
    )
    subprocess.run([sys.executable, "-c", foreign, arn], env=served.environment, check=True)
    assert "has sagespec:identity=another" in served.run("delete", "Processor/clean", "--yes", code=1)


def test_a_name_without_the_identity_is_refused(copied: Copy) -> None:
    copied.run("compile")
    file = copied.folder / "project" / "compiled" / "Processor" / "clean.json"
    document = json.loads(file.read_text("utf-8"))
    document["requests"][-1]["parameters"]["ProcessingJobName"] = "clean-000000000000"
    rewriting = (
        "import json, pathlib, sys; from sagespec.documents import compiled, identity\n"
        "document = json.loads(sys.argv[2]); made = compiled.of_document(document)\n"
        "document['metadata']['identity'] = identity.identify(made)\n"
        "document['metadata']['digest'] = compiled.digest(document)\n"
        "pathlib.Path(sys.argv[1]).write_text(compiled.text(document))"
    )
    subprocess.run(
        [sys.executable, "-c", rewriting, str(file), json.dumps(document)], env=copied.environment, check=True
    )
    assert "ProcessingJobName" in copied.run("plan", code=1)
    file.unlink()
