"""What changed, in the author's terms: which field, from what to what, on which line, and who changed it.

In: a compiled file and its spec as they were, and as they are. Out: `Change`s. What the specs say is compared field
by field, since documents leave out what is as the recipe has it; what is sent differently without that is traced to
the lock, and what is left to our own templates. Values of environment variables are always masked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sagespec.compiling import build
from sagespec.compiling.build import Build
from sagespec.diagnostics import START, KeyPath, Problem, dotted, secrets
from sagespec.documents.compiled import PACKAGED, Compiled
from sagespec.project import values
from sagespec.project.facts import Context, Fact, MissingFact, kept_as
from sagespec.project.lock import Lock
from sagespec.project.settings import Settings
from sagespec.project.spec import Spec
from sagespec.reading import json_reader
from sagespec.reading.source import get
from sagespec.review import differences
from sagespec.review.differences import Difference, Sent
from sagespec.review.entry import Change, Origin
from sagespec.sagemaker.inputs import Resolved

_OF_UPLOADS = ("Key", "S3Uri", "ContentLength", "sha256")
"""What changes with a file that is uploaded."""
_RUN: KeyPath = ("metadata", "run")
_TAGS: KeyPath = ("spec", "tags")
_HYPERPARAMETERS: KeyPath = ("spec", "hyperparameters")
_DIGITS = 12
FILE = "file"
"""The note of a change of a file."""


class Old(NamedTuple):
    """One address as it was: its compiled file, and its spec and those it refers to, where they can still be read."""

    made: Compiled
    spec: Spec | None
    others: Mapping[str, Spec]


@dataclass(frozen=True)
class Sides:
    """What both versions of a project have besides specs: settings, and the lock; `lock_text` is as it is now."""

    before: Settings | None
    after: Settings
    is_lock_other: bool = False
    lock_before: Lock | None = field(default=None, repr=False)
    lock_text: str = field(default="", repr=False)

    @cached_property
    def lock_lines(self) -> Mapping[KeyPath, int]:
        """The lines of the facts of the lock as it is now; read once, when a fact has changed."""
        document = json_reader.read(self.lock_text)
        return {path: span.line for path, span in document.keys.items()}


def of(old: Old, new: Build, resolved: Resolved, sides: Sides) -> tuple[Change, ...]:
    """Say what changed of one address."""
    return tuple(_Comparison(old, new, resolved, sides).changes())


@dataclass
class _Comparison:
    old: Old
    new: Build
    resolved: Resolved
    sides: Sides
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sent = list(differences.of_requests(self.old.made.requests, self.new.compiled.requests))

    @property
    def spec(self) -> Spec:
        return self.resolved.spec

    def changes(self) -> Iterator[Change]:
        """What the specs say differently, then files, then what is sent differently without either."""
        told: list[KeyPath] = []
        for one in self._of_specs():
            told.append(one.path)
            yield self._said(one)
        for path, before, after in differences.of(
            differences.files(self.old.made.requests), differences.files(self.new.compiled.requests)
        ):
            yield self._of_file(str(path[0]), before, after)
        left = [one for one in self.sent if not self._is_told(one, told)]
        besides = [*self._of_lent(), *self._of_lock()] if left else []
        yield from besides
        yield from () if besides else (self._of_template(one) for one in left)
        yield from self._of_place(told)

    def _of_specs(self) -> Iterator[Difference]:
        before, after = self.old.spec, self.spec
        if before is None:
            return
        for one in differences.of(before.data.get("metadata"), after.data.get("metadata"), ("metadata",)):
            if one.path != ("metadata", "name"):
                yield one
        for one in differences.of(_fields(before), _fields(after), ("spec",)):
            if not self._follows(one.path):
                yield one
        yield from differences.of(_tags(before), _tags(after), _TAGS)

    def _follows(self, path: KeyPath) -> bool:
        """Whether a field differs only with the spec's own name or run, of which is told anyway."""
        names = self._filled_in(path)
        return bool(names) and names <= {*values.OF_SPEC}

    def _filled_in(self, path: KeyPath) -> frozenset[str]:
        """The values of which a field is made, where it is written as it was, and only they differ."""
        if self.old.spec is None:
            return frozenset()
        after, before = _written(path, self.spec), _written(path, self.old.spec)
        if not isinstance(after, str) or before != after:
            return frozenset()
        return frozenset(values.names(after))

    def _said(self, one: Difference) -> Change:
        """A change of what the spec says."""
        path = one.path
        source, named, file, line = self._source(path)
        mine = [sent for sent in self.sent if self._makes(path, sent)]
        starts = any(sent.counts for sent in mine or self._of_nobody) or (path == _RUN and self._is_new)
        unsent = path[:2] == _HYPERPARAMETERS and one.new is not None and all(sent.new is None for sent in mine)
        note = "the recipe's own" if unsent and mine else ""
        old, new = masked(one.old, path), masked(one.new, path)
        return Change(_shown_path(path), old, new, file, line, starts, source, named, note)

    def _source(self, path: KeyPath) -> tuple[Origin, str, str, int]:
        """Who changed what a field says, and where that is written."""
        at = self.spec.locate(Problem("aws", "", self._place(path)))
        if names := sorted(self._filled_in(path) - {*values.OF_SPEC}):
            return "value", f"value:{names[0]}", *(self._of_value(names[0]) or (at.file, at.line))
        if self._place(path)[:1] == ("defaults",) or any(
            path[:n] in self.spec.overlays for n in range(len(path) + 1)
        ):
            return "default", "", at.file, at.line
        if get(self.spec.data, path) is None and self._was_default(path):
            project = self.sides.after.project.source
            return "default", "", project.file if project else at.file, START.line
        return "spec", "", at.file, at.line

    @property
    def _is_new(self) -> bool:
        return self.old.made.identity != self.new.compiled.identity

    def _was_default(self, path: KeyPath) -> bool:
        overlays = self.old.spec.overlays if self.old.spec else {}
        own = path[:2] == _TAGS and len(path) > 2 and ("defaults", "tags", str(path[2])) in overlays
        return own or any(path[:length] in overlays for length in range(1, len(path) + 1))

    def _place(self, path: KeyPath) -> KeyPath:
        """Where a field is written; of a tag, perhaps in the defaults."""
        if path[:2] == _TAGS and len(path) > 2:
            for spec in (self.spec, self.old.spec):
                if spec is not None and str(path[2]) in (tags := spec.tags()):
                    return tags[str(path[2])].path if spec is self.spec else _TAGS
        return path

    def _of_value(self, name: str) -> tuple[str, int] | None:
        """Where the environment says a value."""
        project, environment = self.sides.after.project.source, self.sides.after.environment
        if project is None or environment is None:
            return None
        at = project.locate(Problem("aws", "", ("environments", environment, "values", name)))
        return at.file, at.line

    def _origin(self, sent: Sent) -> KeyPath:
        """The field that a place in a request comes from; () where only its former version says so."""
        provenance = self.new.provenance.get(sent.request, {})
        for length in range(len(sent.path), -1, -1):
            if (field := provenance.get(sent.path[:length])) is not None:
                whole = (*field, *sent.path[length:])
                return (*_TAGS, *whole[2:]) if whole[:2] == ("defaults", "tags") else whole
        return ()

    def _makes(self, path: KeyPath, sent: Sent) -> bool:
        """Whether a field makes a place in a request, or made it, as its name says."""
        field = self._origin(sent)
        return _is_about(field, path) if len(field) > 1 else bool(sent.path) and sent.path[-1] == path[-1]

    @cached_property
    def _of_nobody(self) -> list[Sent]:
        """What is sent differently where no field is known to make it."""
        return [sent for sent in self.sent if len(self._origin(sent)) < 2 and not self._is_upload(sent)]

    def _is_told(self, sent: Sent, told: Collection[KeyPath]) -> bool:
        if self._is_upload(sent) or any(self._makes(path, sent) for path in told):
            return True
        field = self._origin(sent)
        return bool(told) if len(field) < 2 else self._follows(build.within(self.spec.data, field))

    def _is_upload(self, sent: Sent) -> bool:
        """Whether a place differs only since a file does."""
        inside = "$file" in sent.path or "$zip" in sent.path or (sent.path and sent.path[-1] in _OF_UPLOADS)
        return bool(inside) and self._has_other_files

    @cached_property
    def _has_other_files(self) -> bool:
        return differences.files(self.old.made.requests) != differences.files(self.new.compiled.requests)

    def _of_file(self, path: str, before: Any, after: Any) -> Change:
        """A change of a file that is uploaded; drivers of ours change with us, and start nothing."""
        old, new = (f"sha256:{value[:_DIGITS]}" if value is not None else None for value in (before, after))
        if path.startswith(PACKAGED):
            return Change(path, old, new, "", 0, before is None or after is None, "template", "", FILE)
        return Change(path, old, new, path, START.line, self._is_new, "spec", "", FILE)

    def _of_lent(self) -> Iterator[Change]:
        """What specs say otherwise that lend their fields to this one, and run nothing themselves."""
        for one in self.resolved.dependencies:
            before = self.old.others.get(one.spec.address)
            if before is None or (
                one.spec.address in self.new.compiled.depends_on and self._is_other(one.spec.address)
            ):
                continue
            for path, old, new in differences.of(_fields(before), _fields(one.spec), ("spec",)):
                at = one.spec.locate(Problem("aws", "", path))
                shown = f"{one.spec.address} {_shown_path(path)}"
                starts = any(sent.counts for sent in self.sent)
                yield Change(shown, masked(old, path), masked(new, path), at.file, at.line, starts, "spec")

    def _is_other(self, address: str) -> bool:
        """Whether a dependency has another identity than it had."""
        return self.old.made.depends_on.get(address) != self.new.compiled.depends_on.get(address)

    def _of_lock(self) -> Iterator[Change]:
        """The facts that the spec asked for, and that are others now."""
        if not self.sides.is_lock_other:
            return
        context = self.resolved.inputs.context
        before = self._context_before(context)
        name = self.sides.after.project.lock
        for fact in sorted(_asked(self.resolved)):
            was, now = before.find(fact) if before else None, context.find(fact)
            for path, old, new in differences.of(was, now):
                section, key = fact
                whole = (section, *([kept_as(fact)] if key else []), *path)
                line = self._lock_line(("contexts", f"{context.account}/{context.region}", *whole))
                at = dotted(whole)
                starts = self._is_new and any(sent.counts for sent in self.sent)
                yield Change(at, masked(old, whole), masked(new, whole), name, line, starts, "lock", f"lock:{at}")

    def _context_before(self, context: Context) -> Context | None:
        if self.sides.lock_before is None:
            return None
        try:
            return self.sides.lock_before.context(context.account, context.region)
        except MissingFact:
            return None

    def _lock_line(self, path: KeyPath) -> int:
        lines = self.sides.lock_lines
        return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), START.line)

    def _of_template(self, sent: Sent) -> Change:
        """What neither specs nor the lock account for."""
        field = build.within(self.spec.data, self._origin(sent))
        at = self.spec.locate(Problem("aws", "", field or ("kind",)))
        path = dotted((sent.request, *(step for step in sent.path if step != "$json")))
        source: Origin = "template" if self.old.spec is not None else "spec"
        old, new = masked(sent.old, sent.path), masked(sent.new, sent.path)
        return Change(path, old, new, at.file, at.line, sent.counts, source)

    def _of_place(self, told: Sequence[KeyPath]) -> Iterator[Change]:
        """Another account or region, where no field says so."""
        before, after = self.old.made, self.new.compiled
        for name, one, other in (
            ("account", before.account, after.account),
            ("region", before.region, after.region),
        ):
            if one != other and ("spec", name) not in told:
                project = self.sides.after.project.source
                at = project.locate(Problem("aws", "", ("defaults", name))) if project else None
                file, line = (at.file, at.line) if at else ("", 0)
                yield Change(name, one, other, file, line, True, "default")


