"""How fast compiling is, beside what it cannot be faster than; ratios of times measured side by side.

    python benchmarks/compile.py [--specs N] [--rounds N]

One spec: `sagespec compile` beside the start of Python with the libraries that it needs (goal: at most 1.5).
Many specs: `sagespec compile` beside check-jsonschema over the same files (goal: below 1).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
# jsonschema is imported for invalid specs alone by now; the baseline keeps it, so that figures can be compared
LIBRARIES = [sys.executable, "-c", "import yaml, click, jinja2, jsonschema"]
COMPILE = [sys.executable, "-m", "sagespec", "compile"]


def best(commands: Sequence[Sequence[str]], folder: Path, rounds: int) -> list[float]:
    """The best time of each command in seconds, taken in turns so that noise meets all alike."""
    times: list[list[float]] = [[] for _ in commands]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "compiler")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    for _ in range(rounds):
        for command, found in zip(commands, times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
            found.append(time.perf_counter() - start)
    return [min(found) for found in times]


def project(folder: Path, count: int) -> None:
    """A project of so many trainers, each with an output path of its own."""
    shutil.copy(ROOT / "tests" / "vectors" / "sagespec.lock.json", folder)
    (folder / "specs").mkdir()
    spec = yaml.safe_load((ROOT / "specs" / "multi-turn-rl-trainer.yaml").read_text("utf-8"))
    for number in range(count):
        spec["metadata"]["name"] = f"agent-{number}"
        text = yaml.safe_dump(spec, sort_keys=False)
        (folder / "specs" / f"{number}.yaml").write_text(text, "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--specs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "one")
        folder.mkdir()
        project(folder, 1)
        subprocess.run(
            COMPILE,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "compiler")},
            check=True,
            capture_output=True,
        )
        compiling, importing = best([COMPILE, LIBRARIES], folder, asked.rounds)
        sys.stdout.write(f"one spec: {compiling:.3f} s, its libraries alone {importing:.3f} s, ")
        sys.stdout.write(f"ratio {compiling / importing:.2f} (goal: at most 1.5)\n")
        folder = Path(name, "many")
        folder.mkdir()
        project(folder, asked.specs)
        schema = folder / "schema.json"
        command = [sys.executable, "-m", "sagespec", "schema", "MultiTurnRLTrainer"]
        schema.write_bytes(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        files = sorted(str(file) for file in (folder / "specs").iterdir())
        checking = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), *files]
        compiling, validating = best([[*COMPILE, "--out", "out"], checking], folder, min(asked.rounds, 3))
        sys.stdout.write(f"{asked.specs} specs: {compiling:.2f} s, check-jsonschema {validating:.2f} s, ")
        sys.stdout.write(f"ratio {compiling / validating:.2f} (goal: below 1)\n")


if __name__ == "__main__":
    main()
