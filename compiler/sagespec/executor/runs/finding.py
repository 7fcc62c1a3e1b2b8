"""Find the existing job, execution or function of each compiled file by its identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagespec.executor import concurrently
from sagespec.executor.cloud import Cloud, CloudError
from sagespec.executor.files import File, InvalidFiles
from sagespec.executor.runs import sorts
from sagespec.executor.runs.run import Run, Target, main_request, suffix


@dataclass(frozen=True)
class Found:
    """Runs of files by address, and the newest earlier runs of other identities by the same addresses.

    `numbers` says how many earlier ones AWS has shown.
    """

    runs: Mapping[str, Run] = field(default_factory=dict)
    earlier: Mapping[str, Target] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)


def find(cloud: Cloud, files: Iterable[File]) -> Found:
    """Find the runs of files with few requests.

    Raises CloudError.
    """
    runs: dict[str, Run] = {}
    earlier: dict[str, Target] = {}
    names: dict[str, set[str]] = {}
    groups: dict[tuple[str, str], list[File]] = {}
    for file in files:
        request = main_request(file)
        if request is not None:
            groups.setdefault((request.operation, file.content.region), []).append(file)
    for (operation, region), members in sorted(groups.items()):
        sort = sorts.BY_OPERATION[operation]
        for file, run in sort.find(cloud, region, members):
            if is_of(file, run):
                runs[file.address] = run
            else:
                earlier.setdefault(file.address, sort.target(file, run))
                names.setdefault(file.address, set()).add(run.name)
    return Found(runs, earlier, {address: len(known) for address, known in names.items()})


def is_of(file: File, run: Run) -> bool:
    """Return whether a run belongs to a file's identity; a function may have a name that the user gave."""
    sort, request = sorts.of_file(file), main_request(file)
    named = request.parameters[sort.MEMBER] if sort and request else ""
    return run.name == named or run.name.endswith(suffix(file.content))


def check_account(cloud: Cloud, files: Iterable[File]) -> None:
    """Refuse files of another account than the caller's, whose runs could not be found.

    Raises InvalidFiles, CloudError.
    """
    accounts = {file.content.account: file.content.region for file in files}
    caller = cloud.account(min(accounts.values())) if accounts else ""
    if wrong := sorted(accounts.keys() - {caller}):
        raise InvalidFiles(f"compiled for account {', '.join(wrong)}, but the caller is in {caller}")


def with_reasons(cloud: Cloud, files: Mapping[str, File], at_aws: Found) -> Found:
    """Add the reasons of failed runs, which lists do not contain."""
    silent = {a: run for a, run in at_aws.runs.items() if run.state == "failed" and not run.reason}
    told = concurrently.ask(lambda a: _described(cloud, files[a], silent[a]), silent)
    return replace(at_aws, runs={**at_aws.runs, **dict(zip(silent, told, strict=True))})


def _described(cloud: Cloud, file: File, run: Run) -> Run:
    """Describe a run; return it unchanged where it does not exist any more."""
    try:
        return describe(cloud, file, run)
    except CloudError as error:
        if error.is_missing:
            return run
        raise


def describe(cloud: Cloud, file: File, run: Run) -> Run:
    """Describe a file's run.

    Raises CloudError.
    """
    sort = sorts.of_file(file)
    return sort.describe(cloud, sort.target(file, run)) if sort else run


def outputs(cloud: Cloud, file: File, run: Run) -> dict[str, Any]:
    """Return the current outputs of a run by `<address>.<Field>`.

    Raises CloudError.
    """
    sort = sorts.of_file(file)
    outputs_of_run = sort.outputs(describe(cloud, file, run)) if sort else {}
    return {f"{file.address}.{name}": value for name, value in outputs_of_run.items()}
