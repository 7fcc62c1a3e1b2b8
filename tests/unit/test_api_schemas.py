"""The schemas of the API are those of the pinned botocore."""

from __future__ import annotations

import pytest

from tools import derive_api_schemas as derive

OPERATIONS = [(service, name) for service, names in derive.OPERATIONS.items() for name in names]


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_schemas_are_derived_from_botocore(service: str, operation: str) -> None:
    file = derive.FOLDER / f"{service}.{operation}.json"
    assert file.read_text("utf-8") == derive.text(service, operation), "run tools/derive_api_schemas.py"


def test_there_are_no_others() -> None:
    assert len(list(derive.FOLDER.iterdir())) == len(OPERATIONS)
