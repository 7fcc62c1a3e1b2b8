"""Costs, from requests of any operation."""

from __future__ import annotations

from typing import Any

from sagespec.documents.compiled import Request
from sagespec.review import cost
from sagespec.review.entry import Instances

PRICES = {"ml.g5.xlarge": 1.5}


def job(**more: Any) -> dict[str, Any]:
    machines = {"InstanceType": "ml.g5.xlarge", "InstanceCount": 2}
    return {"ResourceConfig": machines, "StoppingCondition": {"MaxRuntimeInSeconds": 7200}, **more}


def test_a_tuner_runs_all_its_jobs() -> None:
    limits = {"ResourceLimits": {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2}}
    request = Request("job", "sagemaker", "CreateHyperParameterTuningJob", {"Tuning": limits, "TrainingJob": job()})
    made = cost.of([request], {}, PRICES)
    assert made is not None
    assert (made.jobs, made.at_once, made.hours, made.usd, made.seconds) == (10, 2, 40.0, 60.0, 7200)


def test_each_step_of_a_pipeline_counts_with_its_own_limit() -> None:
    other = {"ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}}
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": {"Get": "Parameters.Longest"}}}
    steps = [{"Arguments": job()}, {"Arguments": {**other, **limit}}, {"Arguments": {}}]
    pipeline = Request("pipeline", "sagemaker", "CreatePipeline", {"PipelineDefinition": {"$json": {"Steps": steps}}})
    made = cost.of([pipeline, Request("execution", "sagemaker", "StartPipelineExecution", {})], {}, PRICES)
    assert made is not None
    assert (made.steps, made.hours, made.usd) == (3, 4.0, None), "one type has no price"
    assert made.instances == (Instances(2, "ml.g5.xlarge"), Instances(1, "ml.m5.large"))


def test_groups_and_warm_instances_count() -> None:
    groups = [{"InstanceGroupName": n, "InstanceType": "ml.g5.xlarge", "InstanceCount": 1} for n in "ab"]
    resources = {"InstanceGroups": groups, "KeepAlivePeriodInSeconds": 1800}
    parameters = {"ResourceConfig": resources, "StoppingCondition": {"MaxRuntimeInSeconds": 1800}}
    made = cost.of([Request("job", "sagemaker", "CreateTrainingJob", parameters)], {}, PRICES)
    assert made is not None
    assert (made.hours, made.usd) == (2.0, 3.0)
    assert made.instances == (Instances(2, "ml.g5.xlarge"),)
    assert cost.of([], {}, PRICES) is None
