"""What a model stands for, and what is said of its licence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sagespec.diagnostics import Problems
from sagespec.documents.traced import Traced
from sagespec.sagemaker import model
from sagespec.sagemaker.model import Model

PACKAGE = Traced("arn:aws:sagemaker:us-west-2:123456789012:model-package/g/1")


def of(**given: Any) -> Model:
    return Model(**{"name": "llama", "arn": Traced("arn"), "hub": "SageMakerPublicHub", **given})


@pytest.mark.parametrize(
    ("gated", "said", "needs_flag", "package", "severity"),
    [
        (False, None, True, None, None),
        (True, True, True, None, None),
        (True, False, False, None, "error"),
        (True, None, False, None, None),
        (True, None, True, None, "error"),
        (True, None, True, PACKAGE, None),  # whoever has trained it has accepted the licence
        (True, False, True, PACKAGE, "error"),
        (None, None, True, None, "warning"),
        (None, False, True, None, None),
        (None, None, False, None, None),
    ],
)
def test_a_licence_is_accepted_where_it_must_be(
    gated: bool | None, said: bool | None, needs_flag: bool, package: Traced | None, severity: str | None
) -> None:
    problems = Problems()
    fields = Traced({"model": "llama", **({} if said is None else {"accept_eula": said})}, ("spec",))
    model.check_eula(of(gated=gated, package=package), fields, problems, needs_flag)
    assert [p.severity for p in problems] == ([severity] if severity else [])
    assert all(p.path in (("spec", "model"), ("spec", "accept_eula")) for p in problems)


@given(st.dictionaries(st.sampled_from(["FineTuning/MTRL", "FineTuning/MTRL/LORA", "FineTuning/MTRLX"]), st.just({})))
def test_a_recipe_is_found_by_whole_words_of_its_key(recipes: dict[str, Any]) -> None:
    found = of(recipes=recipes).recipe("FineTuning/MTRL")
    assert (found is not None) == bool({"FineTuning/MTRL", "FineTuning/MTRL/LORA"} & set(recipes))
    assert of(recipes=None).recipe("FineTuning/MTRL") is None


@given(st.text())
def test_a_name_that_is_no_alias_stays(name: str) -> None:
    known = model.alias(name)
    assert known == name or name.removesuffix(":0") in model._aliases()
    assert all(model.alias(f"{alias}:0") == hub for alias, hub in model._aliases().items())
