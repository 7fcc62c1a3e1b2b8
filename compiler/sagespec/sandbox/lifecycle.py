"""The lifecycle of jobs of the Job API and of training jobs: creation, progress, end.

In: a region, and a record of one of its tables: the request, its ARN, and the times of its creation and stop. Out: a
`Course`, which depends only on the clock. Nothing runs in the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagespec.sandbox.clock import Table
from sagespec.sandbox.service import Region, ServiceError

TRAINING_JOB = "TrainingJob"
"""The category of training jobs, which the API does not name."""
PHASES = {
    "AgentRFT": (("Starting", 0.1), ("Downloading", 0.1), ("Training", 0.7), ("Uploading", 0.1)),
    "AgentRFTEvaluation": (("Starting", 0.2), ("Evaluating", 0.7), ("Uploading", 0.1)),
    TRAINING_JOB: (("Starting", 0.2), ("Downloading", 0.1), ("Training", 0.6), ("Uploading", 0.1)),
}
"""The secondary statuses of a job with their share of its time, by category."""
RUNNING = ("InProgress", "Stopping")
FAIL_TAG = "sandbox:fail"
EPOCHS, STEPS_PER_EPOCH = 2, 5
TOKENS = 400_000
"""Tokens that a training is billed for in total."""


@dataclass(frozen=True)
class Course:
    """The progress of a job. Times are seconds since 1970, `end` is None while it runs, `progress` is 0 to 1."""

    status: str
    secondary: str
    transitions: tuple[dict[str, Any], ...]
    started: float
    changed: float
    end: float | None
    progress: float
    reason: str

    @property
    def is_running(self) -> bool:
        return self.status in RUNNING

    @property
    def position(self) -> tuple[int, int]:
        """The current epoch and its current step, each counted from 1."""
        steps = EPOCHS * STEPS_PER_EPOCH
        epoch, step = divmod(min(steps - 1, int(self.progress * steps)), STEPS_PER_EPOCH)
        return epoch + 1, step + 1

    @property
    def steps_done(self) -> int:
        """The number of finished steps, which have logged metrics, in all epochs."""
        epoch, step = self.position
        return (epoch - 1) * STEPS_PER_EPOCH + step - (self.status != "Completed")


@dataclass(frozen=True)
class Family:
    """The jobs of one API: their table, and the API's names of members."""

    table: str
    what: str
    name: str
    arn: str
    status: str
    end: str

    def of(self, region: Region) -> Table:
        return region.table(self.table)

    def finished(self, region: Region) -> Table:
        """Return the jobs that finished before the sandbox started."""
        return region.table(f"finished_{self.table}")

    def known(self, region: Region) -> dict[str, dict[str, Any]]:
        """Return all jobs by name, those that finished before the sandbox started first."""
        return {**self.finished(region), **self.of(region)}

    def category(self, job: dict[str, Any]) -> str:
        found: str = job.get("JobCategory", TRAINING_JOB)
        return found

    def begin(self, region: Region, request: dict[str, Any], arn: str, **more: Any) -> str:
        """Create a job with its tags.

        Raises ServiceError where the limit of running jobs of its category is reached.
        """
        self._check_limit(region, self.category(request))
        record = {**request, self.arn: arn, "CreationTime": region.now(), "StoppedAt": None, **more}
        self.of(region)[request[self.name]] = record
        region.table("tags")[arn] = list(request.get("Tags", ()))
        return arn

    def _check_limit(self, region: Region, category: str) -> None:
        limit = region.limits.get(category)
        if limit is None:
            return
        ours = [job for job in self.of(region).values() if self.category(job) == category]
        running = sum(self.course(region, job).is_running for job in ours)
        if running >= limit:
            message = (
                f"The account-level service limit 'Number of concurrent {category} jobs' is {limit} jobs, "
                f"with current utilization of {running} jobs and a request delta of 1 jobs."
            )
            raise ServiceError("ResourceLimitExceeded", message)

    def course(self, region: Region, job: dict[str, Any]) -> Course:
        """Return the progress of a job at the moment of the region."""
        started, length = job["CreationTime"], region.timing.job
        reason = _failure(region, job, job[self.arn])
        end = started + (length / 2 if reason else length)
        status = "Failed" if reason else "Completed"
        if job["StoppedAt"] is not None and job["StoppedAt"] < end:
            end, status = job["StoppedAt"], "Stopped"
        is_over = region.now() >= end
        moment = min(region.now(), end)
        transitions: list[dict[str, Any]] = []
        at = started
        for phase, share in PHASES[self.category(job)]:
            if at > moment and transitions:
                break
            after = at + share * length
            transitions.append({"Status": phase, "StartTime": at, "EndTime": min(after, end)})
            at = after
        if is_over:
            told = {"StatusMessage": reason} if status == "Failed" else {}
            transitions.append({"Status": status, "StartTime": end, "EndTime": end, **told})
        else:
            transitions[-1].pop("EndTime")
            status = "InProgress"
        return Course(
            status=status,
            secondary=transitions[-1]["Status"],
            transitions=tuple(transitions),
            started=started,
            changed=end if is_over else region.now(),
            end=end if is_over else None,
            progress=1.0 if status == "Completed" else min(1.0, (moment - started) / length),
            reason=reason if status == "Failed" else "",
        )

    def stop(self, region: Region, job: dict[str, Any]) -> None:
        """Stop a job; one that has ended is left unchanged."""
        if self.course(region, job).is_running:
            self.of(region)[job[self.name]] = {**job, "StoppedAt": region.now()}

    def remove(self, region: Region, job: dict[str, Any]) -> None:
        """Delete a job; its output stays, and a later job of this name makes its own.

        Raises ServiceError for a running job.
        """
        if self.course(region, job).is_running:
            raise ServiceError("ResourceInUse", f"{self.what} {job[self.name]} is still running; stop it first.")
        for table in (self.of(region), self.finished(region)):
            table.pop(job[self.name], None)
        packages = region.table("packages")
        for arn, package in list(packages.items()):
            if package.get("CreatedBy") == job[self.arn]:
                packages[arn] = {**package, "CreatedBy": ""}

    def ended(self, shown: dict[str, Any]) -> tuple[str, float | None]:
        """Return the status of a described job, and when it ended, or None."""
        return shown[self.status], shown.get(self.end)


JOBS = Family("jobs", "Job", "JobName", "JobArn", "JobStatus", "EndTime")
TRAINING_JOBS = Family(
    "training_jobs", "Training job", "TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "TrainingEndTime"
)


def _failure(region: Region, job: dict[str, Any], arn: str) -> str:
    """Return why a job fails: a mistake found at its creation, or the tag that requests a failure; else ''."""
    tags = {tag["Key"]: tag["Value"] for tag in region.table("tags").get(arn, ())}
    return str(job.get("Flaw") or tags.get(FAIL_TAG) or "")
