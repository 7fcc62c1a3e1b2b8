"""What the tests of navigation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.server.desk import FILES, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, FILES)
