"""Apply a plan: independent files concurrently, dependents as soon as their dependencies are done.

In: a `Plan`. Out: an `Outcome`; progress is reported by events. All state is in AWS, so apply can be interrupted at
any time and repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import Any

from sagespec.documents.compiled import outputs_in
from sagespec.executor import concurrently, pauses, tags
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File
from sagespec.executor.markers import Unfilled
from sagespec.executor.outcome import BLIND_SECONDS, Event, Failure, OnEvent, Outcome, TimedOut
from sagespec.executor.patience import Patience, look_for
from sagespec.executor.plan import FilePlan, Plan
from sagespec.executor.runs import finding, targets, track
from sagespec.executor.runs.run import Run
from sagespec.executor.runs.status import Status
from sagespec.executor.submission import Refused, Shared, Stopped, Submission
from sagespec.executor.submit import submit
from sagespec.project.settings import Project

AGAIN = "raise metadata.run to run the same content once more"


@dataclass(frozen=True)
class Options:
    """Options of apply.

    `poll_seconds` is the pause between status requests, `commits` are the files' commits by address.
    """

    project: Project
    follow: bool = False
    concurrency: int = 32
    poll_seconds: float = 15.0
    timeout_seconds: float | None = None
    commits: Mapping[str, str] = field(default_factory=dict)


def apply(plan: Plan, cloud: Cloud, options: Options, on_event: OnEvent) -> Outcome:
    """Apply a plan without obstacles; with `follow`, until every run has ended.

    Raises CloudError for errors that concern all files, and TimedOut.
    """
    return Applying(plan, cloud, options, on_event).go()


@dataclass
class Applying:
    """One apply; after an exception `end` says what has become of the files so far."""

    plan: Plan
    cloud: Cloud
    options: Options
    on_event: OnEvent
    runs: dict[str, Run] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    unsent: dict[str, FilePlan] = field(default_factory=dict)
    queued: dict[str, FilePlan] = field(default_factory=dict)
    """Files that wait for a quota."""
    shared: Shared = field(default_factory=Shared)
    stopping: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=pauses.now)
    seen: float = field(default_factory=pauses.now)
    """The time of the last successful status request."""
    patience: dict[str, Patience] = field(default_factory=dict)
    """How long AWS may still fail to show each run; renewed whenever it shows the run."""
    done: SimpleQueue[tuple[str, Future[Run]]] = field(default_factory=SimpleQueue)
    """Submissions that have ended and were not looked at yet."""
    sending: dict[str, threading.Lock] = field(default_factory=dict)
    """The submissions that have begun; each holds its lock until its end."""
    submitted: dict[str, Future[Run]] = field(default_factory=dict)
    """The newest submission of each file."""
    sent: dict[str, Run] = field(default_factory=dict)
    """The runs of submissions that have ended, recorded by their own threads, which no interrupt strikes."""

    def end(self) -> Outcome:
        """Send nothing more, and say what has become of the files, wherever an exception ended the apply."""
        self.stopping.set()
        unknown = {a for a in list(self.sending) if not self._is_settled(a) and not self._keep(a)}
        return Outcome(dict(self.runs), tuple(self.failures.values()), self._waiting(), frozenset(unknown))

    def go(self) -> Outcome:
        """Apply the plan; raises as `apply` does."""
        self.runs = {a: p.run for a, p in self.plan.files.items() if p.run is not None}
        for address, run in self.runs.items():
            self._note(address, run)
        for address, planned in self.plan.files.items():
            if planned.drifts:
                tags.repair(self.cloud, planned.drifts)
                self.on_event(Event(address, "tagged", planned.drifts[0].arn))
            if planned.file.target and planned.file.requests and not self._is_settled(address):
                self.unsent[address] = planned
        pool = ThreadPoolExecutor(self.options.concurrency)
        try:
            self._carry_out(pool)
        finally:  # also on an interrupt: nothing more is sent
            self.stopping.set()
            pool.shutdown(cancel_futures=True)  # a second interrupt does not wait for what is being sent
            for held in list(self.sending.values()):  # by a thread, too, that an interrupt has hidden from the pool
                with held:
                    pass
        if self.options.follow:  # the end: what waits now would wait forever
            for address, needed in self._waiting().items():
                reason = f"waits for {', '.join(needed)}, which has not run and is not applied here"
                self._fail(Failure(address, reason, "apply what it waits for, too"))
            self.unsent.clear()
        return self.end()

    def _keep(self, address: str) -> bool:
        """Record how the submission of a file ended, if it did; return whether that is known."""
        if address in self.sent:
            self.runs[address] = self.sent[address]
            return True
        ended = self.submitted.get(address)
        if ended is None or not ended.done():  # an interrupt struck before the record of it, or its end
            return False
        error = ended.exception()
        if isinstance(error, CloudError):  # it may have been sent
            self.failures[address] = Failure(address, str(error), error.hint, True, error.request)
        return True

    def _carry_out(self, pool: ThreadPoolExecutor) -> None:
        """Submit what is ready and poll what runs, until nothing is left."""
        busy: set[str] = set()
        while True:
            for address in self._ready():
                busy.add(address)
                self.sending.pop(address, None)  # of a try that was refused for a quota
                self.submitted.pop(address, None)
                future = self.submitted[address] = pool.submit(self._submit, self.unsent.pop(address))
                future.add_done_callback(lambda ended, address=address: self.done.put((address, ended)))  # type: ignore[misc]
            if busy:
                for address, ended in self._ended():
                    busy.remove(address)
                    self._take(address, ended)
            elif self.options.follow and self._open():
                pauses.pause(min(self.options.poll_seconds, self._rest()))
                self._look()
            else:
                return

    def _ended(self) -> Iterator[tuple[str, Future[Run]]]:
        """Wait for the next submission to end; yield it and all others that have ended."""
        with suppress(Empty):
            yield self.done.get(timeout=self._rest())
            while True:
                yield self.done.get_nowait()

    def _rest(self) -> float:
        """Return the seconds left.

        Raises TimedOut where there are none.
        """
        limit = self.options.timeout_seconds
        if limit is None:
            return threading.TIMEOUT_MAX
        rest = self.started + limit - pauses.now()
        if rest <= 0:
            raise TimedOut(f"not done after {limit:g} seconds; runs continue")
        return rest

    def _ready(self) -> list[str]:
        """Return the files to submit now: all their dependencies are done."""
        ready = []
        for address, planned in list(self.unsent.items()):
            needed = planned.file.content.depends_on
            if blockers := [a for a in needed if a in self.failures or self.plan.files[a].is_stale]:
                del self.unsent[address]
                self._fail(Failure(address, f"skipped: it depends on {', '.join(blockers)}"))
            elif all(self._is_done(a) for a in needed):
                ready.append(address)
        return ready

    def _is_settled(self, address: str) -> bool:
        return address in self.runs or address in self.failures

    def _is_done(self, address: str) -> bool:
        if not self.plan.files[address].file.requests:
            return True
        run = self.runs.get(address)
        return run is not None and run.state == "done"

    def _submit(self, planned: FilePlan) -> Run:
        held = self.sending[planned.address] = threading.Lock()
        with held:
            run = self.sent[planned.address] = self._send(planned)
        return run

    def _send(self, planned: FilePlan) -> Run:
        outputs: dict[str, Any] = {}
        for address in planned.file.content.depends_on:
            outputs |= self._outputs_of(address)
        project, tell = self.options.project, self._tell_request
        return submit(
            Submission(
                cloud=self.cloud,
                file=planned.file,
                project=project,
                outputs=outputs,
                on_request=tell,
                absent=planned.absent,
                commit=self.options.commits.get(planned.address),
                shared=self.shared,
                stopping=self.stopping,
            )
        )

    def _outputs_of(self, address: str) -> dict[str, Any]:
        if address in self.runs and address not in self.outputs:
            file, run = self.plan.files[address].file, self.runs[address]
            seen: list[dict[str, Any]] = []

            def look() -> dict[str, Any] | None:  # a run that has just ended may still be shown without its outputs
                if self.stopping.is_set():
                    raise Stopped
                seen.append(finding.outputs(self.cloud, file, run))
                return seen[-1] if self._awaited(address) <= seen[-1].keys() else None

            def tell() -> None:
                self.on_event(Event(address, "not shown yet", "its outputs"))

            self.outputs[address] = look_for(look, stopping=self.stopping, on_wait=tell) or seen[-1]
        outputs: dict[str, Any] = self.outputs.get(address, {})
        return outputs

    def _awaited(self, address: str) -> set[str]:
        """Return the outputs of a file that other files refer to."""
        return {output for output in self._referred if output.startswith(f"{address}.")}

    @cached_property
    def _referred(self) -> set[str]:
        wanted = (outputs_in(r.parameters) for p in self.plan.files.values() for r in p.file.requests)
        return set().union(*wanted)

    def _tell_request(self, file: File, request: str, word: str, what: str) -> None:
        self.on_event(Event(file.address, word, what, request))

    def _take(self, address: str, future: Future[Run]) -> None:
        """Record the result of one submission."""
        try:
            run = future.result()
        except CloudError as error:
            if error.is_full and self.options.follow:
                self.queued[address] = self.plan.files[address]
                self.on_event(Event(address, "queued", error.message))
                return
            self._fail(Failure(address, str(error), error.hint, by_aws=True, request=error.request))
        except (Refused, Unfilled) as error:
            self._fail(Failure(address, str(error)))
        else:
            self.runs[address] = run
            self.patience[address] = Patience()
            self._note(address, run)

    def _note(self, address: str, run: Run) -> None:
        if run.state == "failed":
            reason = f"{run.name} is {run.status}" + (f": {run.reason}" if run.reason else "")
            hint = f"`sagespec logs {address}` shows what it has written; {AGAIN}"
            self._fail(Failure(address, reason, hint))

    def _fail(self, failure: Failure) -> None:
        self.failures[failure.address] = failure
        self.on_event(Event(failure.address, "failed", failure.reason))

    def _open(self) -> list[str]:
        """Return what must still be followed: running, queued, or waiting for either."""
        return [*self._running(), *self.queued]

    def _running(self) -> dict[str, Run]:
        return {a: run for a, run in self.runs.items() if run.state == "running" and a not in self.failures}

    def _look(self) -> None:
        """Poll all runs; an error of one does not affect the others. Queued files are tried again."""
        self.unsent |= self.queued
        self.queued.clear()
        running = self._running()
        with concurrently.pool(self.options.concurrency) as pool:
            looks = {address: pool.submit(self._look_at, address, run) for address, run in running.items()}
        for address, look in looks.items():
            try:
                status = look.result()
            except CloudError as error:
                if error.is_missing and self.patience.setdefault(address, Patience()).is_over:
                    reason = f"{error}; nothing of it has been shown for minutes: it was deleted while it ran"
                    self._fail(Failure(address, reason, "apply again, or raise metadata.run", by_aws=True))
                elif error.is_missing:
                    self.on_event(Event(address, "not shown yet", running[address].name))
                elif not error.is_passing or pauses.now() - self.seen > BLIND_SECONDS:
                    raise
                else:
                    self.on_event(Event(address, "looking again", str(error)))
                continue
            self.seen = pauses.now()
            self.patience[address] = Patience()
            run = replace(running[address], status=status.status, reason=status.failure_reason or "")
            self.runs[address] = run
            self.on_event(Event(address, run.status, run.name, status=status))
            self._note(address, run)

    def _look_at(self, address: str, run: Run) -> Status:
        return track.look(self.cloud, targets.of_run(self.plan.files[address].file, run))

    def _waiting(self) -> dict[str, tuple[str, ...]]:
        """Return the files that were not submitted, with the dependencies that they wait for."""
        return {
            address: tuple(a for a in planned.file.content.depends_on if not self._is_done(a))
            for address, planned in self.unsent.items()
        }
