"""The sorts of things that run: one interface, and the registry of the modules that have it.

A new sort is a module beside this one and a line in `_MODULES`. An operation without a sort makes no run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    """What can be done with one sort of things that run. Whatever asks AWS raises CloudError."""

    @property
    def NAME(self) -> str:
        """What it is called: in schemas (`x-runs`), and wherever it is shown."""

    @property
    def OPERATION(self) -> str:
        """The operation whose request makes one."""

    @property
    def MEMBER(self) -> str:
        """The parameter of that request that names it."""

    @property
    def TAGGED(self) -> str:
        """The operation whose request carries its tags: another one, where runs share what is tagged."""

    @property
    def ACTION(self) -> Literal["start", "create"]:
        """What a plan calls the making of one: what is only created costs nothing while it stands."""

    @property
    def AGAIN(self) -> str:
        """How the same content runs again once it was deleted."""

    @property
    def BEGUN(self) -> str:
        """The status that says that it has begun."""

    @property
    def STATUSES(self) -> Collection[str]:
        """The statuses that its list can filter by; none where AWS has no list of them that would be shown."""

    def submit(
        self, s: Submission, request: Request, parameters: dict[str, Any], known: Mapping[str, Any], /
    ) -> Answer:
        """Get it or create it. Raises Refused, Stopped."""

    def find(self, cloud: Cloud, region: str, files: Sequence[File], /) -> Iterator[tuple[File, Run]]:
        """Find the runs of files, and where there is none the newest one before it under another identity."""

    def target(self, file: File, run: Run, /) -> Target:
        """What a known run of a file is for a command."""

    def of_arn(self, text: str, /) -> Target | None:
        """What an ARN names, when it is one of this sort that commands take."""

    def shown(self, cloud: Cloud, target: Target, /) -> Target | None:
        """What an ARN names, as AWS shows it; None where it shows nothing."""

    def looks(self, cloud: Cloud, name: str, /) -> Sequence[Callable[[], Target | None]]:
        """The ways to look for something by its name alone."""

    def describe(self, cloud: Cloud, target: Target, /) -> Run:
        """Look at one in full, as its own Describe operation shows it."""

    def status(self, cloud: Cloud, target: Target, /) -> Status:
        """Look at one in full, in the terms that all sorts share."""

    def outputs(self, run: Run, /) -> Mapping[str, Any]:
        """What a described run offers to the specs that depend on it, by the name of the field."""

    def recorded(self, cloud: Cloud, target: Target, /) -> Any:
        """What it was given when it was made, as AWS has kept it."""

    def compiled(self, file: File, /) -> Any:
        """The same part of a compiled file, with its markers."""

    def verify(self, cloud: Cloud, file: File, target: Target, project: Project, /) -> Verified:
        """Compare what really ran with a file. Raises CannotVerify."""

    def stop(self, cloud: Cloud, target: Target, seen: Status, /) -> None:
        """End it early. Raises CannotStop."""

    def removed(self, cloud: Cloud, target: Target, file: File, seen: Status, /) -> Iterable[str]:
        """Say what a deletion would remove, one line a thing. Raises NotOurs."""

    def delete(self, cloud: Cloud, target: Target, /) -> str:
        """Delete it, and say what was deleted."""

    def listed(self, cloud: Cloud, kind: str, which: str, wanted: Filter, /) -> Iterator[Entry]:
        """List those of an account, as entries of a kind; `which` is what follows the sort in `x-runs`."""

    def logs(self, status: Status, /) -> list[Place]:
        """Where it writes to."""


@runtime_checkable
class InParts(Protocol):
    """A sort whose runs have parts that AWS lists on their own."""

    def is_whole(self, seen: Status, /) -> bool:
        """Whether all parts of what was seen go with its status."""


@runtime_checkable
class NamedByUsers(Protocol):
    """A sort whose runs may have names of the user's own, which tell nothing of their content."""

    def conflict(self, shelf: Shelf, parameters: Mapping[str, Any], run: Run, /) -> str | None:
        """Say how something that has the name of ours is not what is wanted."""


_MODULES: tuple[Sort, ...] = (training_job, job, execution, function)
"""In the order in which a name is looked for."""
BY_OPERATION: Mapping[str, Sort] = {sort.OPERATION: sort for sort in _MODULES}
BY_NAME: Mapping[str, Sort] = {sort.NAME: sort for sort in _MODULES}


def of_file(file: File) -> Sort | None:
    """The sort of a file's run; None for a file that runs nothing."""
    request = main_request(file)
    return BY_OPERATION[request.operation] if request else None


def of(target: Target | Status) -> Sort:
    """The sort of a target, or of a status."""
    return BY_NAME[target.kind]


def of_arn(text: str) -> Target | None:
    """What an ARN names; None for any other text."""
    return next((target for sort in _MODULES if (target := sort.of_arn(text))), None)


def is_whole(seen: Status) -> bool:
    """Whether all parts of what was seen go with its status: always, where it has none."""
    sort = of(seen)
    return sort.is_whole(seen) if isinstance(sort, InParts) else True


def conflict(sort: Sort, shelf: Shelf, parameters: Mapping[str, Any], run: Run) -> str | None:
    """Say how something that has the name of ours is not what is wanted; None where names tell that already."""
    return sort.conflict(shelf, parameters, run) if isinstance(sort, NamedByUsers) else None
