"""Which names are those of a file's run, of an earlier one of the same spec, or of neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sagespec.documents.compiled import DIGITS, Compiled, Request
from sagespec.executor.files import File
from sagespec.executor.runs import run
from sagespec.executor.runs.sorts import BY_NAME

IDENTITIES = st.text("0123456789abcdef", min_size=DIGITS, max_size=DIGITS)
BASES = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)


def file(base: str, identity: str) -> File:
    named = {"JobName": {"$identity": f"{base}-"}}
    requests = (Request("job", "sagemaker", "CreateJob", named),)
    return File(Path("a.json"), Compiled("K/a", "a.yaml", "1", "r", {}, requests, identity + "0" * 52))


@given(BASES, IDENTITIES, IDENTITIES)
def test_a_run_of_another_identity_is_an_earlier_one(base: str, ours: str, other: str) -> None:
    assume(ours != other)
    assert run.base(file(base, ours), "JobName") == base
    assert not run.is_earlier(file(base, ours), "JobName", f"{base}-{ours}")
    assert run.is_earlier(file(base, ours), "JobName", f"{base}-{other}")


@given(BASES, BASES, IDENTITIES, IDENTITIES)
def test_a_run_of_another_spec_is_none_of_ours(base: str, another: str, ours: str, other: str) -> None:
    assume(base != another)
    assert not run.is_earlier(file(base, ours), "JobName", f"{another}-{other}")


@given(BASES, IDENTITIES, st.text(max_size=40))
def test_no_other_name_is_taken_for_one_of_ours(base: str, ours: str, name: str) -> None:
    assume(not name.startswith(f"{base}-"))
    assert not run.is_earlier(file(base, ours), "JobName", name)
    assert not run.is_earlier(file(base, ours), "JobName", f"{base}-{ours}"[:-1])
    assert not run.is_earlier(file(base, ours), "JobName", f"{base}-{ours.upper()}" if ours.upper() != ours else "")


@pytest.mark.parametrize("sort", BY_NAME.values(), ids=list(BY_NAME))
def test_every_status_that_a_sort_begins_with_is_running(sort: Any) -> None:
    assert run.state_of(sort.BEGUN) == "running"
    assert {run.state_of(status) for status in sort.STATUSES} in (set(), {"running", "done", "failed"})
