"""Find jobs of files in the lists of an API, by pages or one by one, whichever takes fewer requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sagespec.documents.compiled import DIGITS
from sagespec.executor import concurrently
from sagespec.executor.cloud import Cloud
from sagespec.executor.files import File
from sagespec.executor.runs.run import Run, base, is_earlier, suffix

FIRST_PAGES = 4


@dataclass(frozen=True)
class Listing:
    """An operation that lists jobs, with the names of its members."""

    operation: str
    key: str
    name: str
    arn: str
    status: str

    def run(self, summary: Mapping[str, Any]) -> Run:
        return Run(summary[self.name], summary[self.arn], summary[self.status], details=summary)


def find(
    cloud: Cloud, listing: Listing, region: str, files: Sequence[File], **fixed: Any
) -> Iterator[tuple[File, Run]]:
    """Find the jobs of files, and earlier ones of the same specs; `fixed` are parameters of the list.

    After the first pages, the number of all pages is estimated from the times at both ends of the list. Raises
    CloudError.
    """
    waiting = {suffix(file.content): file for file in files}
    bases = {base(file, listing.name): file for file in files}
    pages = cloud.pages("sagemaker", listing.operation, listing.key, region, MaxResults=100, **fixed)
    newest: Any = None
    for number, page in enumerate(pages, 1):
        for summary in page:
            name = summary[listing.name]
            file = waiting.pop(name[-(DIGITS + 1) :], None)
            if file is not None:
                yield file, listing.run(summary)
                continue
            file = bases.get(name[: -(DIGITS + 1)])
            if file is not None and is_earlier(file, listing.name, name):
                yield file, listing.run(summary)
        if not waiting:
            return
        newest = newest or (page[0]["CreationTime"] if page else None)
        if len(files) < FIRST_PAGES:
            break
        if number == FIRST_PAGES and len(waiting) <= _pages_left(cloud, listing, region, fixed, newest, page):
            break
    else:
        return
    rest = list(waiting.values())
    for file, summaries in zip(rest, concurrently.ask(partial(_search, cloud, listing, fixed), rest), strict=True):
        for summary in summaries:
            yield file, listing.run(summary)


def _pages_left(
    cloud: Cloud, listing: Listing, region: str, fixed: Mapping[str, Any], newest: datetime, page: Sequence[Any]
) -> float:
    """Estimate how many pages follow the first ones, from the rate of jobs at both ends of the list."""
    parameters = {**fixed, "SortBy": "CreationTime", "SortOrder": "Ascending", "MaxResults": 100}
    oldest = cloud.call("sagemaker", listing.operation, region, **parameters)[listing.key]
    if not page or not oldest:
        return 1
    here, there = page[-1]["CreationTime"], oldest[-1]["CreationTime"]
    gap = (here - there).total_seconds()
    spans = ((newest - here).total_seconds() / FIRST_PAGES, (there - oldest[0]["CreationTime"]).total_seconds())
    return 1 + sum(gap / max(seconds, 0.001) for seconds in spans) / len(spans) if gap > 0 else 1


def _search(cloud: Cloud, listing: Listing, fixed: Mapping[str, Any], file: File) -> list[dict[str, Any]]:
    """Search for one file's job by its identity, else for earlier ones of its name, the newest first."""
    for contains in (suffix(file.content), base(file, listing.name)):
        parameters = {**fixed, "NameContains": contains, "MaxResults": 100}
        listed: list[dict[str, Any]] = cloud.call("sagemaker", listing.operation, file.content.region, **parameters)[
            listing.key
        ]
        if own := [summary for summary in listed if summary[listing.name].endswith(suffix(file.content))]:
            return own[:1]
        if earlier := [summary for summary in listed if is_earlier(file, listing.name, summary[listing.name])]:
            return earlier
    return []
