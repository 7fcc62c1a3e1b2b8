"""What a change of specs would start, and why.

In: a commit, and the specs of the work tree compiled in memory. Out: a `Review`. Whether something starts is decided
by identities alone: those of the compiled files of the commit, and of all commits before it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sagespec import disk
from sagespec.compiling import outputs
from sagespec.compiling.workspace import Compilation
from sagespec.documents import compiled
from sagespec.documents.compiled import Compiled
from sagespec.executor.git import Repository, Version, blob_id
from sagespec.memory import remembered
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.reading.document import CUTTING
from sagespec.reading.source import get
from sagespec.review import base as bases
from sagespec.review import changes, cost, snapshot
from sagespec.review.base import Base
from sagespec.review.changes import Old, Sides
from sagespec.review.entry import Cost, Entry, Exempted, Review
from sagespec.sagemaker.inputs import Resolved


def review(repository: Repository, ref: str, commit: str, done: Compilation) -> Review:
    """Compare the work tree's specs with a commit; raises GitError."""
    settings = done.checked.settings
    lock_text = _lock_text(settings)
    with snapshot.opened(repository, commit) as opened:
        with disk.through(opened):
            before = bases.open_base(opened, settings)
            comparison = _Comparison(repository, commit, before, done, lock_text)
            old_specs = before.specs(comparison.sources())
            is_lock_other = comparison.is_lock_other()
            lock = before.lock if is_lock_other else None
        sides = Sides(before.settings, settings, is_lock_other, lock, lock_text)
        entries = [*comparison.entries(old_specs, sides)]
    accounts = {one.compiled.account for one in done.builds.values()}
    accounts |= {one.account for one in comparison.olds.values()}
    return Review(
        ref=ref,
        commit=commit,
        environment=settings.environment,
        accounts=tuple(sorted(accounts)),
        entries=sorted(entries, key=lambda entry: entry.address),
        is_compiled=not before.made,
        remarks=[*comparison.remarks()],
        exceptions=[*_new_exceptions(before.settings, settings)],
    )


