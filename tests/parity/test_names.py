"""The inventories name everything that the installed SDK has, and nothing else; `make parity` runs this."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from typing import Any

import pytest
from sagespec.review import sdk_names

from tests.conftest import ROOT

OWNERS = [owner for inventory in sdk_names.inventories() for owner in inventory.owners]


@pytest.fixture(scope="module")
def sdk() -> Any:
    """What the SDK has of everything that the inventories name."""
    asked = json.dumps([[owner.origin, owner.names] for owner in OWNERS])
    command = [os.environ["PARITY_PYTHON"], str(ROOT / "tests" / "parity" / "names_of_the_sdk.py")]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-west-2"}
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parity
def test_the_inventories_have_the_names_of_the_sdk(sdk: Any) -> None:
    for owner, names in zip(OWNERS, sdk, strict=True):
        written = [name for row in owner.rows for name in row.names]
        assert sorted(written) == sorted(names), f"{owner.name} of the SDK"


@pytest.mark.parity
def test_every_class_and_module_is_in_one_inventory_of_a_kind() -> None:
    """None stands twice, but for what several kinds share."""
    for inventory in sdk_names.inventories():
        counts = Counter((owner.origin, owner.names) for owner in inventory.owners)
        assert not [owner for owner, count in counts.items() if count > 1], inventory.name
