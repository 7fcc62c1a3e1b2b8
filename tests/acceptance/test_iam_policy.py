"""The policies of `iam-policy` against IAM's own reference, and against all that the commands really send.

Every request of a whole life of the examples and of more specs is heard over HTTP, and replayed against the policy
for its command. No action, resource or condition of a policy is there for nothing, and nothing else is allowed.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sagespec.review import iam_policies
from sagespec.sagemaker import permissions
from sagespec.sagemaker.permissions import Condition, Grant, Origin
from sagespec.sandbox.service import Timing

from tests import iam, proxy
from tests.conftest import EXISTING, ROOT, Run, start_account
from tests.iam import ACCOUNT, KEY, REGION, Asked, Heard

DICTIONARY: dict[str, Any] = json.loads((ROOT / "tests" / "iam_dictionary.json").read_text("utf-8"))
ACTIONS = DICTIONARY["actions"]
TABLE = permissions.table()
HUB = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:hub-content/team-hub"
SCORER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:scorer"
SERVER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:mlflow-tracking-server/theirs"
GROUP = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/out-mpg"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/trainer:1"
MORE = f"""apiVersion: sagespec/v1
kind: ModelTrainer
metadata: {{name: own-image}}
spec:
  training_image: {IMAGE}
  compute: {{instance_type: ml.m5.large, instance_count: 1}}
  source_code: {{source_dir: code, entry_script: train.py}}
  output_data_config: {{s3_output_path: s3://my-bucket/own, kms_key_id: {KEY}}}
---
apiVersion: sagespec/v1
kind: CustomScorerEvaluator
metadata: {{name: scored}}
spec:
  model: arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/llama-ft/1
  evaluator: {SCORER}
  dataset: {HUB}/DataSet/sums/1.0.0
  s3_output_path: s3://my-bucket/scored
  mlflow_resource_arn: {SERVER}
---
apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {{name: grouped}}
spec:
  model: {{job: finished-mtrl-job}}
  agent_env: myRuntime-aBcDeFgHiJ
  training_dataset: s3://my-bucket/train.jsonl
  s3_output_path: s3://my-bucket/grouped
  output_model_package_group: {GROUP}
---
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {{name: archived}}
spec: {{role: LambdaRole, source: s3://my-bucket/code.zip}}
---
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {{name: from-s3}}
spec: {{role: LambdaRole, source: s3://my-bucket/agent.py}}
"""
THERE = [*EXISTING, f"{HUB}/DataSet/sums/1.0.0", SCORER, SERVER, IMAGE, "s3://my-bucket/code.zip"]
SORTS = (
    "CustomAgentLambda/calculator",
    "ModelTrainer/line",
    "MultiTurnRLEvaluator/support-agent-episodes",
    "MultiTurnRLTrainer/support-agent",
)
"""A spec of each sort of run."""
COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("lock", ("lock", "--upgrade")),
    ("lock", ("catalog", "models")),
    ("lock", ("catalog", "runtimes")),
    ("plan", ("plan",)),
    ("apply", ("apply", "--yes", "--wait", "--poll", "1")),
    ("", ("tags",)),
    ("plan", ("plan", "--sync-tags")),
    ("apply", ("apply", "--yes", "--sync-tags")),
    ("", ("runs",)),
    ("plan", ("plan",)),
    ("apply", ("apply", "--yes", "--wait", "--poll", "1")),
    ("apply", ("apply", "--yes")),
    ("track", ("status",)),
    ("track", ("list",)),
    *(("track", (name, target)) for name in ("describe", "verify", "mlflow-url") for target in SORTS),
    ("track", ("mlflow-url", "CustomScorerEvaluator/scored")),
    ("track", ("logs", "*")),
    ("track", ("results", "*")),
    ("track", ("delete", "*", "--yes")),
)
"""Commands by whose permissions they need, in order; `*` stands for each spec, '' is a change of the specs."""


def tag_all(project: Path) -> None:
    text = "apiVersion: sagespec/v1\nkind: Project\ndefaults: {tags: {team: agents}}\n"
    (project / "sagespec.yaml").write_text(text, "utf-8")


def run_again(project: Path) -> None:
    """Let all run once more that has no place of its own for each run."""
    for file in (project / "specs").glob("*.yaml"):
        text = file.read_text("utf-8")
        if "spec.run" not in text:
            text = re.sub(r"(metadata: \{name: [\w-]+)\}", r"\1, run: 2}", text)
            file.write_text(re.sub(r"(metadata:\n  name: [\w-]+\n)", r"\1  run: 2\n", text), "utf-8")


def addresses(project: Path) -> list[str]:
    return sorted(f"{file.parent.name}/{file.stem}" for file in (project / "compiled").glob("*/*.json"))


class Life:
    """What was asked of IAM by purpose, and the policies for it."""

    def __init__(self) -> None:
        self.asked: dict[str, set[Asked]] = {}
        self.policies: dict[str, list[dict[str, Any]]] = {}


@pytest.fixture
def life(project: Path, run: Run, mlflow_at_once: None, monkeypatch: pytest.MonkeyPatch) -> Life:
    """The project's whole life, heard over HTTP."""
    shutil.rmtree(project / "specs")
    shutil.copytree(ROOT / "specs", project / "specs")
    (project / "specs" / "more.yaml").write_text(MORE, "utf-8")
    (project / "specs" / "code").mkdir()
    (project / "specs" / "code" / "train.py").write_text("print(1)\n", "utf-8")
    found, heard, now = Life(), list[tuple[str, Heard]](), threading.local()
    purpose = ""

    def hear(operation: str, headers: dict[str, str]) -> None:
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", ""))
        service = scope[1] if scope else "sts"
        method, _, path = operation.partition(" ") if " " in operation else ("POST", "", "/")
        now.heard = Heard(service, method, path, operation if " " not in operation else "", b"", headers)

    def note(_operation: str, body: bytes) -> None:
        heard.append((purpose, replace(now.heard, body=body)))

    with (
        start_account(Timing(job=0.2, lineage=0.02), [*THERE, "s3://my-bucket/agent.py"]) as running,
        proxy.before(running.url, refuse=note, heard=hear) as url,
    ):
        for name, value in {**running.environment(), "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        run("lock")
        run("compile")
        for of, command in COMMANDS:
            purpose = of
            if of:
                for target in addresses(project) if "*" in command else [""]:
                    run(*(target if word == "*" else word for word in command), code=None)
            else:
                (tag_all if command == ("tags",) else run_again)(project)
                run("compile")
    for of, request in heard:
        if of and request.service != "sagemaker-mlflow":
            found.asked.setdefault(of, set()).update(iam.asked_by(request, ACTIONS))
    for of in ("lock", "plan", "apply", "track", "execution", "agent"):
        printed = json.loads(run("iam-policy", "--for", of).stdout)["policies"]
        found.policies[of] = [s for policy in printed for s in policy["document"]["Statement"]]
        for policy in printed:
            assert len(json.dumps(policy["document"], separators=(",", ":"))) <= iam_policies.MOST_CHARACTERS
    return found


OF_MLFLOW = ("GetExperimentByName", "GetMetricHistory", "GetRun", "SearchRuns")
FAILED = "asked for the reason where an execution has failed"
MLFLOW = "asked by MLflow's own client, for metrics and thresholds"
RUNNING = "sent while it runs"
UNHEARD = {
    ("plan", "ecr:DescribePullThroughCacheRules"): "asked where an image is missing",
    ("plan", "sagemaker:DescribePipelineExecution"): FAILED,
    ("plan", "sagemaker:ListPipelineExecutionSteps"): FAILED,
    ("apply", "ecr:DescribePullThroughCacheRules"): "asked where an image is missing",
    ("apply", "sagemaker:CallMlflowAppApi"): MLFLOW,
    ("apply", "sagemaker:DeleteArtifact"): "sent where two applies have made the same artifact at once",
    **{("track", f"sagemaker-mlflow:{action}"): MLFLOW for action in OF_MLFLOW},
    ("track", "sagemaker:CallMlflowAppApi"): MLFLOW,
    ("track", "s3:GetObject"): "read where the script of a training has written results",
    ("track", "sagemaker:DeletePipeline"): "sent with the last execution of a pipeline",
    ("track", "sagemaker:StopJob"): RUNNING,
    ("track", "sagemaker:StopPipelineExecution"): RUNNING,
    ("track", "sagemaker:StopTrainingJob"): RUNNING,
}
"""Actions that no command of this life needs, and when one does."""


@pytest.mark.slow
def test_all_that_is_sent_is_allowed_and_nothing_is_there_for_nothing(life: Life) -> None:
    flaws: list[str] = []
    for of, asked in life.asked.items():
        policy = life.policies[of]
        flaws += [f"{of}: denied: {one}" for one in asked if not iam.allowed(policy, one)]
        idle = {(of, action) for action in unused(life, of)} - UNHEARD.keys()
        flaws += [f"{of}: needed by nothing: {action}" for _, action in idle]
        outside = {other for one in asked for other in outsiders(one, of)}
        flaws += [f"{of}: allowed to others: {other}" for other in outside if iam.allowed(policy, other)]
        flaws += [f"{of}: keeps nobody out: {condition}" for condition in idle_conditions(policy, outside)]
        assert len(asked) > 30, "what was to be heard was not"
        assert len(outside) > len(asked)
    assert not flaws, "\n".join(sorted(flaws))
    for statements in life.policies.values():
        for statement in statements:
            check_statement(statement)


def unused(life: Life, of: str) -> Iterator[str]:
    """The actions that have a resource, or are one of several, without which all that was asked is still allowed."""
    for number, statement in enumerate(life.policies[of]):
        for part in ("Action", "Resource"):
            for dropped in statement[part]:
                without = deepcopy(life.policies[of])
                without[number][part].remove(dropped)
                if all(iam.allowed(without, asked) for asked in life.asked[of]):
                    yield from [dropped] if part == "Action" else statement["Action"]


def idle_conditions(statements: list[dict[str, Any]], outside: set[Asked]) -> Iterator[str]:
    """The conditions without which nothing of others would be allowed."""
    for number, statement in enumerate(statements):
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                without = deepcopy(statements)
                del without[number]["Condition"][operator][key]
                if not any(iam.allowed(without, asked) for asked in outside):
                    yield f"{key}: {statement}"


OTHERS = "999999999999"


def outsiders(asked: Asked, of: str) -> Iterator[Asked]:
    """What is like something that was asked, and none of the project's; `plan` and `apply` list whole buckets."""
    if asked.resource != "*":
        resources = {
            asked.resource.replace(f":{ACCOUNT}:", f":{OTHERS}:"),
            asked.resource.replace(REGION, "eu-west-1"),
        }
        start, colon, name = asked.resource.removesuffix(":*").rpartition(":")
        if not OF_AWS.match(asked.resource) and (of, asked.action) not in OF_ALL:
            resources.add(f"{start}{colon}{'/'.join(f'x{step}' for step in name.split('/'))}")
        yield from (replace(asked, resource=resource) for resource in resources - {asked.resource})
    for index, (key, value) in enumerate(asked.context):
        if value == "aws" or (key == "s3:prefix" and of != "track"):
            continue
        other = {"aws:ResourceAccount": OTHERS, "iam:PassedToService": "ec2.amazonaws.com"}.get(key, f"x{value}")
        yield replace(asked, context=(*asked.context[:index], (key, other), *asked.context[index + 1 :]))


OF_ALL = {("track", "sagemaker:DescribeTrainingJob")}
"""`list` looks at all trainings of the account: their list does not say of which kind they are."""
OF_AWS = re.compile(r"arn:aws:s3:::jumpstart-cache-prod-")
"""Buckets of AWS's own: all of them may be read."""


def test_every_action_form_and_condition_is_known_to_iam() -> None:
    """The reference is AWS's own; `make iam-dictionary` writes it anew."""
    actions = [one for name in ("operations", "execution", "readers", "agent") for one in TABLE[name].values()]
    assert {action for tree in actions for action in tree} == ACTIONS.keys(), "run `make iam-dictionary`"
    for tree in actions:
        for action, forms in tree.items():
            for name in [forms] if isinstance(forms, str) else forms:
                check_conditions(action, TABLE["forms"][name].get("conditions", {}))


def check_conditions(action: str, conditions: dict[str, dict[str, Any]]) -> None:
    for key in (key for keys in conditions.values() for key in keys):
        assert key in ACTIONS[action]["conditions"] or key in DICTIONARY["globals"], f"{action} has no {key}"


def check_resource(action: str, resource: str) -> None:
    """Check that an ARN is one of those that an action takes; what has none stands for everything."""
    patterns = ACTIONS[action]["resources"]
    if resource == "*":
        assert not any(patterns.values()) or action in BROAD, f"{action} has resources"
        return
    shapes = [re.sub(r"\\\$\\\{\w+\\\}", "[^:]*", re.escape(pattern)) for pattern in patterns]
    assert any(re.fullmatch(shape + ".*", resource) for shape in shapes), f"{action} takes no {resource}"


BROAD: set[str] = set()


def check_statement(statement: dict[str, Any]) -> None:
    for action in statement["Action"]:
        check_conditions(action, statement.get("Condition", {}))
        for resource in statement["Resource"]:
            check_resource(action, resource)
    assert "*" not in statement["Resource"] or len(statement["Resource"]) == 1


def compile_one(project: Path, run: Run, name: str = "greeter", key: str = "agent.zip") -> None:
    text = f"""apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {{name: {name}}}
spec:
  role: LambdaRole
  source: "s3://my-bucket/{key}"
"""
    (project / "specs" / "a.yaml").write_text(text, "utf-8")
    run("compile")


def test_explain_names_the_line_that_needs_a_statement(project: Path, run: Run) -> None:
    compile_one(project, run)
    lines = run("iam-policy", "CustomAgentLambda/greeter", "--for", "apply", "--explain").stdout.splitlines()
    at = lines.index("  iam:PassRole")
    assert lines[at + 1 : at + 4] == [
        f"    on arn:aws:iam::{ACCOUNT}:role/LambdaRole",
        "    if iam:PassedToService is lambda.amazonaws.com",
        "    for CustomAgentLambda/greeter (specs/a.yaml:5)",
    ]
    at = lines.index("    on arn:aws:s3:::my-bucket/agent.zip")
    assert lines[at - 1 : at + 3 : 3] == ["  s3:GetObject", "    for CustomAgentLambda/greeter (specs/a.yaml:6)"]
    assert "for roles/LambdaRole" in run("iam-policy", "--for", "lock", "--explain").stdout


def test_text_of_specs_is_no_wildcard_and_no_variable(project: Path, run: Run) -> None:
    compile_one(project, run, key="*/a?b/$x.zip")
    text = run("iam-policy", "--for", "apply").stdout
    assert "arn:aws:s3:::my-bucket/${*}/a${?}b/${$}x.zip" in text
    written = run("iam-policy", "--for", "apply", "-o", "terraform").stdout
    assert "arn:aws:s3:::my-bucket/$${*}/a$${?}b/$${$}x.zip" in written
    assert written.startswith('resource "aws_iam_policy" "sagespec_apply" {\n  name   = "sagespec-apply"\n')


def test_what_is_no_compiled_file_is_refused(project: Path, run: Run) -> None:
    compile_one(project, run)
    said = run("iam-policy", "CustomAgentLambda/nobody", "--for", "plan", code=2).stderr
    assert "no spec is called 'CustomAgentLambda/nobody'" in said


def test_a_policy_has_at_most_the_characters_that_iam_takes() -> None:
    origin = Origin("K/a", "job")
    grants = [Grant("s3:GetObject", f"arn:aws:s3:::bucket/{'x' * 90}/{n}", (), origin) for n in range(300)]
    policies = iam_policies.write(grants, "many")
    assert [policy.name for policy in policies] == [f"many-{n}" for n in range(1, len(policies) + 1)]
    sizes = [len(json.dumps(policy.document(), separators=(",", ":"))) for policy in policies]
    assert max(sizes) <= iam_policies.MOST_CHARACTERS
    granted = {r for policy in policies for statement in policy.statements for r in statement.resources}
    assert granted == {grant.resource for grant in grants}


def test_what_a_wider_grant_allows_is_left_out() -> None:
    account = (Condition("StringEquals", "aws:ResourceAccount", ACCOUNT),)
    narrow, wide = Origin("K/narrow", "job"), Origin("K/wide", "job")
    grants = [
        Grant("s3:GetObject", "arn:aws:s3:::b/k/train.jsonl", account, narrow),
        Grant("s3:GetObject", "arn:aws:s3:::b/k/*", account, wide),
        Grant("s3:GetObject", "arn:aws:s3:::b/k/*", (*account, Condition("StringLike", "s3:x", "y")), narrow),
        Grant("s3:GetObject", "arn:aws:s3:::b/other", (), narrow),
    ]
    ((policy,),) = (iam_policies.write(grants, "one"),)
    assert [(s.resources, s.conditions, s.origins) for s in policy.statements] == [
        (("arn:aws:s3:::b/k/*",), account, (wide, narrow)),
        (("arn:aws:s3:::b/other",), (), (narrow,)),
    ]
