"""Find the targets of commands: jobs, executions and functions, of sagespec or of other tools.

In: an address, a compiled file, a job name, an ARN. Out: a `Target`. Refuses unknown names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sagespec.diagnostics import did_you_mean
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File
from sagespec.executor.patience import UNKNOWN_SECONDS, Patience, look_for
from sagespec.executor.runs import finding, sorts
from sagespec.executor.runs.run import Run, Target, suffix

NOT_SHOWN = "has not run, or was started so lately that AWS does not show it yet"
"""The message for a run that is not found; AWS's reads are eventually consistent."""
T = TypeVar("T")
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}")
"""The syntax of names of jobs and executions."""


class UnknownTarget(Exception):
    """No run has this name."""


@dataclass(frozen=True)
class Late:
    """For commands that wait: keeps looking for runs that may have just started; all targets share the patience."""

    tell: Callable[[str], None]
    patience: Patience = field(default_factory=lambda: Patience(UNKNOWN_SECONDS))

    def look_for(self, name: str, look: Callable[[], T | None]) -> T | None:
        def tell() -> None:
            self.tell(f"AWS does not show {name}: looking again for {self.patience.seconds:g} seconds, it may be new")

        return look_for(look, patience=self.patience, on_wait=tell)


def find(cloud: Cloud, text: str, files: Mapping[str, File], late: Late | None = None) -> Target:
    """Find the target of a name or ARN; `files` are the compiled files by address.

    A run given by name or ARN is assigned to the file with its identity, if there is one. Raises UnknownTarget,
    CloudError.
    """
    if text in files:
        return of_file(cloud, files[text], late)
    target = _named(cloud, text)
    if target is None and late and _may_be_new(cloud, text, files.values()):
        target = late.look_for(text, lambda: _named(cloud, text))
    if target is None:
        hint = did_you_mean(text, tuple(files)) or "give an address, a compiled file, a name or an ARN"
        raise UnknownTarget(f"nothing is called {text!r}: {hint}")
    file = next((f for f in files.values() if target.name.endswith(suffix(f.content))), None)
    return replace(target, file=file)


def _may_be_new(cloud: Cloud, text: str, files: Iterable[File]) -> bool:
    """Return whether an unknown target may be a run of ours that has just been started."""
    if named := sorts.of_arn(text):
        return text.split(":")[4] == cloud.account(named.region)
    return any(text.endswith(suffix(file.content)) for file in files)


def _named(cloud: Cloud, text: str) -> Target | None:
    if named := sorts.of_arn(text):
        return sorts.of(named).shown(cloud, named)
    if not _NAME.fullmatch(text):
        return None
    denied: CloudError | None = None
    for look in (look for sort in sorts.BY_NAME.values() for look in sort.looks(cloud, text)):
        try:
            if target := look():
                return target
        except CloudError as error:  # a caller with partial permissions still finds runs of other sorts
            if not error.is_denied:
                raise
            denied = error
    if denied is not None:
        raise denied
    return None


def of_file(cloud: Cloud, file: File, late: Late | None = None) -> Target:
    """Find the run of a compiled file.

    Raises UnknownTarget, InvalidFiles for a file of another account, CloudError.
    """

    def look() -> Run | None:
        return finding.find(cloud, [file]).runs.get(file.address)

    if not file.content.requests:
        raise UnknownTarget(f"{file.address} runs nothing itself")
    run = look()
    if run is None:
        finding.check_account(cloud, [file])
        run = late.look_for(file.address, look) if late else None
    if run is None:
        what = "" if file.content.depends_on else f" {file.address}"  # its dependencies may not have run either
        raise UnknownTarget(f"{file.address} {NOT_SHOWN}: `sagespec apply{what}` submits what has not run")
    return of_run(file, run)


def of_run(file: File, run: Run) -> Target:
    """Convert a known run of a file to a target.

    Raises UnknownTarget for a file that runs nothing.
    """
    sort = sorts.of_file(file)
    if sort is None:
        raise UnknownTarget(f"{file.address} runs nothing itself")
    return sort.target(file, run)
