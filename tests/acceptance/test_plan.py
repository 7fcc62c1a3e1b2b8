"""What `plan` says: one line an address, grouped by what happens to the reader's money."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import ROOT, Run

FAST = ("--yes", "--wait", "--poll", "1")
TRAINER = (ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8")
ONES = """\
apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {name: line}
spec:
  training_image: 763104351884.dkr.ecr.us-west-2.amazonaws.com/pytorch-training:2.6
  compute: {instance_type: ml.p5.48xlarge, instance_count: 2}
  stopping_condition: {max_runtime_in_seconds: 1800}
  hyperparameters: {learning_rate: "2e-5", quiet: "yes"}
"""
SHOWN = """\
examples, environment prod, account 123456789012, us-west-2: 21 specs
START
  > BenchMarkEvaluator/llama-mmlu             1 step, at most 24 h                                        first run
  > CustomScorerEvaluator/llama-own-problems  4 steps, at most 24 h each                                  first run
  > SFTTrainer/helpful-examples               serverless, huggingface-reasoning-qwen3-32b, 2 epochs       first run
"""


@pytest.fixture
def line(project: Path, run: Run) -> Path:
    (project / "specs" / "line.yaml").write_text(ONES, "utf-8")
    run("compile")
    return project / "specs" / "line.yaml"


def test_the_examples_in_one_line_each(project: Path, aws: Sandbox, run: Run) -> None:
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    shutil.copy(ROOT / "sagespec.yaml", project)
    run("compile", "-e", "prod")
    said = run("plan", "-e", "prod").stdout
    assert said.startswith(SHOWN)
    assert re.search(
        r"^  \. DPOTrainer/helpful +serverless, .*, 1 epoch +after SFTTrainer/helpful-examples$", said, re.M
    )
    assert re.search(
        r"^PREPARE   3 pipelines, 1 function, .*; 16 uploads \(\d+ KiB\); later .*6 pipelines", said, re.M
    )
    assert said.endswith(
        "\nBLOCKED   -        STALE     -        UNCHANGED -\n"
        "9 start now, 9 later: at most 1.5 instance-hours; 16 serverless runs, billed by use. Nothing else costs.\n"
    )
    assert len(said.splitlines()) < 30
    assert "+ create   source/" in run("plan", "-e", "prod", "--verbose").stdout
    picture = run("plan", "-e", "prod", "-o", "markdown").stdout.partition("```mermaid\n")[2].partition("\n```")[0]
    picture = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), picture)
    names = dict(re.findall(r'^  (\w+)\["(.*)"\]$', picture, re.MULTILINE))
    drawn = {(names[one], names[other]) for one, other in re.findall(r"^  (\w+) --> (\w+)$", picture, re.MULTILINE)}
    assert ("> SFTTrainer/helpful-examples", ". DPOTrainer/helpful") in drawn


def test_a_plan_says_what_has_changed_since_the_earlier_run(line: Path, aws: Sandbox, run: Run) -> None:
    assert re.search(r"> ModelTrainer/line  2 x ml.p5.48xlarge, at most 30 m  first run\n", run("plan").stdout)
    run("apply", *FAST)
    assert run("plan").stdout.endswith("UNCHANGED 1\nnothing to do.\n")
    line.write_text(ONES.replace("2e-5", "1e-5"), "utf-8")
    run("compile")
    assert re.search(r"  run 2; since [0-9a-f]{12}: learning_rate 2e-5 -> 1e-5\n", run("plan").stdout)
    (file,) = json.loads(run("plan", "-o", "json").stdout)["files"]
    assert file["since"]["number"] == 1
    assert file["since"]["changes"] == [{"path": ["HyperParameters", "learning_rate"], "old": "2e-5", "new": "1e-5"}]
    run("apply", *FAST)
    line.write_text(ONES.replace("2e-5", "3e-5").replace("  quiet: yes", ""), "utf-8")
    run("compile")
    assert "run 3; since " in run("plan").stdout


def test_a_folder_that_each_run_has_of_its_own_is_no_change(line: Path, aws: Sandbox, run: Run) -> None:
    spec = ONES + "  checkpoint_config: {}\n  output_data_config: {s3_output_path: s3://my-bucket/o}\n"
    line.write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    assert "/line-" in (Path("compiled/ModelTrainer/line.json")).read_text("utf-8").partition('"CheckpointConfig"')[2]
    line.write_text(spec.replace("2e-5", "1e-5"), "utf-8")
    run("compile")
    assert re.search(r"  run 2; since [0-9a-f]{12}: learning_rate 2e-5 -> 1e-5\n", run("plan").stdout)


def test_a_masked_value_that_has_changed_is_a_change(line: Path, aws: Sandbox, run: Run) -> None:
    spec = ONES + "  environment: {HF_TOKEN: one}\n"
    line.write_text(spec, "utf-8")
    run("compile")
    run("apply", *FAST)
    line.write_text(spec.replace("HF_TOKEN: one", "HF_TOKEN: two"), "utf-8")
    run("compile")
    assert re.search(r"  run 2; since [0-9a-f]{12}: .*HF_TOKEN", run("plan").stdout)


def test_a_plan_says_what_it_costs_where_there_are_prices(line: Path, aws: Sandbox, run: Run) -> None:
    (line.parent.parent / "sagespec.yaml").write_text(
        "apiVersion: sagespec/v1\nkind: Project\nprices: {ml.p5.48xlarge: 98.32}\n", "utf-8"
    )
    assert "at most 30 m, at most 98 USD  first run" in run("plan").stdout
    assert "1 starts now: at most 1 instance-hour (98 USD). Nothing" in run("plan").stdout
    made = json.loads(run("plan", "-o", "json").stdout)
    assert made["totals"] == {"now": 1, "later": 0, "hours": 1.0, "usd": 98.32, "serverless": 0}
    assert made["files"][0]["run"]["instances"] == [{"number": 2, "type": "ml.p5.48xlarge"}]


@pytest.mark.slow
def test_a_plan_of_more_than_a_thousand_specs_stays_readable(project: Path, aws: Sandbox, run: Run) -> None:
    specs = (TRAINER.replace("name: support-agent", f"name: job-{n}") for n in range(1100))
    (project / "specs" / "a.yaml").write_text("---\n".join(specs), "utf-8")
    run("compile")
    said = run("plan").stdout.splitlines()
    assert len(said) < 50
    assert "    and 1,060 more (1,060 MultiTurnRLTrainer): see --verbose" in said
    assert len(run("plan", "--verbose").stdout.splitlines()) > 2200
    comment = run("plan", "-o", "markdown").stdout
    assert len(comment) <= 60_000
    assert re.search(r"\nLeft out for length: \d+ of those that start\.\n$", comment)


def test_a_plan_as_a_comment(line: Path, aws: Sandbox, run: Run) -> None:
    run("apply", *FAST)
    line.write_text(ONES.replace("2e-5", "@everyone </code>|"), "utf-8")
    run("compile")
    title, verdict, *rest = run("plan", "-o", "markdown").stdout.splitlines()
    assert title == "<!-- sagespec:plan -->"
    assert verdict == "### sagespec plan: 1 starts now: at most 1 instance-hour"
    assert "| | starts | takes | since |" in rest
    assert not [text for text in rest if "@everyone" in text or "</code>|" in text.replace("</code> |", "")]
    assert "<details><summary>What differs from the earlier run: 1 spec</summary>" in rest


def test_the_sum_says_that_nothing_is_sent(line: Path, aws: Sandbox, run: Run) -> None:
    spec = TRAINER.replace("s3://my-bucket/output", "s3://no-bucket/output")
    (line.parent / "refused.yaml").write_text(spec, "utf-8")
    run("compile")
    said = run("plan", code=3).stdout
    assert "\nREFUSED, so that nothing is sent\n  ! MultiTurnRLTrainer/support-agent  there is no bucket" in said
    last = "nothing is sent, since 1 is refused; otherwise 1 starts now: at most 1 instance-hour"
    assert said.endswith(f"\n{last}.\n")
    assert f"### sagespec plan: {last}\n" in run("plan", "-o", "markdown", code=3).stdout


def test_what_has_failed_is_in_the_sum(line: Path, aws: Sandbox, run: Run) -> None:
    line.write_text(f"{ONES}  tags: {{'sandbox:fail': out of memory}}\n", "utf-8")
    run("compile")
    run("apply", *FAST, code=4)
    said = run("plan").stdout
    assert "\nFAILED, and not run again\n  ! ModelTrainer/line  Failed: out of memory\n" in said
    assert said.endswith("\nnothing to do; 1 failed.\n")


def test_the_legend_is_in_the_help(run: Run) -> None:
    said = run("plan", "--help").stdout
    for sign, meaning in ((">", "starts now"), (".", "starts when"), ("!", "failed"), ("*", "tags")):
        assert re.search(rf"{re.escape(sign)}  {meaning}", said)
