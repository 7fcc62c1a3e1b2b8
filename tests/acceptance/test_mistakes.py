"""About a hundred mistakes, one at a time, in a project of eight specs that refer to each other.

Each is reported at the very token, and hardly more than once: what only follows from it is counted.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import LOCK, Run

PROJECT = """apiVersion: sagespec/v1
kind: Project
specs: [specs]
output: compiled
lock: sagespec.lock.json
defaults: {region: us-west-2}
"""
HEAD = "apiVersion: sagespec/v1\nkind: {}\nmetadata: {{name: {}}}\n{}spec:\n"
FIELDS = {
    "a": (
        "CustomAgentLambda",
        "agent",
        """  role: LambdaRole
  source: agent.py
  timeout: 300
  memory_size: 512
  environment: {LOG_LEVEL: info}
""",
    ),
    "t": (
        "MultiTurnRLTrainer",
        "trainer",
        """  model: huggingface-reasoning-qwen3-32b
  agent_env: {ref: CustomAgentLambda/agent}
  training_dataset: s3://my-bucket/train.jsonl
  accept_eula: true
  mlflow_experiment_name: agents
  output_model_package_group: arn:aws:sagemaker:us-west-2:123456789012:model-package-group/trained
  base_job_name: trainer
  region: us-west-2
  kms_key_arn: arn:aws:kms:us-west-2:123456789012:key/k
  networking: {security_group_ids: [sg-0123456789abcdef0], subnets: [subnet-0123456789abcdef0]}
  tags: {team: agents}
  hyperparameters: {max_epochs: 2, group_size: 4}
""",
    ),
    "b": (
        "BenchMarkEvaluator",
        "bench",
        """  model: {ref: MultiTurnRLTrainer/trainer}
  benchmark: math
  subtasks: [algebra]
  s3_output_path: s3://my-bucket/b
""",
    ),
    "j": (
        "LLMAsJudgeEvaluator",
        "judged",
        """  model: {ref: MultiTurnRLTrainer/trainer}
  evaluator_model: anthropic.claude-sonnet-4-5-20250929-v1:0
  builtin_metrics: [Correctness]
  dataset: s3://my-bucket/judged.jsonl
  s3_output_path: s3://my-bucket/j
""",
    ),
    "e": (
        "MultiTurnRLEvaluator",
        "episodes",
        """  model: {ref: MultiTurnRLTrainer/trainer}
  dataset: s3://my-bucket/episodes.jsonl
  s3_output_path: s3://my-bucket/e
  stopping_condition: 3600
  evaluate_base_model: true
