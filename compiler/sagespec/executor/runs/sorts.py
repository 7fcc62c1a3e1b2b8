"""The sorts of runs: their interface, and the registry of the modules that implement it.

A new sort is a module in this folder and a line in `_MODULES`. An operation without a sort starts no run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from sagespec.documents.compiled import Request
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.resources import Shelf
from sagespec.executor.runs import execution, function, job, training_job
from sagespec.executor.runs.entries import Entry, Filter
from sagespec.executor.runs.run import Run, Target, main_request
from sagespec.executor.runs.status import Status
from sagespec.executor.runs.streams import Place
from sagespec.executor.submission import Answer, Submission
from sagespec.executor.verified import Verified
from sagespec.project.settings import Project


class Sort(Protocol):
    """The interface of one sort of runs. Every method that calls AWS raises CloudError."""

    @property
    def NAME(self) -> str:
        """The name of the sort, in schemas (`x-runs`) and in output."""

    @property
    def OPERATION(self) -> str:
        """The operation that starts a run."""

    @property
    def MEMBER(self) -> str:
        """The parameter of that operation with the run's name."""

    @property
    def TAGGED(self) -> str:
        """The operation whose request has the tags; it differs where runs share the tagged resource."""

    @property
    def ACTION(self) -> Literal["start", "create"]:
        """The action in a plan; what is only created costs nothing while it exists."""

    @property
    def AGAIN(self) -> str:
        """How the same content runs again after a deletion."""

    @property
    def BEGUN(self) -> str:
        """The status of a run that has begun."""

    @property
    def STATUSES(self) -> Collection[str]:
        """The statuses that the list can filter by; none where AWS has no list of this sort."""

    def submit(
        self, s: Submission, request: Request, parameters: dict[str, Any], known: Mapping[str, Any], /
    ) -> Answer:
        """Get or create the run. Raises Refused, Stopped."""

    def find(self, cloud: Cloud, region: str, files: Sequence[File], /) -> Iterator[tuple[File, Run]]:
        """Find the runs of files, else the newest earlier one of another identity."""

    def target(self, file: File, run: Run, /) -> Target:
        """Convert a known run of a file to a target."""

    def of_arn(self, text: str, /) -> Target | None:
        """Return the target of an ARN; None for an ARN of another sort."""

    def shown(self, cloud: Cloud, target: Target, /) -> Target | None:
        """Look up the target of an ARN; None where AWS shows nothing."""

    def looks(self, cloud: Cloud, name: str, /) -> Sequence[Callable[[], Target | None]]:
        """Return functions that look up a run by its name alone."""

    def describe(self, cloud: Cloud, target: Target, /) -> Run:
        """Describe a run by its Describe operation."""

    def status(self, cloud: Cloud, target: Target, /) -> Status:
        """Return the status of a run in the form that all sorts share."""

    def outputs(self, run: Run, /) -> Mapping[str, Any]:
        """Return the outputs of a described run by field."""

    def recorded(self, cloud: Cloud, target: Target, /) -> Any:
        """Return the parameters that a run was started with, as AWS has stored them."""

    def compiled(self, file: File, /) -> Any:
        """Return the same part of a compiled file, with its markers."""

    def verify(self, cloud: Cloud, file: File, target: Target, project: Project, /) -> Verified:
        """Compare a run with a file. Raises CannotVerify."""

    def stop(self, cloud: Cloud, target: Target, seen: Status, /) -> None:
        """Stop a run. Raises CannotStop."""

    def removed(self, cloud: Cloud, target: Target, file: File, seen: Status, /) -> Iterable[str]:
        """Return what a deletion would remove, one line for each resource. Raises NotOurs."""

    def delete(self, cloud: Cloud, target: Target, /) -> str:
        """Delete a run, and return what was deleted."""

    def listed(self, cloud: Cloud, kinds: Mapping[str, str], wanted: Filter, /) -> Iterator[Entry]:
        """List those of an account, as entries of kinds; their keys are what follows the sort in `x-runs`."""

    def logs(self, status: Status, /) -> list[Place]:
        """Return the log streams that a run writes to."""


@runtime_checkable
class InParts(Protocol):
    """A sort whose runs have parts that AWS lists separately."""

    def is_whole(self, seen: Status, /) -> bool:
        """Return whether the parts in a status agree with it."""


@runtime_checkable
class EndsUnlisted(Protocol):
    """A sort whose list at AWS does not say when a run ended."""

    def ended(self, cloud: Cloud, target: Target, /) -> datetime | None:
        """Return when a run that has ended did; None where AWS does not say."""


@runtime_checkable
class NamedByUsers(Protocol):
    """A sort whose runs may have names that users give, which do not contain the identity."""

    def conflict(self, shelf: Shelf, parameters: Mapping[str, Any], run: Run, /) -> str | None:
        """Return how an existing run of this name differs from the wanted one, or None."""


_MODULES: tuple[Sort, ...] = (training_job, job, execution, function)
"""In the order in which a name is looked for."""
BY_OPERATION: Mapping[str, Sort] = {sort.OPERATION: sort for sort in _MODULES}
BY_NAME: Mapping[str, Sort] = {sort.NAME: sort for sort in _MODULES}


def of_file(file: File) -> Sort | None:
    """Return the sort of a file's run; None for a file without requests."""
    request = main_request(file)
    return BY_OPERATION[request.operation] if request else None


def of(target: Target | Status) -> Sort:
    """Return the sort of a target or of a status."""
    return BY_NAME[target.kind]


def of_arn(text: str) -> Target | None:
    """Return the target of an ARN; None for any other text."""
    return next((target for sort in _MODULES if (target := sort.of_arn(text))), None)


def is_whole(seen: Status) -> bool:
    """Return whether the parts in a status agree with it; always for a sort without parts."""
    sort = of(seen)
    return sort.is_whole(seen) if isinstance(sort, InParts) else True


def conflict(sort: Sort, shelf: Shelf, parameters: Mapping[str, Any], run: Run) -> str | None:
    """Return how an existing run of this name differs from the wanted one.

    None where the name contains the identity.
    """
    return sort.conflict(shelf, parameters, run) if isinstance(sort, NamedByUsers) else None
