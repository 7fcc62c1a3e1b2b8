"""What the SageMaker Python SDK reads of the account that the environment points at, as JSON.

Run by an interpreter that has sagemaker-train. Arguments: a job's name, then ARNs of executions and names
of training jobs.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from sagemaker.core.resources import TrainingJob
from sagemaker.train.agent_rft_job import AgentRFTJob
from sagemaker.train.evaluate.execution import EvaluationPipelineExecution


def shown_job(job: AgentRFTJob) -> dict[str, Any]:
    return {
        "name": job.job_name,
        "status": job.job_status,
        "secondary_status": job.secondary_status,
        "output": job.output_model_package_arn,
        "s3_output_path": job.s3_output_path,
        "tokens": job.billable_token_usage,
        "progress": job.progress_info,
        "agent": job.agent_config,
        "training": job.training_config,
        "mlflow": job.mlflow_details,
    }


def shown_training(job: TrainingJob) -> dict[str, Any]:
    config, mlflow = job.serverless_job_config, job.mlflow_details
    return {
        "status": job.training_job_status,
        "technique": config.customization_technique,
        "model": config.base_model_arn,
        "package": job.output_model_package_arn,
        "hyperparameters": job.hyper_parameters,
        "mlflow_run": mlflow.mlflow_run_id,
        "tokens": job.billable_token_count,
    }


def shown_execution(execution: EvaluationPipelineExecution) -> dict[str, Any]:
    return {
        "arn": execution.arn,
        "class": type(execution).__name__,
        "type": execution.eval_type.value if execution.eval_type else None,
        "status": execution.status.overall_status,
        "steps": [step.name for step in execution.status.step_details],
    }


def main() -> None:
    name, *others = sys.argv[1:]
    arns = [other for other in others if other.startswith("arn:")]
    found = {
        "job": shown_job(AgentRFTJob.get(name)),
        "jobs": [job.job_name for job in AgentRFTJob.get_all()],
        "executions": {arn: shown_execution(EvaluationPipelineExecution.get(arn=arn)) for arn in arns},
        "trainings": {other: shown_training(TrainingJob.get(other)) for other in others if other not in arns},
        "listed": [shown_execution(e) for e in EvaluationPipelineExecution.get_all()],
    }
    sys.stdout.write("\n" + json.dumps(found, default=str) + "\n")


if __name__ == "__main__":
    main()