""",
    ),
    "d": ("Torchrun", "two", "  process_count_per_node: 2\n"),
    "m": (
        "ModelTrainer",
        "job",
        """  training_image: img:1
  compute: {instance_type: ml.p4d.24xlarge, instance_count: 2}
  source_code: {source_dir: code, entry_script: train.py}
  distributed: {ref: Torchrun/two}
  stopping_condition: {max_runtime_in_seconds: 1800}
  input_data_config: [{channel_name: train, data_source: s3://my-bucket/x}]
  output_data_config: {s3_output_path: s3://my-bucket/o}
""",
    ),
}
THRESHOLDS = {"b": "  thresholds: [{metric: exact_match, minimum: 0.3}]\n"}
MOST_REPORTS = 1.3
"""A mistake, on average."""


def files() -> dict[str, str]:
    """The project's files, by their letter."""
    found = {"p": PROJECT}
    for letter, (kind, name, fields) in FIELDS.items():
        head = HEAD.format(kind, name, "")
        if letter in THRESHOLDS:
            head = head.replace(f"metadata: {{name: {name}}}\n", f"metadata:\n  name: {name}\n{THRESHOLDS[letter]}")
        found[letter] = head + fields
    return found


@dataclass(frozen=True)
class Mistake:
    """A file with one mistake in it, and the token to point at."""

    letter: str
    text: str
    line: int
    column: int
    token: str
    name: str

    @property
    def file(self) -> str:
        return "sagespec.yaml" if self.letter == "p" else f"specs/{self.letter}.yaml"


def mistakes() -> list[Mistake]:
    found = []
    for line in (Path(__file__).parent / "mistakes.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        letter, right, wrong = line.replace(r"\n", "\n").split(" | ", 2)
        before = files()[letter]
        assert before.count(right) == 1, line
        marked = before.replace(right, wrong)
        start, end = marked.index("«"), marked.index("»") - 1
        text = marked.replace("«", "").replace("»", "")
        column = start - text.rfind("\n", 0, start)
        found.append(Mistake(letter, text, text.count("\n", 0, start) + 1, column, text[start:end], wrong.strip()))
    return found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(LOCK, tmp_path)
    (tmp_path / "specs" / "code").mkdir(parents=True)
    (tmp_path / "specs" / "code" / "train.py").write_text("print(1)\n", "utf-8")
    (tmp_path / "specs" / "agent.py").write_text("def handler(event, context): return 1\n", "utf-8")
    write(tmp_path, files())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(root: Path, texts: dict[str, str]) -> None:
    for letter, text in texts.items():
        (root / ("sagespec.yaml" if letter == "p" else f"specs/{letter}.yaml")).write_text(text, "utf-8")


def reports(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("compile", "--format", "json", code=None).stdout)["diagnostics"]
    return found


def test_the_project_is_right_but_for_the_mistakes(root: Path, run: Run) -> None:
    assert reports(run) == []
    run("compile", "--check")


def test_each_mistake_is_reported_at_its_token_and_hardly_more_than_once(root: Path, run: Run) -> None:
    counts, missed = [], []
    for mistake in mistakes():
        write(root, {**files(), mistake.letter: mistake.text})
        found = reports(run)
        counts.append(len(found))
        here = [
            d
            for d in found
            if (d["file"], d["line"], d["column"]) == (mistake.file, mistake.line, mistake.column)
            and (d["end_line"], d["end_column"] - d["column"]) == (d["line"], len(mistake.token))
        ]
        if not here or len(found) > 2:
            told = [f"{d['file']}:{d['line']}:{d['column']}-{d['end_column']} {d['message']}" for d in found]
            missed.append(
                f"{mistake.name}\n    wanted {mistake.file}:{mistake.line}:{mistake.column}\n    "
                + "\n    ".join(told)
            )
    assert not missed, f"{len(missed)} of {len(counts)}:\n" + "\n".join(missed)
    average = sum(counts) / len(counts)
    assert average <= MOST_REPORTS, f"{average:.2f}"


def errors(run: Run, *args: str) -> list[str]:
    """Each report as `file:line:column rule`."""
    found = json.loads(run(*(args or ("compile",)), "--format", "json", code=1).stdout)["diagnostics"]
    return [f"{d['file']}:{d['line']}:{d['column']} {d['rule']}" for d in found if d["severity"] == "error"]


def test_what_only_refers_to_a_mistake_is_counted(root: Path, run: Run) -> None:
    write(root, {"a": files()["a"].replace("timeout: 300", "timeout: 0")})
    for command in ("compile", "validate"):
        result = run(command, code=1)
        assert re.findall(r"^(\S+): error\[", result.stderr, re.MULTILINE) == ["specs/a.yaml:7:12"]
        assert "4 more specs refer to it and were not compiled: BenchMarkEvaluator/bench, " in result.stderr
        assert "4 more specs" in run(command, "--format", "sarif", code=1).stderr
    write(root, {"d": files()["d"].replace("node: 2", "node: -2")})
    assert "5 more specs refer to them and were not compiled: " in run("compile", code=1).stderr


def ring(root: Path, names: str, **more: str) -> None:
    """Trainers that each begin with what the next makes, the last with the first's; `more` also refer to another."""
    for name, after in zip(names, names[1:] + names[0], strict=True):
        refs = f"  model: {{ref: MultiTurnRLTrainer/{after}}}\n"
        spec = f"spec:\n{refs}  agent_env: myRuntime-aBcDeFgHiJ\n  training_dataset: s3://my-bucket/t.jsonl\n"
        text = f"apiVersion: sagespec/v1\nkind: MultiTurnRLTrainer\nmetadata: {{name: {name}}}\n{spec}"
        (root / "specs" / f"ring-{name}.yaml").write_text(text + more.get(name, ""), "utf-8")


def test_a_cycle_is_reported_once(root: Path, run: Run) -> None:
    ring(root, "klmnopq")
    ring(root, "xyz", y="  role: Nobody\n")
    wrong = ["specs/ring-k.yaml:5:16 ref-cycle", "specs/ring-x.yaml:5:16 ref-cycle"]
    assert errors(run) == [*wrong, "specs/ring-y.yaml:8:9 missing-fact"], "and hides nothing else of its specs"
    said = run("compile", code=1).stderr
    assert "k -> MultiTurnRLTrainer/l -> " in said
    assert "7 more specs refer to them and were not compiled: MultiTurnRLTrainer/l, " in said
    assert errors(run, "compile", "specs/ring-n.yaml") == ["specs/ring-n.yaml:5:16 ref-cycle"]


def test_whoever_asks_for_one_spec_is_told_what_keeps_it_from_being_compiled(root: Path, run: Run) -> None:
    write(root, {"a": files()["a"].replace("timeout: 300", "timeout: 0")})
    assert errors(run, "compile", "specs/t.yaml") == ["specs/t.yaml:6:20 broken-ref"]
    result = run("compile", "specs/t.yaml", "specs/b.yaml", code=1)
    assert "hint: the first is at specs/a.yaml:7" in result.stderr
    assert "1 more spec refers to it and was not compiled: BenchMarkEvaluator/bench" in result.stderr


WORSE = {
    "t": ("model: huggingface-reasoning-qwen3-32b", "model: unknown-to-the-lock"),
    "b": ("[algebra]", "[algebras]"),
    "j": ("anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-unknown"),
    "e": ("s3://my-bucket/episodes.jsonl", "s3://My_Bucket/episodes.jsonl"),
    "m": ("entry_script: train.py", "entry_script: trian.py"),
}


@pytest.mark.parametrize("letter", WORSE)
@pytest.mark.parametrize("target", ["Torchrun/nobody", "MultiTurnRLTrainer/nobody", "CustomAgentLambda/nobody", ""])
def test_a_broken_ref_hides_nothing_else(root: Path, run: Run, letter: str, target: str) -> None:
    worse = files()[letter].replace(*WORSE[letter])
    write(root, {letter: worse})
    (alone,) = errors(run)
    if target:
        write(root, {letter: re.sub(r"ref: [\w/]+", f"ref: {target}", worse)})
        assert len(found := errors(run)) == 2
    else:  # to specs that have mistakes themselves
        write(root, {"a": files()["a"].replace("300", "0"), "d": files()["d"].replace("2", "0")})
        assert len(found := errors(run)) == 3
    assert alone in found


def test_what_does_not_compile_hides_nothing_of_what_depends_on_it(root: Path, run: Run) -> None:
    policy = {"properties": {"metadata": {"properties": {"account": {"const": "210987654321"}}}}}
    (root / "policy.json").write_text(json.dumps(policy), "utf-8")
    write(root, {"p": f"{PROJECT}policies: [policy.json]\n"})
    assert [name.partition(":")[0] for name in errors(run)] == [f"specs/{letter}.yaml" for letter in "abdejmt"]


@pytest.mark.parametrize("more", ["", ", account: '123456789012'"])
@pytest.mark.parametrize("line", ["lock: sagespec.lock.json\n", ""])
def test_no_lock_is_said_once(root: Path, run: Run, more: str, line: str) -> None:
    (root / LOCK.name).unlink()
    text = PROJECT.replace("us-west-2", f"us-west-2{more}").replace("lock: sagespec.lock.json\n", line)
    write(root, {"p": text})
    (found,) = reports(run)
    assert found["message"].startswith(f"there is no {'lock' if not (more and line) else 'file'} sagespec.lock.json")
    assert "sagespec lock" in found["hint"]
    if line or not more:
        assert found["file"] == "sagespec.yaml"


def test_no_role_is_said_once(root: Path, run: Run) -> None:
    lock = json.loads((root / LOCK.name).read_text("utf-8"))
    for context in lock["contexts"].values():
        context["role"] = None
    (root / LOCK.name).write_text(json.dumps(lock), "utf-8")
    (found,) = reports(run)
    assert found["message"] == "no role is given and the lock has no default role; 4 more specs need it as well"


@pytest.mark.parametrize("field", ["role: arn:aws:iam:123456789012:role/X", "mlflow_app_arn: app"])
def test_what_is_given_and_malformed_is_not_called_absent(root: Path, run: Run, field: str) -> None:
    """Whether or not the lock has a default in its place."""
    write(root, {"t": files()["t"].replace("spec:\n", f"spec:\n  {field}\n", 1)})
    path = f"spec.{field.partition(':')[0]}"
    assert [(found["rule"], found["path"]) for found in reports(run)] == [("bad-pattern", path)]
    lock = json.loads((root / LOCK.name).read_text("utf-8"))
    for context in lock["contexts"].values():
        context |= {"role": None, "default_mlflow_app": None}
    (root / LOCK.name).write_text(json.dumps(lock), "utf-8")
    assert [found["rule"] for found in reports(run) if found["path"] == path and found["file"] == "specs/t.yaml"] == [
        "bad-pattern"
    ]


OPENED: list[str] = []
sys.addaudithook(lambda event, args: OPENED.append(str(args[0])) if event == "open" else None)


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_the_lines_of_many_failures_are_found_by_one_compile(
    root: Path, run: Run, aws: Sandbox, command: tuple[str, ...]
) -> None:
    for file in root.glob("specs/*.yaml"):
        file.unlink()
    for number in range(20):
        text = files()["m"].replace("name: job", f"name: job{number}").replace("distributed: {ref: Torchrun/two}", "")
        text = text.replace("s3://my-bucket/o", "s3://no-such-bucket/o")
        (root / "specs" / f"m{number}.yaml").write_text(text, "utf-8")
    run("compile")
    OPENED.clear()
    result = run(*command, code=3)
    assert len(set(re.findall(r"specs/m\d+.yaml:11:40\b", result.stderr))) == 20
    opened = [name for name in OPENED if re.search(r"specs/m\d+\.yaml$", name)]
    assert len(opened) <= 20, "each spec is read once"
