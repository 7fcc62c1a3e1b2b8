"""Derive `schemas/v1/api/` from botocore's models of the operations that compiled files hold.

    python tools/derive_api_schemas.py            write the schemas
    python tools/derive_api_schemas.py --check    exit 1 where they are not what botocore gives

Compiling must not load botocore (its SageMaker model alone takes longer than a compile), and the schemas make
it reviewable which version of the API we check against.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sagespec.sandbox import shapes

OPERATIONS = {
    "sagemaker": (
        "CreateArtifact",
        "CreateJob",
        "CreateModelPackageGroup",
        "CreatePipeline",
        "CreateTrainingJob",
        "StartPipelineExecution",
    ),
    "lambda": ("CreateFunction",),
    "s3": ("PutObject",),
}
FOLDER = Path(__file__).parent.parent / "schemas" / "v1" / "api"


def text(service: str, operation: str) -> str:
    """Write the schema file of an operation."""
    return json.dumps(shapes.schema(service, operation), indent=1, sort_keys=True) + "\n"


def main(check: bool) -> int:
    stale = []
    for service, operations in OPERATIONS.items():
        for operation in operations:
            file = FOLDER / f"{service}.{operation}.json"
            wanted = text(service, operation)
            if not file.is_file() or file.read_text("utf-8") != wanted:
                stale.append(file.name)
                if not check:
                    FOLDER.mkdir(parents=True, exist_ok=True)
                    file.write_text(wanted, "utf-8")
    sys.stdout.write("".join(f"{'stale' if check else 'wrote'} {name}\n" for name in stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
