"""Read and write the lock, a file of facts by account and region.

In: the bytes of `sagespec.lock.json`. Out: a `Lock`, which gives the `Context` of an account and region. Refuses a
file that is not a lock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sagespec.checking import schema
from sagespec.diagnostics import Diagnostic, Problem, dotted
from sagespec.documents.compiled import API_VERSION
from sagespec.project.facts import Context, Fact, Facts, MissingFact
from sagespec.reading import source
from sagespec.reading.document import MAX_DEPTH
from sagespec.reading.strict_json import no_number, once


@dataclass(frozen=True)
class Lock:
    """A lock file: facts by account and region."""

    contexts: Mapping[str, Facts]

    def context(self, account: str | None, region: str | None) -> Context:
        """Choose the context of an account and region; None matches any.

        Raises MissingFact where not exactly one context matches.
        """
        fitting = [
            key
            for key, facts in sorted(self.contexts.items())
            if account in (None, facts["account"]) and region in (None, facts["region"])
        ]
        if len(fitting) == 1:
            facts = self.contexts[fitting[0]]
            return Context(facts["account"], facts["region"], facts["partition"], facts)
        wanted = f"{account or 'any account'}/{region or 'any region'}"
        known = ", ".join(sorted(self.contexts)) or "nothing"
        if not fitting:
            raise MissingFact(f"the lock has no context for {wanted}; it has {known}", "run `sagespec lock`")
        raise MissingFact(
            f"the lock has several contexts for {wanted}: {known}",
            "choose one by account and region in `defaults` of sagespec.yaml",
        )


def load(file: str, content: bytes) -> tuple[Lock | None, list[Diagnostic]]:
    """Read a lock file.

    Flaws of a job schema are warnings: AWS wrote it, and documents are only left unchecked.
    """
    data = _quickly(content)
    if data is not None and not list(_problems(data)):
        return Lock(data["contexts"]), []
    sources, diagnostics = source.load(file, content)
    if not diagnostics and sources:
        data, diagnostics = sources[0].data, [sources[0].locate(p) for p in _problems(sources[0].data)]
    elif not diagnostics:
        diagnostics = [source.Source(file, None, {}, {}).locate(_EMPTY)]
    if not any(d.is_error for d in diagnostics):
        return Lock(data["contexts"]), diagnostics
    first, *others = sorted(diagnostics)
    return None, [replace(first, hint=first.hint or _WAY_OUT), *others]


def dump(contexts: Mapping[str, Facts]) -> str:
    """Write a lock file; the same facts always give the same text.

    Raises ValueError for NaN and infinities.
    """
    document = {"apiVersion": API_VERSION, "kind": "Lock", "contexts": contexts}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def flaw(fact: Fact, value: Any) -> str:
    """Return why a lock with this fact could not be read, or ''.

    Raises ValueError and RecursionError for a value that cannot be written.
    """
    (section, name), key = fact, "000000000000/us-east-1"
    somewhere = {"account": "000000000000", "region": "us-east-1", "partition": "aws"}
    _, said = load("", dump({key: {**somewhere, section: {name: value} if name else value}}).encode())
    prefix = dotted(("contexts", key, section, *([name] if name else [])))
    return next((f"{d.path.removeprefix(prefix)}: {d.message}".lstrip(".: ") for d in said if d.is_error), "")


_WAY_OUT = "correct it, or delete it and run `sagespec lock`"
_EMPTY = Problem("empty-file", "the file is empty")


def _problems(data: Any) -> Iterator[Problem]:
    refused = schema.validate("Lock", data)
    yield from refused
    for key, facts in () if refused else data["contexts"].items():
        said = f"{facts['account']}/{facts['region']}"
        if key != said:
            yield Problem("bad-value", f"the facts are those of {said}", ("contexts", key), on_key=True)
        for name, job_schema in facts.get("job_schemas", {}).items():
            from sagespec.checking import foreign_schema  # with jsonschema, which most locks do without

            path = ("contexts", key, "job_schemas", name)
            for flaw in foreign_schema.load(job_schema).flaws:
                message = f"{flaw.message}: documents are not checked against it"
                yield replace(flaw, message=message, path=(*path, *flaw.path), severity="warning")


_SUSPICIOUS = re.compile(rb"\\u[dD][89a-fA-F]")
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)  # an unclosed string extends to the end
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))


def _quickly(content: bytes) -> Any:
    """Parse JSON without spans, or return None where it has errors that need the reader with spans."""
    if _SUSPICIOUS.search(content) or not (_is_shallow(content) or _is_shallow(_STRINGS.sub(b"", content))):
        return None
    try:
        return json.loads(content, object_pairs_hook=once, parse_constant=no_number)
    except ValueError:
        return None


def _is_shallow(content: bytes) -> bool:
    """Return whether brackets match and are nested no deeper than documents may be."""
    brackets = content.translate(None, _OTHERS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets
