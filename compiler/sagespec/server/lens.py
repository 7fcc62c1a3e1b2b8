"""Say at each spec what applying it would do, against the commit that is checked out.

In: an examination. Out: by address the words of `sagespec diff HEAD`, and the lenses of a file that show them. There
are none where the project is in no work tree of git, where that has no commit, or where git is not installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lsprotocol import types

from sagespec import disk
from sagespec.compiling import workspace
from sagespec.diagnostics import Span
from sagespec.diagnostics.escapes import printable
from sagespec.executor.git import GitError, Repository
from sagespec.memory import Memory
from sagespec.project import boundary
from sagespec.reading import source
from sagespec.reading.source import Source
from sagespec.review import diff, words
from sagespec.review.entry import SIGNS, Entry
from sagespec.server.examination import Examination
from sagespec.server.positions import Text

REF = "HEAD"
_MOST = 2
"""Changes of one spec that are shown: editors show a lens on one line."""


def titles(one: Examination, memory: Memory) -> Mapping[str, str]:
    """Compile a project as it is open, and compare it with git's HEAD."""
    if one.checked is None:
        return {}
    with disk.through(one.buffers), memory.used():
        root = boundary.work_tree(one.checked.settings.project.root)
        repository = Repository(root) if root else None
        commit = repository.commit(REF) if repository else None
        if repository is None or commit is None:
            return {}
        done = workspace.compile(one.checked)
        try:
            review = diff.review(repository, REF, commit, done)
        except GitError:
            return {}
    unchanged = dict.fromkeys(done.builds, f"same as {REF}")
    return unchanged | {entry.address: title(entry) for entry in review.entries}


def title(entry: Entry) -> str:
    """Say in one line what becomes of a spec, with the first of its changes."""
    text = f"{SIGNS[entry.sort]} {words.meaning(entry)}"
    if entry.sort == "refused":  # the diagnostics say why
        return text
    said = words.outcome(entry)
    changes = [change for change in entry.changes if change.starts or not entry.starts]
    parts = [f"{change.path} {words.values(change)}" for change in changes[:_MOST]]
    if len(changes) > _MOST:
        parts.append(f"{len(changes) - _MOST} more changes")
    parts += [said] if said != words.meaning(entry) else []
    return f"{text}: {'; '.join(parts)}" if parts else text


def lenses(one: Examination, text: Text, said: Mapping[str, str]) -> list[types.CodeLens]:
    """Lay the titles on the specs of a file."""
    named = {
        _place(resolved.spec.source): address
        for address, resolved in (one.checked.resolved if one.checked else {}).items()
        if resolved.spec.source.file == text.name
    }
    return [
        types.CodeLens(text.range(place), types.Command(printable(said[address]), command=""))
        for place, address in _addresses(text.documents, named)
        if address in said
    ]


def _addresses(documents: Iterable[Source], named: Mapping[Span, str]) -> Iterator[tuple[Span, str]]:
    """Yield the addresses of documents; one that is not resolved has that of its kind and name as written."""
    for document in documents:
        place = _place(document)
        kind, name = (source.get(document.data, path) for path in (("kind",), ("metadata", "name")))
        yield place, named.get(place, f"{kind}/{name}")


def _place(document: Source) -> Span:
    return document.span(("metadata", "name"))
