"""Where the files of a project may lie: in it, in the git work tree around it, or where it allows by name.

In: a project's folder, and what its file allows. Out: a `Boundary`, which says of a path whether it leads out.
A pull request can hold any link and any path with `..`; so links are followed before anything is compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagespec.diagnostics import START, Diagnostic, KeyPath, Problem, Problems, locate

GIT = ".git"


@dataclass(frozen=True)
class Boundary:
    """The real path of a folder, and real paths outside it that may be read.

    Git's own folder is never inside: it holds credentials, and hooks that are run.
    """

    root: Path
    allowed: tuple[Path, ...] = ()

    def holds(self, path: Path) -> bool:
        """Whether a path leads to a place inside, which may be written and whose lines may be shown."""
        target = real(path)
        if not target.is_relative_to(self.root):
            return False
        return GIT not in (part.lower() for part in target.relative_to(self.root).parts)

    def admits(self, path: Path) -> bool:
        """Whether a path leads to a place that may be read: inside, or allowed by name."""
        target = real(path)
        if target.is_relative_to(self.root):
            return self.holds(target)
        return any(target.is_relative_to(one) for one in self.allowed)

    def find(self, folder: Path, name: str, path: KeyPath, problems: Problems) -> Path | None:
        """Find what a field names, relative to the folder of its spec, by its real name.

        Refused are absolute paths, and those that lead out of the project.
        """
        if Path(name).is_absolute():
            hint = "a path is relative to the spec, so that it is the same on every machine"
            problems.error("absolute-path", f"{name} is an absolute path", path, hint)
        elif not self.admits(folder / name):
            problems.append(refusal(name, path))
        else:
            return real(folder / name)
        return None

    def is_written_inside(self, project: Path, name: str) -> bool:
        """Whether a path of the project file names a place inside, wherever links lead from there."""
        return Path(os.path.normpath(real(project) / name)).is_relative_to(self.root)

    def top(self, folder: Path) -> Path:
        """The folder below which no link is written through: all but what a user has named; `folder` is real."""
        return self.root if folder.is_relative_to(self.root) else folder

    def is_left_by_link(self, path: Path) -> bool:
        """Whether a link inside leads a path out to where nothing may be read.

        For paths that a user gives: going up by `..` and naming places outside are the user's own words.
        """
        here = Path(path.absolute().anchor)
        for part in path.absolute().parts[1:]:
            there = real(here / part)
            if part != ".." and self.holds(here) and not self.admits(there):
                return True
            here = there
        return False


def around(project: Path, allowed: Iterable[str] = ()) -> Boundary:
    """The boundary of a project: the nearest git work tree that holds it, else its own folder.

    What is allowed is relative to the project; only what is written as a path outside counts, since a link inside
    could be changed without the project file.
    """
    root = real(project)
    tree = Boundary(work_tree(root) or root)
    outside = (name for name in allowed if not tree.is_written_inside(root, name))
    return Boundary(tree.root, tuple(real(Path(os.path.normpath(root / name))) for name in outside))


def work_tree(folder: Path) -> Path | None:
    """The nearest git work tree that holds a folder; its real path."""
    root = real(folder)
    return next((above for above in (root, *root.parents[:-1]) if os.path.lexists(above / GIT)), None)


def refusal(name: str, path: KeyPath = (), hint: str = "") -> Problem:
    """Report that a path in a file leads outside."""
    way = hint or "move it into the project, or allow it by name: `allow_outside` in sagespec.yaml"
    return Problem("outside-project", f"{name} leads out of the project", path, way)


def withheld(name: str, said: Sequence[Diagnostic], message: str) -> list[Diagnostic]:
    """Report errors in a readable file outside the project, without any of its content."""
    if not said:
        return []
    worst = next((one for one in said if one.is_error), said[0])
    message = f"{message}; details of files outside the project are not shown"
    problem = Problem(worst.rule, message, severity=worst.severity)
    return [locate(problem, name, START)]


def real(path: Path) -> Path:
    """The real path of what a path leads to, as far as it is there."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a NUL, with which nothing can be opened
        return path.absolute()
