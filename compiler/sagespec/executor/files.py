"""Find, read and order compiled files.

In: files and folders. Out: an `Order`, dependencies first. Refuses files that `loading` refuses, two files with one
address, and dependencies that are missing or were compiled again since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sagespec.compiling import loading
from sagespec.compiling.loading import InvalidCompiled
from sagespec.documents.compiled import DIGITS, Compiled, Request, identified


class InvalidFiles(Exception):
    """Compiled files that apply refuses, with all reasons."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class File:
    """A compiled file and its path; paths in it are relative to `root`, the project's folder.

    A file that is not a `target` was read only as a dependency of one.
    """

    path: Path
    content: Compiled
    target: bool = True

    @property
    def address(self) -> str:
        return self.content.address

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """The requests with their names filled in; the other markers stay."""
        given, identity = self.content.requests, self.content.identity
        return tuple(replace(r, parameters=identified(r.parameters, identity)) for r in given)


@dataclass(frozen=True)
class Order:
    """Files by address, dependencies first."""

    files: dict[str, File] = field(default_factory=dict)

    def targets(self) -> list[File]:
        return [file for file in self.files.values() if file.target]


def read(paths: Sequence[Path]) -> Order:
    """Read compiled files and their dependencies.

    Raises InvalidFiles.
    """
    reasons: list[str] = []
    loaded: dict[str, File] = {}
    for path in {path.resolve(): path for path in _files(paths, reasons)}.values():
        file = _load(path, reasons, target=True)
        if file is None:
            continue
        if file.address in loaded:
            reasons.append(f"{path}: {file.address} is also in {loaded[file.address].path}")
        loaded[file.address] = file
    waiting = list(loaded.values())
    while waiting:
        file = waiting.pop()
        for address in file.content.depends_on:
            if address in loaded:
                continue
            kind, _, name = address.partition("/")
            beside = file.path.parent.parent / kind / f"{name}.json"
            needed = _load(beside, reasons, target=False, why=f", which {file.address} depends on")
            if needed is not None:
                loaded[address] = needed
                waiting.append(needed)
    reasons += _stale(loaded)
    if reasons:
        raise InvalidFiles(*reasons)
    try:
        graph = {address: list(file.content.depends_on) for address, file in sorted(loaded.items())}
        return Order({address: loaded[address] for address in TopologicalSorter(graph).static_order()})
    except CycleError as error:
        raise InvalidFiles(f"files depend on each other in a cycle: {' -> '.join(error.args[1])}") from None


def _stale(loaded: Mapping[str, File]) -> Iterator[str]:
    """Yield the files whose dependencies have been compiled to other content since."""
    for file in loaded.values():
        for address, digits in file.content.depends_on.items():
            if address in loaded and loaded[address].content.identity[:DIGITS] != digits:
                yield f"{file.path}: was compiled for another {address}; run `sagespec compile` again"


def _files(paths: Sequence[Path], reasons: list[str]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*/*.json")) or sorted(path.glob("*.json"))
            if not inside:
                deeper = any(path.glob("*/*/*.json"))
                way = (
                    "choose an environment with -e, or name its folder" if deeper else "run `sagespec compile` first"
                )
                reasons.append(f"{path}: no compiled files here; {way}")
            yield from inside
        else:
            yield path


def _load(path: Path, reasons: list[str], target: bool, why: str = "") -> File | None:
    try:
        return File(path, loading.read(path), target)
    except OSError as error:
        reasons.append(f"{path}: {(error.strerror or 'cannot be read').lower()}{why}")
    except InvalidCompiled as error:
        reasons.append(f"{path}: {error}{why}")
    return None
