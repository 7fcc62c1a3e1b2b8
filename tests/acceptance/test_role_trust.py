"""A role that a service may not assume is found by plan, at the line that names it, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from sagespec.sandbox import Sandbox

from tests.conftest import Run

ROLE = "arn:aws:iam::123456789012:role/team/Trainer"
SPECS = f"""apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {{name: agent}}
spec:
  model: huggingface-reasoning-qwen3-32b
  agent_env: myRuntime-aBcDeFgHiJ
  training_dataset: s3://my-bucket/support/train.jsonl
  s3_output_path: s3://my-bucket/output
  role: {ROLE}
---
apiVersion: sagespec/v1
kind: MultiTurnRLEvaluator
metadata: {{name: episodes}}
spec:
  model: {{ref: MultiTurnRLTrainer/agent}}
  dataset: s3://my-bucket/support/evaluation.jsonl
  s3_output_path: s3://my-bucket/evaluations
  role: {ROLE}
---
apiVersion: sagespec/v1
kind: CustomAgentLambda
metadata: {{name: greeter}}
spec:
  role: {ROLE}
  source: "def handler(event, context): return 1"
"""
JOB, PIPELINE, LAMBDA = "job.sagemaker.amazonaws.com", "sagemaker.amazonaws.com", "lambda.amazonaws.com"
LINES = (9, 18, 24)
"""The lines of the roles: of the job, of the pipeline and its steps, of the function."""


def allow(*services: str, actions: Any = ("sts:AssumeRole", "sts:TagSession"), **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": actions, **more}


def source(key: str, value: str) -> dict[str, Any]:
    return {"Condition": {"StringEquals": {key: value}}}


ALL = (JOB, PIPELINE, LAMBDA)
OTHERS = "999999999999"
TRUSTS: dict[str, tuple[list[dict[str, Any]], set[int]]] = {
    "all of them": ([allow(*ALL)], set()),
    "with a wildcard": ([allow(*ALL, actions="sts:*")], set()),
    "of this account": ([allow(*ALL, **source("aws:SourceAccount", "123456789012"))], set()),
    "of an ARN of this account": (
        [allow(*ALL, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:*:*:123456789012:*"}})],
        set(),
    ),
    "under a condition that only AWS can tell": ([allow(*ALL, **source("aws:RequestTag/team", "rl"))], set()),
    "all but a job": ([allow(PIPELINE, LAMBDA)], {9, 18}),
    "all but sessions with tags": ([allow(*ALL, actions="sts:AssumeRole")], {9, 18}),
    "all but a pipeline": ([allow(JOB, LAMBDA)], {18}),
    "all but a function": ([allow(JOB, PIPELINE)], {24}),
    "of another account": ([allow(*ALL, **source("aws:SourceAccount", OTHERS))], {*LINES}),
    "people only": (
        [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHERS}:root"}, "Action": "sts:*"}],
        {*LINES},
    ),
    "all, and then denied": ([allow(*ALL), {**allow(JOB), "Effect": "Deny"}], {9, 18}),
}


@pytest.fixture
def compiled(project: Path, run: Run) -> Path:
    (project / "specs" / "a.yaml").write_text(SPECS, "utf-8")
    run("compile")
    return project


def create(trust: dict[str, Any]) -> None:
    boto3.client("iam").create_role(RoleName="Trainer", Path="/team/", AssumeRolePolicyDocument=json.dumps(trust))


def test_plan_checks_who_may_assume_a_role(compiled: Path, aws: Sandbox, run: Run) -> None:
    assert compiled.is_dir()
    iam = boto3.client("iam")
    for name, (statements, lines) in TRUSTS.items():
        create({"Version": "2012-10-17", "Statement": statements})
        said = run("plan", code=3 if lines else 0).stderr
        told = {
            line
            for line in LINES
            if f"specs/a.yaml:{line}:9: error[role-trust]: the trust policy of role Trainer" in said
        }
        assert told == lines, f"{name}\n{said}"
        iam.delete_role(RoleName="Trainer")  # moto refuses to change a policy to one with sts:TagSession
    assert not [call for call in aws.mutations() if call.service != "iam"]


def test_the_trust_policy_that_is_printed_satisfies_plan_and_apply(compiled: Path, aws: Sandbox, run: Run) -> None:
    assert compiled.is_dir()
    assert aws.url
    printed = [json.loads(run("iam-policy", "--for", role, "-o", "trust").stdout) for role in ("execution", "agent")]
    (jobs,), (agents,) = (one["policies"] for one in printed)
    assert jobs["role"] == ROLE
    assert jobs == agents, "a role of both has one trust policy, and either call prints the whole of it"
    create(jobs["document"])
    run("plan")
    run("apply", "--yes")
    said = run("iam-policy", "--for", "apply", "-o", "trust", code=2).stderr
    assert "-o trust is for execution and agent" in said
