"""`sagespec policy`: tests of policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sagespec import disk
from sagespec.cli import exits, options, output
from sagespec.diagnostics import Diagnostic
from sagespec.project import policies
from sagespec.project.policies import Policy
from sagespec.reading import source


@click.group("policy")
def command() -> None:
    """Work with the JSON Schemas that compiled files must satisfy."""


@command.command("test")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
def test(folder: Path) -> int:
    """Check the policies DIR/*.json against compiled files: those in good satisfy all of them, those in bad do not.

    Every policy must be violated by a file in bad; else it may forbid nothing.
    """
    known = [_policy(file) for file in sorted(folder.glob("*.json"))]
    good, bad = (sorted((folder / name).glob("*.json")) for name in ("good", "bad"))
    if not known or not good or not bad:
        raise exits.Stop(f"{folder} has no policies, or no files in good or bad", exits.INVALID)
    failures = [f"{file}: violates {line}" for file in good for _, line in _violations(file, known)]
    violated: set[str] = set()
    for file in bad:
        found = [policy for policy, _ in _violations(file, known)]
        violated.update(found)
        if not found:
            failures.append(f"{file}: violates no policy")
    failures += [f"{policy.id}: no file in bad violates it" for policy in known if policy.id not in violated]
    for failure in failures:
        output.error(failure)
    failed = f"{len(failures) or 'no'} failure{'' if len(failures) == 1 else 's'}"
    output.tell(f"{len(known)} policies, {len(good)} good and {len(bad)} bad files: {failed}")
    return exits.INVALID if failures else exits.DONE


def _policy(file: Path) -> Policy:
    content = disk.read(file, disk.TEXT_BYTES)
    policy, said = policies.of_file(file.name, content)
    if policy is None or any(one.is_error for one in said):
        _refuse(file, content, said)
    assert policy is not None
    return policy


def _violations(file: Path, known: list[Policy]) -> list[tuple[str, str]]:
    """Return the violated policies of a file, each with its message."""
    content = disk.read(file, disk.COMPILED_BYTES)
    sources, said = source.load(file.name, content)
    if said or len(sources) != 1:
        _refuse(file, content, said)
    document: Any = sources[0].data
    if not isinstance(document, dict) or "address" not in document.get("metadata", {}):
        raise exits.Stop(f"{file} is no compiled file: it has no metadata.address", exits.INVALID)
    return [(policy.id, problem.message) for policy in known for problem in policy.check(document)]


def _refuse(file: Path, content: bytes, said: list[Diagnostic]) -> None:
    options.show(said, {file.name: content.decode("utf-8", "replace")}, file.parent)
    raise exits.Stop(f"{file} cannot be read", exits.INVALID)
