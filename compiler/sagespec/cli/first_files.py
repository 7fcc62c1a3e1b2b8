"""Write the files of `init --editor` and `init Project`: new ones, and additions to those that exist."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from sagespec import disk
from sagespec.cli import exits, output
from sagespec.project import boundary, editor_settings, project_starter, schema_files
from sagespec.project import settings as project_settings
from sagespec.project.settings import Project


def editor(name: str, project: Project) -> int:
    """Write the settings of an editor and the schemas; exit 1 where a file has to be changed by hand."""
    from sagespec.cli.program import COMMANDS  # it is running; importing it at the top would be a cycle

    root = boundary.real(project.root)
    made = schema_files.write(root / schema_files.FOLDER)
    _told(root / schema_files.FOLDER, f"wrote {len(made)} schemas to" if made else "")
    wrong = []
    for file in editor_settings.files(name, project.specs, server="lsp" in COMMANDS):
        try:
            _write(root, file.path, file.text, file.merged)
        except editor_settings.Unmergeable as error:
            wrong.append(f"{_shown(root / file.path)} was not changed: {error}")
            output.document(file.text)
    return _ended(wrong)


def project(name: str, root: Path) -> int:
    """Write the files of a project; exit 1 where a file has to be changed by hand."""
    tree = boundary.work_tree(root) or boundary.real(root)
    root = boundary.real(root)
    place = PurePosixPath(root.relative_to(tree).as_posix())
    if disk.exists(root / project_settings.FILE):
        _told(root / project_settings.FILE, "")
    else:
        _write(root, project_settings.FILE, project_starter.project_file(name), str)
    _write(
        root,
        project_starter.ATTRIBUTES,
        project_starter.with_attributes(""),
        project_starter.with_attributes,
    )
    wrong = []
    texts = {project_starter.WORKFLOW: project_starter.workflow, project_starter.HOOKS: project_starter.hooks}
    for path, make in texts.items():
        text = make(place)
        try:
            _write(tree, path, text, _with_ours)
        except editor_settings.Unmergeable as error:
            wrong.append(f"{_shown(tree / path)} was not changed: {error}")
            output.document(text)
    return _ended(wrong)


def _with_ours(given: str) -> str:
    """Return the text of a workflow, or of hooks, that has ours already; raises Unmergeable."""
    if "sagespec" in given:
        return given
    raise editor_settings.Unmergeable("it is there already")


def _write(root: Path, path: str, text: str, merge: Callable[[str], str]) -> None:
    """Write a new file, or what `merge` makes of the text of an existing one."""
    file = root / path
    try:
        given = disk.read(file, disk.TEXT_BYTES).decode()
    except FileNotFoundError:
        disk.create(file, text.encode(), root)
        _told(file, "wrote")
        return
    except UnicodeDecodeError:
        raise editor_settings.Unmergeable("it is not UTF-8") from None
    except ValueError as error:
        raise editor_settings.Unmergeable(str(error)) from None
    merged = merge(given)
    if merged != given:
        disk.replace(file, merged.encode(), root)
    _told(file, "added to" if merged != given else "")


def _told(file: Path, done: str) -> None:
    output.tell(f"{done} {_shown(file)}" if done else f"{_shown(file)} is there already")


def _shown(file: Path) -> str:
    return os.path.relpath(file)


def _ended(wrong: list[str]) -> int:
    if wrong:
        raise exits.Stop("; ".join(wrong), exits.INVALID, "add what was printed by hand")
    return exits.DONE
