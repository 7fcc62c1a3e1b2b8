"""What the process that others are forks of imports."""

from __future__ import annotations

from tests import forks

forks.prepare()
