"""The lock, read: what is not a lock is refused at its place, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sagespec.project import lock

from tests.conftest import LOCK

FILE = "sagespec.lock.json"


def changed(**facts: Any) -> bytes:
    """The recorded lock with other facts in its context."""
    document = json.loads(LOCK.read_bytes())
    for context in document["contexts"].values():
        context.update(facts)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nul",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        changed(agent_runtimes={"a": "\ud800"}),
        changed(hub_models={"a": {"arn": "arn:aws:x", "gated": False, "hub": "h", "recipes": {"r": {"x": 1}}}}),
        changed().replace(b'"min": 1', b'"min": NaN'),
        changed().replace(b'"usable": true', b'"usable": true, "usable": false'),
    ],
)
def test_what_is_not_a_lock_is_refused(content: bytes) -> None:
    found, diagnostics = lock.load(FILE, content)
    assert found is None
    assert any(d.is_error for d in diagnostics)


@pytest.mark.parametrize("runtime", ["\U0001f600", "]][[", '"]', "\\["])
def test_text_of_any_sort_is_read(runtime: str) -> None:
    found, diagnostics = lock.load(FILE, changed(agent_runtimes={"a": runtime}))
    assert not diagnostics
    assert found is not None
    assert [facts["agent_runtimes"]["a"] for facts in found.contexts.values()] == [runtime]


def test_a_job_schema_with_a_flaw_is_a_warning_at_its_place() -> None:
    found, diagnostics = lock.load(
        FILE, changed(job_schemas={"AgentRFT/1.0.0": {"properties": {"a": {"type": "b"}}}})
    )
    assert found is not None
    assert [(d.rule, d.severity) for d in diagnostics] == [("bad-schema", "warning")]
    assert diagnostics[0].path.endswith("job_schemas.AgentRFT/1.0.0.properties.a.type")
