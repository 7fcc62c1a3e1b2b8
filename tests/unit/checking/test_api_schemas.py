"""The schemas of the API are those of the pinned botocore."""

from __future__ import annotations

from pathlib import Path

import pytest
from sagespec.checking import schema

from tools import derive_api_schemas as derive

FILES = sorted(derive.FOLDER.iterdir())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_schemas_are_derived_from_botocore(file: Path) -> None:
    assert file.read_text("utf-8") == derive.text(file.stem), "run tools/derive_api_schemas.py"


SENT = {"instance_count", "volume_size_in_gb", "max_wait_time_in_seconds"}
"""Numbers that the API's own schemas bound."""
TEXT = {"random_seed"}
"""Numbers that reach the container as text alone."""


@pytest.mark.parametrize("kind", schema.kinds())
def test_every_whole_number_is_bounded(kind: str) -> None:
    numbers = [(path, shape) for path, shape in schema.shapes(kind) if shape.get("type") == "integer"]
    unbounded = {str(path[-1]) for path, shape in numbers if "maximum" not in shape}
    assert unbounded <= SENT | TEXT
    assert schema.load(kind)["properties"]["metadata"]["properties"]["run"]["maximum"] == 2**31 - 1
