"""Check and compile the specs of a project.

In: settings and the requested paths. Out: the specs that compile, and the diagnostics of the others. Reads files and
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sagespec import disk
from sagespec.compiling import build, causes, exceptions, resolve
from sagespec.compiling.build import Build
from sagespec.compiling.location import Facts
from sagespec.diagnostics import START, Diagnostic, Problem, distinct, locate
from sagespec.documents import submitted
from sagespec.memory import remembered
from sagespec.project import boundary, lock, policies, references, values
from sagespec.project import files as spec_files
from sagespec.project import settings as project_settings
from sagespec.project.boundary import real
from sagespec.project.files import Found, Specs, unreadable
from sagespec.project.lock import Lock
from sagespec.project.policies import Policy
from sagespec.project.settings import Project, Settings
from sagespec.sagemaker.inputs import Resolved


@dataclass(frozen=True)
class Checked:
    """The result of validation; `targets` are the addresses of the requested specs.

    `uses` are the names of the values that the project's files refer to; `following` are the specs that fail only
    because of their dependencies; `refused` are the requested specs that their schemas refuse; `files` are the names
    of all spec files of the project, while `texts` has those of policies and fields, too.
    """

    settings: Settings
    targets: tuple[str, ...] = ()
    resolved: Mapping[str, Resolved] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    policies: Mapping[str, Policy] = field(default_factory=dict, repr=False)
    uses: frozenset[str] = frozenset()
    following: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    files: frozenset[str] = frozenset()

    @property
    def edges(self) -> dict[str, list[str]]:
        """The addresses that each valid spec refers to."""
        return {a: [other.spec.address for other in one.dependencies] for a, one in self.resolved.items()}

    @property
    def failed(self) -> bool:
        """Whether a requested spec has an error or is not resolved."""
        return any(d.is_error for d in self.diagnostics) or not set(self.targets) <= set(self.resolved)


class Compilation(NamedTuple):
    """The result of compiling: the builds of the targets by address."""

    checked: Checked
    builds: Mapping[str, Build]
    diagnostics: tuple[Diagnostic, ...]
    following: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a requested spec has an error or is not built."""
        return any(d.is_error for d in self.diagnostics) or not set(self.checked.targets) <= set(self.builds)


def open_project(start: Path, given: Path | None) -> tuple[Project | None, list[Diagnostic]]:
    """Find the project that contains a folder; without a project file the folder is the project.

    Paths are resolved, so that links to a project do not change it. Returns None with diagnostics where the project
    file is invalid.
    """
    file = given or project_settings.find(start)
    if file is None:
        return _within(Project(root=real(start)))
    if _is_left(file):
        return None, [locate(boundary.refusal(file.name), file.name, START)]
    file = real(file.parent) / file.name
    try:
        project, diagnostics = project_settings.load(file)
    except OSError as error:
        return None, [unreadable(file.name, error)]
    return (None, diagnostics) if project is None else _within(project)


def _is_left(file: Path) -> bool:
    """Return whether a project file is a link out of the project, so that nothing of it is read or shown."""
    return boundary.around(file.parent).is_left_by_link(file)


def _within(project: Project) -> tuple[Project | None, list[Diagnostic]]:
    """Return a project, or None with diagnostics where its paths are outside of it."""
    diagnostics = list(project_settings.wrong_paths(project))
    return (None if diagnostics else project), diagnostics


def read_lock(project: Project) -> tuple[Lock | None, list[Diagnostic], dict[str, str]]:
    """Read the project's lock, if there is one.

    Returns the lock, its diagnostics, and its text by name for their source lines.
    """
    name = project.lock
    try:
        content = disk.read(project.root / name, disk.LOCK_BYTES)
    except FileNotFoundError:
        return None, [], {}
    except OSError as error:
        return None, [unreadable(name, error)], {}
    locked, diagnostics = lock.load(name, content)
    if not project.boundary.holds(project.root / name):
        return locked, boundary.withheld(name, diagnostics, "it is not a valid lock"), {}
    return locked, diagnostics, {name: content.decode("utf-8", "replace")} if diagnostics else {}


