"""The code of a training: a folder or an archive, local or in S3, and how it is started.

In: `source_code` of a spec. Out: the uploads, the channel, and the document that tells the drivers how to start it.
Refuses code that cannot be started.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagespec import arn
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.sagemaker import archives, local_files
from sagespec.sagemaker.inputs import Inputs
from sagespec.sagemaker.local_files import Files

NAMED = ("entry_script", "requirements")
"""The fields that name a file of the code."""
IN_S3 = "s3://"
_AUTO = "auto"


@dataclass(frozen=True)
class Code:
    """Code to upload, or the URI of code in S3; `archive` is the name of the archive that the container unpacks."""

    files: Files = field(default_factory=Files, repr=False)
    uri: Traced | None = None
    archive: str = ""


def check(fields: Traced, problems: Problems) -> None:
    """Check which fields of the code exclude or need each other."""
    source = fields.source_code
    if source.command and source.entry_script:
        problems.error("exclusive-fields", "either an entry_script or a command, not both", source.command.path)
    if source.given and not (source.command or source.entry_script):
        problems.error("missing-field", "source_code needs an entry_script or a command", source.path)
    for name in (*NAMED, "ignore_patterns"):
        if source[name] and not source.source_dir:
            problems.error("missing-field", f"{name} needs a source_dir to be in", source[name].path)
    if source.args and not source.command:
        hint = "an entry_script gets hyperparameters as its arguments"
        problems.error("missing-field", "args needs a command to add them to", source.args.path, hint, on_key=True)
    if fields.distributed and source.command:
        problems.error("exclusive-fields", "distributed starts an entry_script, not a command", source.command.path)
    elif fields.distributed and not source.entry_script:
        hint = "give source_code.entry_script"
        problems.error("missing-field", "distributed has no script to start", fields.distributed.path, hint)
    _check_effects(fields, problems)


def _check_effects(fields: Traced, problems: Problems) -> None:
    source = fields.source_code
    if fields.networking.enable_network_isolation and source.requirements:
        message = "enable_network_isolation leaves pip without an index: all requirements must be files in source_dir"
        problems.warn("no-network", message, source.requirements.path)
    repository = fields.environment["CA_REPOSITORY_ARN"]
    if repository and source.requirements:
        hint = "set PIP_INDEX_URL, or log in and install within a command"
        problems.warn("no-effect", "requirements are not looked for in CodeArtifact", repository.path, hint)
    if source.command and fields.hyperparameters:
        message = "hyperparameters are not passed to a command, which finds them in SM_HPS and SM_HP_<NAME>"
        hint = "arguments of the command are source_code.args"
        problems.warn("no-effect", message, fields.hyperparameters.path, hint, on_key=True)


def find(inputs: Inputs, problems: Problems) -> Code:
    """Return the code of a spec; checks that the files to start exist, as far as that is visible locally."""
    source = inputs.fields.source_code
    given = source.source_dir
    ignored = local_files.ignored(source.ignore_patterns, problems)
    if not given:
        return Code()
    is_packed = given.value.endswith(archives.SUFFIX)
    if source.ignore_patterns and (is_packed or given.value.startswith(IN_S3)):
        message = "ignore_patterns leave files out of a folder beside the spec only"
        problems.warn("no-effect", message, source.ignore_patterns.path, on_key=True)
    if given.value.startswith(IN_S3):
        _check_uri(source, problems)
        return Code(uri=given, archive=posixpath.basename(given.value) if is_packed else "")
    target = local_files.find(inputs, given, problems, "folder or .tar.gz file", _way(given))
    if target is None:
        return Code()
    path, is_folder = target
    if not is_folder:
        return _archive(inputs, path, problems)
    files = Files() if ignored is None else local_files.folder(inputs, given, path, ignored, problems)
    if files.uploads:
        known = {upload.name for upload in files.uploads}
        _refuse(source, (name for name in _named(source) if posixpath.normpath(name) not in known), problems)
    return Code(files)


def _way(given: Traced) -> str:
    return "code is a folder or a .tar.gz file beside the spec, or has a URI s3://..." if "://" in given.value else ""


def _named(source: Traced) -> list[str]:
    return [source[name].value for name in NAMED if source[name]]


def _refuse(source: Traced, missing: Iterator[str] | set[str], problems: Problems) -> None:
    absent = set(missing)
    for name in NAMED:
        if source[name] and source[name].value in absent:
            message = f"{source[name].value} is not in {source.source_dir.value}"
            ignored = "" if source.source_dir.value.endswith(archives.SUFFIX) else ", or is ignored"
            problems.error("missing-file", f"{message}{ignored}", source[name].path)


def _archive(inputs: Inputs, path: Path, problems: Problems) -> Code:
    source = inputs.fields.source_code
    given = source.source_dir
    if not given.value.endswith(archives.SUFFIX):
        hint = "code is uploaded from a folder, or as a .tar.gz file, which the container unpacks"
        problems.error("missing-file", f"{given.value}: not a folder", given.path, hint)
        return Code()
    try:
        _refuse(source, archives.missing(path, _named(source)), problems)
    except (archives.Unreadable, OSError) as error:
        problems.error("bad-file", f"{given.value}: {error}", given.path)
        return Code()
    files = local_files.single(inputs, given, path, problems)
    return Code(files, archive=files.single)


def _check_uri(source: Traced, problems: Problems) -> None:
    """Check a URI of code: it must be a folder or a .tar.gz archive, because other archives would not be unpacked."""
    given = source.source_dir
    last = posixpath.basename(arn.s3_location(given.value)[1])
    hint = "a folder ends in /, an archive in .tar.gz"
    if "." in last and not last.endswith(archives.SUFFIX):
        problems.error("bad-pattern", f"{last} is neither a folder nor a .tar.gz archive", given.path, hint)
    elif _named(source) and not given.value.endswith(("/", archives.SUFFIX)):
        problems.error("bad-pattern", f"{given.value} is neither a folder nor an archive", given.path, hint)
    if source.requirements.value == _AUTO:
        message = "auto is not supported: it would be the name of a file"
        problems.error("bad-value", message, source.requirements.path, "name a requirements file of the code")


def started(source: Traced, code: Code) -> dict[str, Any]:
    """Return the document that tells the drivers what to unpack, install and start."""
    wanted: dict[str, Any] = {name: source[name].value for name in ("command", *NAMED) if source[name]}
    if source.args:
        wanted["args"] = [arg.value if isinstance(arg.value, str) else str(arg.value) for arg in source.args]
    if code.archive:
        wanted["source_dir"] = code.archive
    return wanted