@dataclass
class _Comparison:
    """A commit and the work tree, compared address by address."""

    repository: Repository
    commit: str
    before: Base
    done: Compilation
    lock_text: str
    olds: dict[str, Compiled] = field(default_factory=dict)
    """The compiled files of the commit that differ from those of now, or are gone."""

    def __post_init__(self) -> None:
        for address in sorted(self.before.addresses):
            if not self._is_as_it_was(address) and (old := self.before.compiled(address)) is not None:
                self.olds[address] = old

    @property
    def settings(self) -> Settings:
        return self.done.checked.settings

    def _is_as_it_was(self, address: str) -> bool:
        """Whether a file would be written as the commit has it, to the byte: most need not be read for that."""
        build, known = self.done.builds.get(address), self.before.files.get(address)
        if build is None:
            return False
        if known is None:
            return remembered(compiled.digest_of, build.compiled) == self.before.made[address].digest
        return remembered(_blob_id, build.compiled, known) == known

    def sources(self) -> set[str]:
        """The spec files of the commit that something is to be said of."""
        resolved = self.done.checked.resolved
        lent = {one.spec.source.file for address in self.touched for one in resolved[address].dependencies}
        return lent | {old.source for old in self.olds.values()}

    @cached_property
    def touched(self) -> list[str]:
        """The addresses that compile, and not to what the commit has."""
        builds, files = self.done.builds, self.before.addresses
        return [address for address in sorted(builds) if address in self.olds or address not in files] + [
            address for address in sorted(self.before.unusable) if address in builds
        ]

    def entries(self, old_specs: Mapping[str, Spec], sides: Sides) -> Iterator[Entry]:
        gone = [address for address in self.olds if address not in self.done.builds]
        refused = self._refused()
        gone = [address for address in gone if address not in refused and not self._is_uncertain(self.olds[address])]
        known = self._known_before()
        renamed = self._renamed(gone, old_specs, known)
        for address in self.touched:
            old = self.olds.get(address)
            was = renamed.get(address)
            yield self._entry(address, old, old_specs, sides, was, known.get(address, ""))
        for address in (address for address in gone if address not in renamed.values()):
            spec, old = old_specs.get(address), self.olds[address]
            yield Entry(address, "gone", old=old.identity, file=old.source, line=_line(spec) if spec else 0)
        for address, (reason, file, line) in refused.items():
            identity = self.olds[address].identity if address in self.olds else None
            yield Entry(address, "refused", old=identity, reason=reason, file=file, line=line)
        for address, old in self.olds.items():
            if address not in self.done.builds and address not in refused and self._is_uncertain(old):
                yield Entry(address, "refused", old=old.identity, reason="cannot be read", file=old.source)

    def is_lock_other(self) -> bool:
        """Whether the lock of the commit is another."""
        file = self.settings.project.root / self.settings.project.lock
        inside = file.is_relative_to(self.repository.root)
        key = file.relative_to(self.repository.root).as_posix() if inside else ""
        entry = self.before.snapshot.tree.get(key)
        return entry is None or entry.id != blob_id(self.lock_text.encode(), entry.id)

    def _refused(self) -> dict[str, tuple[str, str, int]]:
        """The specs that are there and do not compile: why, and where that is.

        An error that several have is reported for one of them, and one in the project's files for none.
        """
        checked = self.done.checked
        errors = [d for d in self.done.diagnostics if d.is_error]
        named = {d.address for d in errors if "/" in d.address}
        refused: dict[str, tuple[str, str, int]] = {}
        for address in sorted(
            {*named, *checked.targets, *checked.refused, *self.done.following} - {*self.done.builds}
        ):
            own = min((d for d in errors if d.address == address), default=None)
            if own is not None:
                refused[address] = own.message, own.file, own.line
            elif address in self.done.following:
                refused[address] = "refers to a spec that does not compile", "", 0
            else:
                refused[address] = "has an error that was reported once for several specs", "", 0
        return refused

    def _is_uncertain(self, old: Compiled) -> bool:
        """Whether a spec may still be there, in what cannot be read: also the rest of a file whose first spec can."""
        errors = [d for d in self.done.diagnostics if d.is_error]
        of_no_spec = [d for d in errors if "/" not in d.address]
        unread = {d.file for d in errors if d.rule in CUTTING}.union(d.file for d in of_no_spec)
        return old.source in unread or (bool(of_no_spec) and not self.done.checked.targets)

    def _renamed(self, gone: Sequence[str], old_specs: Mapping[str, Spec], known: Collection[str]) -> dict[str, str]:
        """Addresses that were never there before, with those that are gone and whose specs said the same."""
        renamed: dict[str, str] = {}
        before = {*self.olds, *self.before.unusable, *known}
        for address in (one for one in self.touched if one not in before):
            spec = self.done.checked.resolved[address].spec
            for was in gone:
                old = old_specs.get(was)
                if old is not None and was not in renamed.values() and _said_alike(old, spec):
                    renamed[address] = was
                    break
        return renamed

    def _known_before(self) -> dict[str, str]:
        """The commits, the newest of each, in which files had the identities that addresses have now."""
        root, wanted = self.repository.root, {}
        for address in self.touched:
            identity, old = self.done.builds[address].compiled.identity, self.olds.get(address)
            if self.settings.output.is_relative_to(root) and (old is None or old.identity != identity):
                wanted[bases.path_of(self.settings, root, address)] = (address, identity.encode())
        found: dict[str, str] = {}
        folder = self.settings.output.relative_to(root).as_posix() if wanted else ""
        for version in remembered(_versions, root, self.commit, "" if folder == "." else folder) if wanted else ():
            address, identity_text = wanted.get(version.path, ("", b""))
            if not address or address in found:
                continue
            content = self.before.snapshot.blobs.read(version.id, disk.COMPILED_BYTES) or b""
            if identity_text in content and _identity(content) == identity_text.decode():
                found[address] = version.commit
        return found

    def _entry(
        self,
        address: str,
        old: Compiled | None,
        old_specs: Mapping[str, Spec],
        sides: Sides,
        was: str | None,
        known: str,
    ) -> Entry:
        build, resolved = self.done.builds[address], self.done.checked.resolved[address]
        made = build.compiled
        spec, old_spec = resolved.spec, old_specs.get(address)
        same = old is not None and old.identity == made.identity
        runs = bool(made.requests)
        because = _because(old, made)
        entry = Entry(
            address=address,
            sort="quiet",
            because=() if same else because,
            old=old.identity if old else None,
            new=made.identity,
            cost=self._cost(made, resolved),
            changes=changes.of(Old(old, old_spec, old_specs), build, resolved, sides) if old else (),
            file=spec.source.file,
            line=_line(spec),
        )
        if same or not runs:
            return entry
        if known:
            return entry._replace(sort="back", commit=known)
        before = cost.of(old.requests, old_spec.data["spec"] if old_spec else {}, self._prices) if old else None
        if was is not None:
            return entry._replace(sort="renamed", was=was, old=self.olds[was].identity)
        return entry._replace(sort="after" if because else "start", cost_before=before)

    @property
    def _prices(self) -> Mapping[str, float]:
        return self.settings.project.prices

    def _cost(self, made: Compiled, resolved: Resolved) -> Cost | None:
        return cost.of(made.requests, resolved.spec.data["spec"], self._prices)

    def remarks(self) -> Iterator[str]:
        """What whoever reads the review has to know besides."""
        if self.before.settings is None:
            known = "only its compiled files are compared" if self.before.files else "everything is new"
            yield f"the project, or this environment of it, is not there or not valid in the commit: {known}"
        if self.before.failed:
            yield f"{self.before.failed} specs of the commit do not compile, and are taken for absent"
        for address, reason in self.before.unusable.items():
            yield f"the commit's file of {address} is not used, it {reason}"


