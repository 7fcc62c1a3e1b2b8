"""`sagespec describe`: show all details of a job, execution or function."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from sagespec.cli import exits, output, session
from sagespec.cli.session import Session
from sagespec.diagnostics import secrets
from sagespec.diagnostics.report import Line, Styled
from sagespec.executor.files import File
from sagespec.executor.runs import track
from sagespec.executor.runs.run import Target
from sagespec.executor.runs.status import Status, elapsed, progress
from sagespec.review import words
from sagespec.sagemaker import distributed

Rows = list[tuple[str, str]]
_SORTS = {
    "job": "job",
    "training-job": "training job",
    "execution": "pipeline execution",
    "function": "Lambda function",
}
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}
"""Hosts of the AWS console by partition."""
_PAGES = {
    "training-job": "sagemaker/home?region={region}#/jobs/{name}",
    "function": "lambda/home?region={region}#/functions/{name}",
}
"""Pages of the console; what AWS shows in Studio only has none."""
_BLOCKS: Mapping[str, Sequence[str]] = {
    "Where it runs": ("resource_config", "role_arn", "runtime", "handler", "pipeline_arn", "pipeline_version_id"),
    "Model and data": (
        "eval_type",
        "serverless_job_config",
        "hyper_parameters",
        "agent_config",
        "training_config",
        "model_package_config",
    ),
    "Results": (
        "s3_output_path",
        "output_model_package_arn",
        "model_artifacts",
        "final_metric_data_list",
        "evaluation_metrics",
        "rollout_info",
        "billable_time_in_seconds",
        "billable_token_count",
        "billable_token_usage",
        "mlflow_config",
        "mlflow_details",
    ),
}
_LABELS = {
    "resource_config": "",
    "serverless_job_config": "",
    "agent_config": "",
    "training_config": "",
    "evaluation_metrics": "",
    "model_package_config": "",
    "hyper_parameters": "hyperparameter",
    "final_metric_data_list": "metric",
    "model_artifacts": "",
    "s3_output_path": "output path",
    "output_model_package_arn": "model package",
    "billable_time_in_seconds": "billed seconds",
    "billable_token_count": "billed tokens",
    "billable_token_usage": "billed",
    "rollout_info": "rollouts",
    "mlflow_config": "MLflow",
    "mlflow_details": "MLflow",
    "eval_type": "evaluation",
    "pipeline_version_id": "pipeline version",
    "pipeline_arn": "pipeline",
    "role_arn": "role",
}
"""What stands before the members of a detail; its name with blanks, where it is not here."""
_TOLD = {
    "secondary_status",
    "secondary_status_transitions",
    "progress_info",
    "progress",
    "step_count",
    "tags",
    "job_category",
}
"""Details that have a place of their own."""


@click.command("describe")
@session.on_target
@session.OUTPUT
def command(opened: Session, run: Target, form: str) -> int:
    """Show all details of TARGET: an address, a compiled file, a job name or an ARN."""
    status = track.status(opened.regional, run)
    if form == "json":
        document = secrets.hidden(asdict(status))
        if run.file is not None:
            document["compiled"] = _compiled(run.file)
        output.as_json(document)
    else:
        output.result(*_text(status, run))
    return exits.DONE


def _compiled(file: File) -> dict[str, Any]:
    content = file.content
    return {
        "path": _path(file),
        "source": content.source,
        "identity": content.identity,
        "depends_on": dict(content.depends_on),
        "distributed": distributed.of_compiled(content),
    }


def _text(status: Status, run: Target) -> Iterator[Line]:
    """Yield a block for each topic; topics of which nothing is known are left out."""
    details = secrets.hidden(dict(status.details))
    blocks: list[tuple[str, Rows]] = [("Identity", _identity(status, run)), ("Status", _status(status))]
    blocks += [(title, [*_named(details, names)]) for title, names in _BLOCKS.items()]
    if run.file is not None:
        blocks.append(("Distributed training", [*_flat("", distributed.of_compiled(run.file.content))]))
    named = {*_TOLD, *(name for names in _BLOCKS.values() for name in names)}
    blocks.append(("Other details", [*_named(details, [name for name in details if name not in named])]))
    blocks.append(("Tags", [(str(tag.get("Key")), str(tag.get("Value"))) for tag in details.get("tags") or ()]))
    blocks.append(("See also", _links(status)))
    is_first = True
    for title, rows in blocks:
        if rows:
            yield from () if is_first else ("",)
            yield Styled(title, "bold")
            yield from (f"  {line}" for line in output.columns(rows))
            is_first = False
        if title == "Status":
            yield from _steps(status)
            yield from _history(details)


def _identity(status: Status, run: Target) -> Rows:
    category = status.details.get("job_category")
    sort = _SORTS.get(status.kind, status.kind) + (f" of category {category}" if category else "")
    rows = [("address", status.address or ""), ("name", status.name), ("what", sort), ("ARN", status.arn)]
    if run.file is not None:
        content = run.file.content
        rows += [("identity", content.identity), ("spec", content.source), ("compiled", _path(run.file))]
        rows.append(("depends on", ", ".join(content.depends_on)))
    return [(name, value) for name, value in rows if value]


def _path(file: File) -> str:
    return Path(os.path.relpath(file.path)).as_posix()


def _status(status: Status) -> Rows:
    secondary = f" ({status.secondary})" if status.secondary and status.secondary != status.status else ""
    since = elapsed(status, datetime.now(timezone.utc))
    rows = [
        ("status", f"{status.status}{secondary}"),
        ("reason", status.failure_reason or ""),
        ("progress", progress(status)),
        ("created", output.utc(status.creation_time)),
        ("changed", output.utc(status.last_modified_time)),
        ("ended", output.utc(status.end_time)),
        ("duration", words.duration(int(since.total_seconds())) if since is not None else ""),
    ]
    return [(name, value) for name, value in rows if value]


def _steps(status: Status) -> Iterator[Line]:
    if not status.has_steps:
        return
    yield from ("", Styled("Steps", "bold"))
    rows = [
        (
            step.name,
            step.status,
            output.utc(step.start_time),
            _lasted(step.start_time, step.end_time),
            step.job_arn or "",
        )
        for step in status.steps
    ]
    if not rows:
        yield "  none has begun"
        return
    yield from (f"  {line}" for line in output.columns([("step", "status", "begun", "duration", "job"), *rows]))
    for step in status.steps:
        if step.failure_reason:
            yield f"  {step.name}: {step.failure_reason}"


def _history(details: Mapping[str, Any]) -> Iterator[Line]:
    transitions = details.get("secondary_status_transitions") or ()
    if not transitions:
        return
    yield from ("", Styled("History", "bold"))
    rows = [
        (
            output.utc(one.get("StartTime")),
            str(one.get("Status", "")),
            _lasted(one.get("StartTime"), one.get("EndTime")),
            str(one.get("StatusMessage") or ""),
        )
        for one in transitions
    ]
    yield from (f"  {line}" for line in output.columns(rows))


def _lasted(start: Any, end: Any) -> str:
    known = isinstance(start, datetime) and isinstance(end, datetime)
    return words.duration(max(0, int((end - start).total_seconds()))) if known else ""


def _named(details: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        yield from _flat(_LABELS.get(name, name.replace("_", " ")), details.get(name))


def _flat(label: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a value as rows, each member of an object on its own; what is empty has none."""
    if value is None or value in ("", [], {}, ()):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{label} {key}" if label else str(key), item)
    elif isinstance(value, list | tuple):
        if any(isinstance(item, Mapping | list | tuple) for item in value):
            for number, item in enumerate(value, 1):
                yield from _flat(f"{label} {number}", item)
        else:
            yield label, ", ".join(map(_word, value))
    else:
        yield label, _word(value)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else output.utc(value) if isinstance(value, datetime) else str(value)


def _links(status: Status) -> Rows:
    rows = [("logs", f"sagespec logs {status.address or status.name}")]
    if status.has_steps:
        rows.append(("results", f"sagespec results {status.address or status.arn}"))
    parts, page = status.arn.split(":"), _PAGES.get(status.kind)
    if page and len(parts) > 3 and parts[1] in _CONSOLES and re.fullmatch(r"[\w-]+", status.name):
        host = f"{parts[3]}.{_CONSOLES[parts[1]]}"
        rows.append(("console", f"https://{host}/{page.format(region=parts[3], name=status.name)}"))
    return rows
