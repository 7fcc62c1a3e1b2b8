"""The words that a shell offers: addresses, environments, models, benchmarks, statuses.

In: what is typed so far. Out: words that begin with it. Nothing is asked of AWS, no message is printed, and a project
that cannot be read offers nothing. Names that mean something else to a shell, which only invalid specs have, are not
offered: it puts them into the command line unquoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sagespec import disk

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from sagespec.project.settings import Project

STATUSES = (
    "Completed",
    "CompletedWithFailures",
    "DeleteFailed",
    "Deleting",
    "Executing",
    "Failed",
    "InProgress",
    "Stopped",
    "Stopping",
    "Succeeded",
)
"""Those of all sorts of runs; the modules of the sorts are slow to import."""
Completed = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,255}")
_FAULTS = (OSError, ValueError, RecursionError)


def offering(words: Callable[[click.Context], Iterable[str]], otherwise: str | None = None) -> Completed:
    """Return a completion of `shell_complete`; where no word fits, files or folders where `otherwise` says so."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        known: list[str] = []
        with suppress(*_FAULTS):
            known = sorted({word for word in words(context) if word.startswith(typed) and _PLAIN.fullmatch(word)})
        if known or otherwise is None:
            return [CompletionItem(word) for word in known]
        return [CompletionItem(typed, type=otherwise)]

    return complete


def addresses(context: click.Context) -> Iterator[str]:
    """Yield the addresses of the project's specs and of its compiled files, and those of them by name."""
    from sagespec.project import files as spec_files
    from sagespec.project.settings import Settings
    from sagespec.reading import source

    project = _project(context)
    if project is None:
        return
    environment = context.params.get("environment")
    settings = Settings(project, environment=environment if isinstance(environment, str) else None)
    for path in settings.output.glob("*/*.json") if settings.output.is_dir() else ():
        yield f"{path.parent.name}/{path.stem}"
    for path in spec_files.find(settings, ()).files:
        try:
            documents, _ = source.load(path.name, disk.read(path, disk.TEXT_BYTES))
        except _FAULTS:  # the other files can be named all the same
            continue
        for document in documents:
            data = document.data
            metadata = data.get("metadata") if isinstance(data, dict) else None
            name = metadata.get("name") if isinstance(metadata, dict) else None
            if isinstance(name, str) and "${" not in name:
                yield f"{data.get('kind')}/{name}"


def environments(context: click.Context) -> Iterable[str]:
    project = _project(context)
    return project.environments() if project else ()


def models(context: click.Context) -> Iterator[str]:
    """Yield the hub's models that the lock knows."""
    from sagespec.reading import json_reader

    project = _project(context)
    if project is None:
        return
    text = disk.read(project.root / project.lock, disk.LOCK_BYTES).decode("utf-8", "replace")
    yield from _keys(json_reader.read(text).data, "hub_models")


def benchmarks(_context: click.Context) -> Iterator[str]:
    from sagespec.sagemaker import catalog

    for row in catalog.benchmarks():
        yield row["name"]


def statuses(_context: click.Context) -> Iterable[str]:
    return STATUSES


def _keys(tree: Any, name: str) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name and isinstance(value, dict):
                yield from value
            else:
                yield from _keys(value, name)


def _project(context: click.Context) -> Project | None:
    from sagespec.compiling import workspace
    from sagespec.project import settings

    given = context.params.get("project_file")
    file = given if isinstance(given, Path) else None
    return workspace.open_project(Path.cwd(), file / settings.FILE if file and file.is_dir() else file)[0]
