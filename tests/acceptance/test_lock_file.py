"""The lock as a file: where it is, who else writes it, and what becomes of one that is not as we write it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sagespec.sandbox import Sandbox
from sagespec.sandbox.server import Call

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
    assert f"{FILE} was changed by another process" in run("lock", code=1).stderr
    assert sorted(contexts(locked)) == [f"{HERE}/us-west-2", OTHER]
    aws.observer = None
    run("lock")
    assert contexts(locked)[OTHER] == place(THERE, "us-west-2")


def test_what_another_locks_alike_is_no_trouble(locked: Path, aws: Sandbox, run: Run) -> None:
    content = (locked / FILE).read_bytes()
    (locked / FILE).unlink()

    def meanwhile(_call: Call, _done: bool) -> None:
        (locked / FILE).write_bytes(content)

    aws.observer = meanwhile
    run("lock", "--region", "us-west-2")
    assert (locked / FILE).read_bytes() == content


BROKEN = {
    "merge": ("@@@", "@@@\n<<<<<<< ours\n", "expected a key in double quotes"),
    "newer": ("sagespec/v1", "sagespec/v2", 'must be "sagespec/v1", found "sagespec/v2"'),
    "edited": ('"gated": false', '"gated": "no"', "expected true or false"),
}


@pytest.mark.parametrize("case", [*BROKEN, "truncated", "empty"])
def test_one_that_cannot_be_read_stays_and_says_the_way_out(case: str, locked: Path, aws: Sandbox, run: Run) -> None:
    text = (locked / FILE).read_text("utf-8").replace('  "contexts": {\n', '  "contexts": {@@@')
    old, new, message = BROKEN.get(case, ("", "", ""))
    broken = {"truncated": text[:200], "empty": ""}.get(case, text.replace(old, new)).replace("@@@", "\n")
    (locked / FILE).write_text(broken, "utf-8")
    for command in (["lock"], ["lock", "--upgrade"], ["lock", "--check"], ["compile"]):
        said = run(*command, code=1).stderr
        assert said.startswith(f"{FILE}:")
        assert message in said
        assert "hint: " in said
        assert (locked / FILE).read_text("utf-8") == broken
    (locked / FILE).unlink()
    run("lock", "--region", "us-west-2")
    run("compile")
