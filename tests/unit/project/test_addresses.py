"""Which specs a word means."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.project import addresses
from sagespec.project.addresses import Ambiguous, Unknown

KNOWN = ("DPOTrainer/helpful", "SFTTrainer/helpful", "SFTTrainer/tone", "BenchMarkEvaluator/tone-math")
NAMES = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12)
ADDRESSES = st.builds("{}/{}".format, st.sampled_from(["SFTTrainer", "DPOTrainer", "Torchrun"]), NAMES)


def test_addresses_names_and_globs() -> None:
    assert addresses.meant("SFTTrainer/helpful", KNOWN) == ["SFTTrainer/helpful"]
    assert addresses.meant("tone", KNOWN) == ["SFTTrainer/tone"]
    assert addresses.meant("SFTTrainer/*", KNOWN) == ["SFTTrainer/helpful", "SFTTrainer/tone"]
    assert addresses.meant("tone*", KNOWN) == ["BenchMarkEvaluator/tone-math", "SFTTrainer/tone"]
    assert addresses.meant("*/t?ne", KNOWN) == ["SFTTrainer/tone"]


def test_names_of_several_and_of_none() -> None:
    with pytest.raises(Ambiguous, match="2 specs are called 'helpful'") as ambiguous:
        addresses.meant("helpful", KNOWN)
    assert ambiguous.value.hint == "write one of DPOTrainer/helpful, SFTTrainer/helpful"
    for word, hint in (("SFTTrainer/tome", "SFTTrainer/tone"), ("tone-mth", "tone-math"), ("TONE", "tone")):
        with pytest.raises(Unknown) as unknown:
            addresses.meant(word, KNOWN)
        assert unknown.value.hint == f"did you mean {hint!r}?"


@pytest.mark.parametrize("word", ["SFTTrainer/[t]one", "[t]one", "[a-z]*", "tone[0]", "SFTTrainer/tone[lr=1]"])
def test_brackets_are_no_glob(word: str) -> None:
    with pytest.raises(Unknown):
        addresses.meant(word, KNOWN)


@given(st.sets(ADDRESSES, min_size=1, max_size=8))
def test_every_address_means_itself_and_a_star_means_all(known: set[str]) -> None:
    for address in known:
        assert addresses.meant(address, known) == [address]
        name = address.partition("/")[2]
        same = [other for other in known if other.endswith(f"/{name}")]
        if len(same) == 1:
            assert addresses.meant(name, known) == [address]
        else:
            with pytest.raises(Ambiguous):
                addresses.meant(name, known)
    assert addresses.meant("*", known) == sorted(known)


@given(st.text(max_size=30), st.sets(ADDRESSES, max_size=5))
def test_any_text_means_known_addresses_or_is_refused(word: str, known: set[str]) -> None:
    with contextlib.suppress(Ambiguous, Unknown):
        assert set(addresses.meant(word, known)) <= known
