"""The inventories name everything that the installed SDK has, and nothing else; `make parity` runs this."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from sagespec.review import sdk_names

from tests.conftest import ROOT


@pytest.mark.parity
def test_the_inventories_have_the_names_of_the_sdk() -> None:
    owners = [owner for inventory in sdk_names.inventories() for owner in inventory.owners]
    asked = json.dumps([[owner.origin, owner.names] for owner in owners])
    command = [os.environ["PARITY_PYTHON"], str(ROOT / "tests" / "parity" / "names_of_the_sdk.py")]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for owner, names in zip(owners, json.loads(done.stdout.splitlines()[-1]), strict=True):
        assert {row.name for row in owner.rows} == set(names), f"{owner.name} of the SDK"