def _asked(resolved: Resolved) -> set[Fact]:
    """The facts that a spec and those that it refers to have asked for: what they export goes on."""
    asked: set[Fact] = set()
    waiting, seen = [resolved], {resolved.spec.address}
    while waiting:
        one = waiting.pop()
        asked |= {*one.inputs.context.asked}
        new = {d.spec.address: d for d in one.dependencies if d.spec.address not in seen}
        seen |= {*new}
        waiting += new.values()
    return asked


def _fields(spec: Spec) -> dict[str, Any]:
    return {name: value for name, value in spec.data["spec"].items() if name != _TAGS[1]}


def _tags(spec: Spec) -> dict[str, Any]:
    """The tags of a spec and of the project together."""
    return {key: traced.value for key, traced in spec.tags().items()}


def _written(path: KeyPath, spec: Spec) -> Any:
    """A field as its file has it, which is the spec's or the project's, before values are filled in."""
    for length in range(len(path), 0, -1):
        if path[:length] in spec.overlays:
            source, prefix = spec.overlays[path[:length]]
            return get(source.data, (*prefix, *path[length:]))
    return get(spec.source.data, path)


def _is_about(field: KeyPath, path: KeyPath) -> bool:
    """Whether what a field makes is said by a change at a path, or by a part of it."""
    shorter = min(len(field), len(path))
    return shorter > 1 and field[:shorter] == path[:shorter]


def _shown_path(path: KeyPath) -> str:
    return dotted(path[1:] if path[:1] == ("spec",) else path)


def masked(tree: Any, path: KeyPath) -> Any:
    """Mask a value: of variables everything, also what is masked nowhere else; of the rest what looks secret."""
    if isinstance(tree, Mapping):
        return {key: masked(value, (*path, key)) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [masked(value, (*path, index)) for index, value in enumerate(tree)]
    if tree is not None and secrets.is_variable(path):
        return secrets.MASK
    return secrets.hidden(tree, path)