def check(settings: Settings, paths: Sequence[Path], region: str | None = None, draft: Lock | None = None) -> Checked:
    """Validate specs: every check that needs no rendering. A `draft` replaces the lock file.

    The other specs of the project are read too, for duplicate addresses and as targets of refs.
    """
    locked, of_lock, texts_of_lock = (draft, [], {}) if draft is not None else remembered(read_lock, settings.project)
    said, texts = [*of_lock], {**texts_of_lock}
    known = remembered(policies.load, settings.project)
    said += [*known.diagnostics, *_bad_paths(settings.project, no_lock=locked is None and not said)]
    wanted = spec_files.find(settings, paths)
    # the project's other files; without a project file there are none
    rest = spec_files.find(settings, ()) if paths and settings.project.source else Found()
    asked, others = spec_files.read(settings, wanted, rest.without(wanted.files))
    texts |= {**known.texts, **asked.texts, **project_text(spec_files.project_file(settings.project))}
    files = asked.files | others.files
    if any(d.is_error for d in said):
        reported = distinct([*said, *settings.diagnostics, *asked.diagnostics])
        return Checked(settings, (), {}, reported, texts, files=files)
    texts |= dict(others.texts)
    specs, taken = references.index([*asked.specs, *others.specs], [*asked.refused, *others.refused])
    targets = tuple(dict.fromkeys(s.address for s in asked.specs))
    if draft is not None:  # the draft records the facts that are asked for, so unneeded specs must not ask
        refs = [ref.target for refused in asked.refused for ref in refused.refs]
        needed = references.needed([*targets, *refs], references.graph(specs))
        specs = {address: one for address, one in specs.items() if address in needed}
    facts = remembered(Facts, locked, region, draft is not None)
    resolution = resolve.resolve(specs, _broken((asked, others), taken), settings, facts)
    for refused in asked.refused:
        said += resolve.examine(refused, specs, resolution, settings, facts)
    own = {*targets, *(refused.address for refused in asked.refused)}
    said += [d for d in (*taken, *resolution.diagnostics) if d.address in own]
    uses = asked.uses | others.uses | values.names("".join(texts.values()))
    everything, following = causes.once(
        [*said, *settings.diagnostics, *asked.diagnostics],
        {**specs, **{spec.address: spec for spec in asked.refused}},
    )
    if locked is None:
        everything = causes.without_lock(everything, settings.project.lock)
    reported = distinct(everything)
    failing = tuple(spec.address for spec in asked.refused)
    return Checked(
        settings, targets, resolution.resolved, reported, texts, known.schemas, uses, following, failing, files
    )


def _broken(parts: Iterable[Specs], taken: Iterable[Diagnostic]) -> dict[str, Diagnostic | None]:
    """Return the specs that exist but cannot be referred to, each with its first error."""
    broken: dict[str, Diagnostic | None] = {spec.address: None for part in parts for spec in part.refused}
    said = (*taken, *(diagnostic for part in parts for diagnostic in part.diagnostics))
    for diagnostic in sorted(said, reverse=True):
        if diagnostic.is_error and "/" in diagnostic.address:
            broken[diagnostic.address] = diagnostic
    return broken


def covered(project: Project) -> list[str]:
    """Return the folders of specs inside the output folder, where compiled files would be read as specs."""
    output = real(project.root / project.output)
    folders = {name: real(project.root / name) for name in project.specs}
    return [name for name, folder in folders.items() if disk.exists(folder) and output in (folder, *folder.parents)]


def is_among_specs(folder: Path, project: Project) -> bool:
    """Return whether a folder is searched for specs.

    It is inside one of the project's, and not in the output folder.
    """
    above = (real(folder), *real(folder).parents)
    searched = any(real(project.root / name) in above for name in project.specs)
    return searched and real(project.root / project.output) not in above


def _bad_paths(project: Project, *, no_lock: bool) -> Iterator[Diagnostic]:
    """Yield problems of the paths in a project file.

    An output folder that contains specs, a lock that is not found.
    """
    if project.source is None:
        return
    if names := covered(project):
        message = f"the output folder would hold the specs of {names[0]}"
        yield project.source.locate(Problem("bad-output", message, ("output",), "give it a folder of its own"))
    if no_lock and "lock" in project.source.data:
        message = f"there is no file {project.lock} yet"
        yield project.source.locate(Problem("no-lock", message, ("lock",), "run `sagespec lock`", "warning"))


def project_text(file: Path | None) -> dict[str, str]:
    """Return the text of a project file by its name, for source lines.

    Empty where it cannot be read or is outside.
    """
    if file is None or _is_left(file):
        return {}
    try:
        return {file.name: disk.read(file, disk.TEXT_BYTES).decode("utf-8-sig", "replace")}
    except OSError:
        return {}


def compile(checked: Checked) -> Compilation:
    """Build every valid target and its dependencies; returns the builds of the targets."""
    builds: dict[str, Build] = {}
    identities: dict[str, str] = {}
    failed: dict[str, Diagnostic | None] = {}
    diagnostics: list[Diagnostic] = []
    edges = checked.edges
    needed = references.needed(checked.targets, edges)
    for address, resolved in checked.resolved.items():
        if address not in needed:
            continue
        broken = references.check(resolved.spec, checked.resolved, failed)
        known = tuple((a, identities[a]) for a in sorted(references.needed([address], edges)) if a != address)
        made, of_build = remembered(_built, resolved, checked.settings, known, checked.policies)
        said = [*of_build, *broken]
        identities[address] = made.compiled.identity if made else submitted.ANY_IDENTITY
        if made is None or broken:
            failed[address] = resolve.first_error(said)
        else:
            builds[address] = made
        if address in checked.targets:
            diagnostics += said
    wanted = {a: b for a, b in builds.items() if a in checked.targets}
    if not any(d.is_error for d in checked.diagnostics):  # else specs may be unknown for that reason
        diagnostics += exceptions.unused(checked.settings, checked.resolved, wanted, checked.policies)
    said, following = causes.once(diagnostics, {a: one.spec for a, one in checked.resolved.items()})
    return Compilation(checked, wanted, distinct([*checked.diagnostics, *said]), (*checked.following, *following))


def _built(
    resolved: Resolved, settings: Settings, identities: tuple[tuple[str, str], ...], known: Mapping[str, Policy]
) -> tuple[Build | None, list[Diagnostic]]:
    return build.build(resolved, settings, dict(identities), known)
