"""Find stale runs: those that used an output of another spec that has run again since.

In: files and their runs. Out: the used and the current outputs by address. The used ones are read from the run. A
place in S3 counts as replaced though it is the same. A spec whose run is older than the one that used it cannot have
a newer output, and is not looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sagespec.executor import documents
from sagespec.executor import files as compiled_files
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.runs import finding, sorts
from sagespec.executor.runs.run import Run

AGAIN = "raise metadata.run, or `sagespec delete` it and apply again"


@dataclass(frozen=True)
class Stale:
    """An output of another spec, as it was used and as it is now."""

    output: str
    used: str
    now: str

    def __str__(self) -> str:
        address = self.output.rpartition(".")[0]
        if self.used == self.now:
            return f"stale: {address} has written {self.now}, which it used, once more since"
        return f"stale: it used {self.used}, but {address} has produced {self.now} since"


def of_file(cloud: Cloud, file: File) -> tuple[Stale, ...]:
    """Return the outputs that a file's run used and that have been replaced since.

    Raises InvalidFiles where a dependency cannot be read, and CloudError.
    """
    if not file.content.depends_on:
        return ()
    files = compiled_files.read([file.path]).files
    return find(cloud, files, finding.find(cloud, files.values()).runs).get(file.address, ())


def find(cloud: Cloud, files: Mapping[str, File], runs: Mapping[str, Run]) -> dict[str, tuple[Stale, ...]]:
    """Return the stale outputs of runs, by address.

    Raises CloudError.
    """
    known: dict[str, Any] = {}
    stale: dict[str, tuple[Stale, ...]] = {}
    for address, file in files.items():
        run = runs.get(address)
        if run is None:
            continue
        newer = [a for a in file.content.depends_on if a in runs and _is_newer(runs[a], run)]
        if not newer:
            continue
        for needed in newer:
            if needed not in known:
                known[needed] = finding.outputs(cloud, files[needed], runs[needed])
        now = {name: value for needed in newer for name, value in known[needed].items()}
        sort = sorts.BY_OPERATION[file.requests[-1].operation]
        used = dict(_used(sort.compiled(file), sort.recorded(cloud, sort.target(file, run))))
        pairs = [
            Stale(name, str(was), str(now[name]))
            for name, was in used.items()
            if name in now and (now[name] != was or _is_location(was))
        ]
        if pairs:
            stale[address] = tuple(pairs)
    return stale


def _is_newer(needed: Run, run: Run) -> bool:
    there, here = _begun(needed), _begun(run)
    return needed.state == "done" and there is not None and here is not None and there > here


def _is_location(output: Any) -> bool:
    """Return whether an output is a place in S3: a newer run of the same name has written another content there."""
    return isinstance(output, str) and output.startswith("s3://")


def _begun(run: Run) -> datetime | None:
    """Return when a job was created or an execution started; None for a function, whose output is its name."""
    start = run.details.get("StartTime") or run.details.get("CreationTime")
    return start if isinstance(start, datetime) else None


def _used(wanted: Any, ran: Any) -> Iterator[tuple[str, Any]]:
    """Yield the outputs that a file refers to, with the values that were used."""
    if isinstance(wanted, dict):
        if set(wanted) == {"$output"}:
            if isinstance(ran, str):
                yield wanted["$output"], ran
        elif set(wanted) == {"$json"}:
            yield from _used(
                wanted["$json"], documents.read(ran, "a document in what ran") if isinstance(ran, str) else ran
            )
        elif isinstance(ran, dict):
            for key in wanted.keys() & ran.keys():
                yield from _used(wanted[key], ran[key])
    elif isinstance(wanted, list) and isinstance(ran, list):
        for one, other in zip(wanted, ran, strict=False):
            yield from _used(one, other)
