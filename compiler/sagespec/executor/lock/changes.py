"""Compare a lock with what AWS answers now.

In: contexts as they are locked, and as they would be locked now. Out: one line for each difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagespec.executor.differences import differences
from sagespec.executor.lock import lookup

Contexts = Mapping[str, Mapping[str, Any]]


def unlocked(before: Contexts, after: Contexts) -> Iterator[str]:
    """Yield the facts that are not in the lock yet."""
    for key, section, name, fact in _facts(after):
        if fact is not None and _at(before, key, section, name) is None:
            yield _location(key, section, name)


def changed(before: Contexts, after: Contexts) -> Iterator[str]:
    """Yield the facts whose answer has changed; facts that are no longer needed are left out."""
    for key, section, name, fact in _facts(after):
        old = _at(before, key, section, name)
        if old is not None and fact is not None:
            yield from differences(old, fact, (key, section, name) if name else (key, section))


def _facts(contexts: Contexts) -> Iterator[tuple[str, str, str, Any]]:
    for key, context in sorted(contexts.items()):
        for section in sorted(lookup.SOURCES.keys() & context.keys()):
            facts = {"": context[section]} if section in lookup.SINGLE else context[section]
            for name, fact in sorted(facts.items()):
                yield key, section, name, fact


def _at(contexts: Contexts, key: str, section: str, name: str) -> Any:
    facts = contexts.get(key, {}).get(section)
    return facts.get(name) if name and isinstance(facts, dict) else facts


def _location(*steps: str) -> str:
    return "".join(f"/{step}" for step in steps if step)
