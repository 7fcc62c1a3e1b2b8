"""Where files of a project may be: in it, in the git work tree that contains it, or in folders that it allows.

In: a project's folder, and the paths that its file allows. Out: a `Boundary`, which tells whether a path is outside.
A pull request may contain any link and any path with `..`; therefore links are resolved before paths are compared.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagespec import disk
from sagespec.diagnostics import START, Diagnostic, KeyPath, Problem, Problems, locate

GIT = ".git"


@dataclass(frozen=True)
class Boundary:
    """The real path of a folder, and real paths outside of it that may be read.

    The folder `.git` is always outside: it contains credentials, and hooks that git executes.
    """

    root: Path
    allowed: tuple[Path, ...] = ()

    def holds(self, path: Path) -> bool:
        """Return whether the target of a path is inside, so that it may be written and its lines may be shown."""
        target = real(path)
        if not target.is_relative_to(self.root):
            return False
        return GIT not in (part.lower() for part in target.relative_to(self.root).parts)

    def admits(self, path: Path) -> bool:
        """Return whether the target of a path may be read: it is inside, or allowed by name."""
        target = real(path)
        if target.is_relative_to(self.root):
            return self.holds(target)
        return any(target.is_relative_to(one) for one in self.allowed)

    def find(self, folder: Path, name: str, path: KeyPath, problems: Problems) -> Path | None:
        """Find what a field names, relative to the folder of its spec, by its real name.

        Refused are absolute paths, those that lead out of the project, and files named with a slash at the end.
        """
        if Path(name).is_absolute() or is_of_home(name):
            hint = "a path is relative to the spec, so that it is the same on every machine"
            what = "is a path of your home folder" if is_of_home(name) else "is an absolute path"
            problems.error("absolute-path", f"{name} {what}", path, hint)
        elif not self.admits(folder / name):
            problems.append(refusal(name, path))
        elif name.endswith("/") and disk.is_file(real(folder / name)):
            message = f"{name} is a file, and a slash at the end is for folders"
            problems.error("missing-file", message, path, "leave out the slash")
        else:
            return real(folder / name)
        return None

    def is_written_inside(self, project: Path, name: str) -> bool:
        """Return whether a path of the project file is inside as it is written, before links are resolved."""
        return Path(os.path.normpath(real(project) / name)).is_relative_to(self.root)

    def top(self, folder: Path) -> Path:
        """Return the folder below which writing follows no links; `folder` is a real path."""
        return self.root if folder.is_relative_to(self.root) else folder

    def is_left_by_link(self, path: Path) -> bool:
        """Return whether a link inside the boundary leads a path to where nothing may be read.

        For paths that a user gives on the command line: `..` and paths outside are the user's intention, links are
        not.
        """
        here = Path(path.absolute().anchor)
        for part in path.absolute().parts[1:]:
            there = real(here / part)
            if part != ".." and self.holds(here) and not self.admits(there):
                return True
            here = there
        return False


def around(project: Path, allowed: Iterable[str] = ()) -> Boundary:
    """Return the boundary of a project: the nearest git work tree that contains it, else its own folder.

    `allowed` are paths relative to the project. Those written as a path inside are ignored, because a link there
    could be changed without a change of the project file.
    """
    root = real(project)
    tree = Boundary(work_tree(root) or root)
    outside = (name for name in allowed if not tree.is_written_inside(root, name))
    return Boundary(tree.root, tuple(real(Path(os.path.normpath(root / name))) for name in outside))


def work_tree(folder: Path) -> Path | None:
    """Return the real path of the nearest git work tree that contains a folder, or None."""
    root = real(folder)
    return next((above for above in (root, *root.parents[:-1]) if disk.exists(above / GIT)), None)


def is_of_home(name: str) -> bool:
    """Return whether a shell would expand a path to one of a home folder."""
    return re.match(r"~\w*(/|$)", name) is not None


def refusal(name: str, path: KeyPath = (), hint: str = "") -> Problem:
    """Return the problem of a path in a file that is outside the project."""
    way = hint or "move it into the project, or allow it by name: `allow_outside` in sagespec.yaml"
    return Problem("outside-project", f"{name} leads out of the project", path, way)


def withheld(name: str, diagnostics: Sequence[Diagnostic], message: str) -> list[Diagnostic]:
    """Report the worst error in a readable file outside the project, without any of its content."""
    if not diagnostics:
        return []
    worst = next((one for one in diagnostics if one.is_error), diagnostics[0])
    message = f"{message}; details of files outside the project are not shown"
    problem = Problem(worst.rule, message, severity=worst.severity)
    return [locate(problem, name, START)]


def real(path: Path) -> Path:
    """Return a path with links resolved, as far as it exists."""
    return disk.real(path)