def _blob_id(made: Compiled, like: str) -> str:
    return blob_id(compiled.dump(made).encode(), like)


def _versions(root: Path, commit: str, folder: str) -> tuple[Version, ...]:
    """The versions of the files in a folder up to a commit, newest first; of equal ones the newest alone."""
    repository = Repository(root)
    disk.status(repository.shallow())  # when a fetch changes it, the commit has another history
    found: dict[tuple[str, str], Version] = {}
    for version in repository.history(commit, folder):
        found.setdefault((version.path, version.id), version)
    return tuple(found.values())


def _lock_text(settings: Settings) -> str:
    try:
        return disk.read(settings.project.root / settings.project.lock, disk.LOCK_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def stale(done: Compilation) -> int:
    """How many compiled files on disk are not what the specs compile to."""
    made = [build.compiled for build in done.builds.values()]
    return sum(
        change.word != "unchanged" for change in outputs.changes(made, done.checked.settings.output, orphans=True)
    )


def _new_exceptions(before: Settings | None, now: Settings) -> Iterator[Exempted]:
    """The exceptions from policies that the commit does not have, or only until an earlier day."""
    had: dict[tuple[str, str], str] = {}
    for one in before.project.exceptions if before else ():
        key = (one.policy, one.address)
        had[key] = max(one.until, had.get(key, ""))
    for index, one in enumerate(now.project.exceptions):
        until = had.get((one.policy, one.address), "")
        if one.until > until and (source := now.project.source):
            yield Exempted(*one, until, source.file, source.span(("exceptions", index)).line)


def _because(old: Compiled | None, made: Compiled) -> tuple[str, ...]:
    """The dependencies that have another identity than before, and are the same specs."""
    before: Mapping[str, str] = old.depends_on if old else {}
    return tuple(a for a, digits in sorted(made.depends_on.items()) if before.get(a, digits) != digits)


def _said_alike(one: Spec, other: Spec) -> bool:
    """Whether two specs have the same kind and fields, as they are written."""
    fields = [get(spec.source.data, ("spec",)) for spec in (one, other)]
    runs = [get(spec.source.data, ("metadata", "run")) for spec in (one, other)]
    return one.kind == other.kind and fields[0] == fields[1] and runs[0] == runs[1]


def _identity(content: bytes) -> Any:
    """The identity that a compiled file says it has; whether the rest is right nobody needs to know here."""
    try:
        return json.loads(content)["metadata"]["identity"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _line(spec: Spec) -> int:
    return spec.source.span(("metadata", "name")).line
