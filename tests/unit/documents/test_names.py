"""Names end in the identity, whole, within the limits of the service."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sagespec.documents import names
from sagespec.documents.compiled import DIGITS, identified

BASES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,120}", fullmatch=True)
LIMITS = st.sampled_from([names.JOB_LIMIT, names.EXECUTION_LIMIT, names.GROUP_LIMIT, names.FUNCTION_LIMIT])


@given(BASES, LIMITS, st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_name_ends_in_the_identity(base: str, limit: int, identity: str) -> None:
    made = identified(names.ending_in_identity(base, limit), identity)
    assert made.endswith(f"-{identity[:DIGITS]}")
    assert len(made) <= limit
    assert "_" not in made
    assert base.replace("_", "-").startswith(made[: -DIGITS - 1])


@given(BASES, st.text(max_size=20), st.integers(30, 90))
def test_a_suffix_is_kept_whole(base: str, suffix: str, limit: int) -> None:
    made = names.with_suffix(base, suffix, limit)
    assert made.endswith(suffix)
    assert len(made) <= limit
