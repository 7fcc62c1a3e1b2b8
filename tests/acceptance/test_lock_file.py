"""The lock as a file: where it is, who else writes it, and what becomes of one that is not as we write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.sandbox import Sandbox
from compiler.sandbox.server import Call
from tests.acceptance.test_lock_accounts import FILE, HERE, THERE, benchmark, contexts, describe, place, write
from tests.acceptance.test_lock_accounts import empty as empty
from tests.conftest import Run

OTHER = f"{THERE}/us-west-2"


@pytest.fixture
def locked(empty: Path, aws: Sandbox, run: Run) -> Path:
    write(empty, benchmark("one"))
    run("lock", "--region", "us-west-2")
    return empty


def test_it_is_where_the_project_says(empty: Path, aws: Sandbox, run: Run) -> None:
    describe(empty, defaults={"region": "us-west-2"}, lock="team/locks/ours.json")
    write(empty, benchmark("one"))
    assert "wrote team/locks/ours.json" in run("lock").stderr
    ours, theirs = empty / "team" / "locks" / "ours.json", empty / "theirs.txt"
    before = ours.read_bytes()
    theirs.write_bytes(before.replace(b'"gated": false', b'"gated": true'))
    ours.unlink()
    ours.symlink_to(theirs)
    run("lock", "--upgrade")
    assert ours.is_symlink()
    assert theirs.read_bytes() == before
    run("compile")


def test_what_another_locks_meanwhile_is_not_lost(locked: Path, aws: Sandbox, run: Run) -> None:
    def meanwhile(_call: Call, _done: bool) -> None:
        lock = json.loads((locked / FILE).read_text("utf-8"))
        lock["contexts"][OTHER] = place(THERE, "us-west-2")
        (locked / FILE).write_text(json.dumps(lock), "utf-8")

    aws.observer = meanwhile
    assert f"{FILE} was changed meanwhile" in run("lock", code=1).stderr
    assert sorted(contexts(locked)) == [f"{HERE}/us-west-2", OTHER]
    aws.observer = None
    run("lock")
    assert contexts(locked)[OTHER] == place(THERE, "us-west-2")
