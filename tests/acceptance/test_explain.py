"""`explain`: kinds, fields, rules, hyperparameters of the lock; unknown names; completion."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from sagespec.checking import schema
from sagespec.cli import exits
from sagespec.cli.program import cli
from sagespec.diagnostics.rules import RULES
from sagespec.documents.traced import Traced
from sagespec.review import explain, fields
from sagespec.sagemaker import distributed

from tests.conftest import ROOT, Run
from tools import write_reference


def test_a_field_in_full(run: Run) -> None:
    said = run("explain", "modeltrainer.compute.instance_count").stdout
    assert said.startswith("ModelTrainer.spec.compute.instance_count    whole number >= 1, ${value} allowed\n")
    assert "  Number of instances; " in said
    assert "CreateTrainingJob.ResourceConfig.InstanceCount   (changing it starts a new run)\n" in said
    assert "  SDK       Compute.instance_count\n" in said
    assert "  example   4\n" in said
    assert "no-wait" in said


def test_a_rule_in_full(run: Run) -> None:
    lines = run("explain", "unknown-hyperparameter").stdout.splitlines()
    assert lines[0] == "unknown-hyperparameter    error"
    assert [line.split()[0] for line in lines[2:]] == ["Why", "Mend", "In", "Bad", "Good"]


def test_a_kind_lists_its_fields_and_what_is_required(run: Run) -> None:
    said = run("explain", "BenchMarkEvaluator").stdout
    assert "\n  benchmark* " in said
    assert "\n  subtasks " in said
    assert "thresholds" not in said
    assert "\n    thresholds " in run("explain", "BenchMarkEvaluator", "--recursive", "--depth", "2").stdout
    assert "\n        metric*" in run("explain", "BenchMarkEvaluator", "--recursive").stdout


def test_parts_of_lists_alternatives_metadata_and_the_project_file(run: Run) -> None:
    assert "[].channel_name    a channel name" in run("explain", "ModelTrainer.input_data_config.channel_name").stdout
    assert "one of Torchrun, MPI, Custom" in run("explain", "ModelTrainer.distributed.type").stdout
    assert "required in its form" in run("explain", "ModelTrainer.distributed.driver_dir").stdout
    assert "{ref: Torchrun/NAME}" in run("explain", "ModelTrainer.distributed").stdout
    assert "hold the results against" in run("explain", "metadata.thresholds.minimum").stdout
    assert "counts in the identity alone" in run("explain", "metadata.run").stdout
    assert run("explain", "Project.environments.prod.defaults.role").stdout.startswith("Project.environments.*.")
    assert "FOO" not in run("explain", "ModelTrainer.environment.FOO").stdout


def test_hyperparameters_are_those_of_the_lock(project: Path, run: Run) -> None:
    said = run("explain", "SFTTrainer.hyperparameters")
    assert "meta-textgeneration-llama-3-2-1b-instruct  FineTuning/SFT/LORA" in said.stdout
    rows = json.loads(run("explain", "SFTTrainer.hyperparameters", "-o", "json").stdout)["hyperparameters"]
    assert {"model", "recipe", "name", "type", "default"} <= set(rows[0])
    one = run("explain", "SFTTrainer.hyperparameters.learning_rate").stdout
    assert "  learning_rate  float " in one
    assert "max_epochs  " not in one
    assert "did you mean 'learning_rate'?" in run("explain", "SFTTrainer.hyperparameters.learning_rat").stderr
    (project / "sagespec.lock.json").unlink()
    assert "run `sagespec lock`" in run("explain", "SFTTrainer.hyperparameters").stderr
    (project / "sagespec.lock.json").write_text("{", "utf-8")
    wrong = run("explain", "SFTTrainer.hyperparameters", code=exits.INVALID).stderr
    assert "sagespec.lock.json:1:2: error[syntax]" in wrong
    assert "there is no lock" not in wrong
    assert run("explain", "ModelTrainer.hyperparameters").stderr == ""  # a script has whatever it likes


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ModelTrainr", "did you mean 'ModelTrainer'?"),
        ("ModelTrainer.compute.instance_cont", "did you mean 'instance_count'?"),
        ("ModelTrainer.instance_count", "did you mean 'ModelTrainer.compute.instance_count'?"),
        ("ModelTrainer.input_data_config.chanel_name", "did you mean 'channel_name'?"),
        ("unknown-hyperparam", "did you mean 'unknown-hyperparameter'?"),
        ("benchmark", "did you mean 'BenchMarkEvaluator.benchmark'?"),
        ("instance_count", "did you mean 'ModelTrainer.compute.instance_count'?"),
        ("metadata.nme", "did you mean 'name'?"),
        ("", "`sagespec explain` lists what there is"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str, run: Run) -> None:
    said = run("explain", name, code=2).stderr if name else run("explain", " ", code=2).stderr
    assert hint in said


def test_options_that_do_not_fit(run: Run) -> None:
    assert "leave NAME out" in run("explain", "--all", "MPI", code=2).stderr
    assert "needs --recursive" in run("explain", "MPI", "--depth", "1", code=2).stderr
    assert "Give its NAME" in run("explain", "--recursive", code=2).stderr
    assert "neither" in run("explain", "unknown-key", "--example", code=2).stderr


def test_the_page_of_a_kind_is_its_markdown(run: Run) -> None:
    said = run("explain", "MPI", "-o", "markdown").stdout
    assert said.startswith("# MPI\n\nA reusable way to start processes: mpirun. ")
    assert "### `mpi_additional_options[]`\n" in said
    assert said.rstrip().endswith("```")
    assert run("explain", "MPI.process_count_per_node", "-o", "markdown").stdout.startswith("## `process_count")


@pytest.mark.parametrize("kind", ["Torchrun", "MPI"])
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_what_is_built_in_says_its_driver(kind: str, form: str, run: Run) -> None:
    document = distributed.of_kind(kind, Traced({})).document
    own = run("explain", kind, "-o", form).stdout.replace("\\_", "_")
    for member in ("driver_dir", "driver_script"):
        assert f"{member} {'is ' if member == 'driver_dir' else ''}{document[member]}" in own
        inline = run("explain", f"ModelTrainer.distributed.{member}", "-o", form).stdout.replace("\\_", "_")
        assert re.search(rf"{kind}\b.* ha(s|ve) {re.escape(document[member])}", inline)


def test_without_a_name_it_lists_what_there_is(run: Run) -> None:
    said = run("explain").stdout
    assert all(f"  {kind} " in said for kind in (*schema.kinds(), "Project"))
    assert set(json.loads(run("explain", "-o", "json").stdout)["rules"]) == set(RULES)
    assert "- `MPI`: " in run("explain", "-o", "markdown").stdout


def test_everything(run: Run) -> None:
    text, markdown = run("explain", "--all").stdout, run("explain", "--all", "-o", "markdown").stdout
    assert all(f"\n{id}    " in text and f"\n### {id}\n" in markdown for id in RULES)
    assert all(
        f"\n{one.address}    " in text for kind in schema.kinds() for one in fields.of(kind).values() if one.path
    )
    tree = json.loads(run("explain", "--all", "-o", "json").stdout)
    assert [one["document"] for one in tree["documents"]] == [*explain.documents()]


def test_the_example_is_a_spec(project: Path, run: Run) -> None:
    shutil.copytree(ROOT / "schemas" / "v1" / "examples" / "files", project / "specs" / "files")
    for kind in ("ModelTrainer", "Torchrun", "MPI"):
        (project / "specs" / f"{kind}.yaml").write_text(run("explain", kind, "--example").stdout, "utf-8")
    assert "error" not in run("compile").stderr


def completed(incomplete: str) -> list[str]:
    made = ShellComplete(cli, {}, "sagespec", "_SAGESPEC_COMPLETE").get_completions(["explain"], incomplete)
    return [one.value for one in made]


def test_names_are_completed() -> None:
    assert completed("Mod") == ["ModelTrainer"]
    assert completed("ModelTrainer.comp") == ["ModelTrainer.compute"]
    assert "ModelTrainer.compute.instance_count" in completed("modeltrainer.compute.")
    assert completed("unknown-hyper") == ["unknown-hyperparameter"]
    assert isinstance(cli, click.Group)


def test_the_pages_are_up_to_date() -> None:
    """Written by `python -m tools.write_reference`."""
    pages = write_reference.pages()
    there = {*write_reference.FOLDER.glob("kinds/*.md"), write_reference.FOLDER / "project.md"}
    assert there == set(pages)
    assert {file.name for file, text in pages.items() if file.read_text("utf-8") != text} == set()
