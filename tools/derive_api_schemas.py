"""Derive `schemas/v1/api/` from botocore's models of the operations that compiled files hold.

    python tools/derive_api_schemas.py                            write the schemas that are there once more
    python tools/derive_api_schemas.py sagemaker.CreateJob        and that of one more operation
    python tools/derive_api_schemas.py --check                    exit 1 where they are not what botocore gives

Compiling must not load botocore (its SageMaker model alone takes longer than a compile), and the schemas make
it reviewable which version of the API we check against.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from sagespec.sandbox import shapes

FOLDER = Path(__file__).parent.parent / "schemas" / "v1" / "api"


def text(name: str) -> str:
    """Write the schema file of an operation, by its name with that of the service."""
    return json.dumps(shapes.schema(*name.split(".")), indent=1, sort_keys=True) + "\n"


def main(names: Iterable[str], check: bool) -> int:
    stale = []
    for name in sorted({*names, *(file.stem for file in FOLDER.glob("*.json"))}):
        file = FOLDER / f"{name}.json"
        wanted = text(name)
        if not file.is_file() or file.read_text("utf-8") != wanted:
            stale.append(file.name)
            if not check:
                file.write_text(wanted, "utf-8")
    sys.stdout.write("".join(f"{'stale' if check else 'wrote'} {name}\n" for name in stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main((name for name in sys.argv[1:] if not name.startswith("-")), "--check" in sys.argv[1:]))
