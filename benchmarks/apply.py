"""How much faster apply is than one request after another, against an endpoint that takes 50 ms for each.

Prints the ratio, and the API calls that a plan over unchanged jobs needs; the goals are those of the contract. Each
apply comes after a dry run, as with its users: no compiling of Python and no first request are measured.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "tests" / "vectors" / "sagespec.lock.json"
NEW, OLD = 200, 500
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:agent-env"
SPEC = """\
apiVersion: sagespec/v1
kind: MultiTurnRLTrainer
metadata: {{name: job-{number}}}
spec:
  model: huggingface-reasoning-qwen3-32b
  accept_eula: true
  agent_env: {function}
  training_dataset: s3://my-bucket/train.jsonl
  s3_output_path: s3://my-bucket/output/{number}
"""


def own_environment(folder: Path) -> dict[str, str]:
    """The environment of every command: bytecode is kept, in a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT / "compiler"), "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode")}


@contextmanager
def endpoint(folder: Path, latency: float) -> Iterator[dict[str, str]]:
    """Serve a sandbox from a process of its own; give the environment that reaches it."""
    command = [sys.executable, "-m", "sagespec", "sandbox", "--port", "0"]
    command += ["--exists", "s3://my-bucket/train.jsonl", "--exists", FUNCTION]
    environment = own_environment(folder)
    server = subprocess.Popen(
        [*command, "--faults", f"latency={latency}"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    lines = iter(server.stdout.readline, "")
    found = dict(environment)
    for line in lines:
        name, _, value = line.removeprefix("export ").strip().partition("=")
        found[name] = value
        if name == "AWS_DEFAULT_REGION":
            break
    try:
        yield found
    finally:
        server.terminate()
        server.wait()


def sagespec(folder: Path, environment: dict[str, str], *args: str) -> float:
    """Run a command; give its seconds."""
    started = time.perf_counter()
    run = [sys.executable, "-m", "sagespec", *args]
    subprocess.run(run, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def calls(environment: dict[str, str]) -> int:
    with urllib.request.urlopen(environment["AWS_ENDPOINT_URL"] + "/_sagespec/calls") as answer:
        return len(json.load(answer))


def project(folder: Path, number: int) -> None:
    (folder / "specs").mkdir(parents=True)
    (folder / "sagespec.lock.json").write_bytes(LOCK.read_bytes())
    for n in range(number):
        (folder / "specs" / f"{n}.yaml").write_text(SPEC.format(number=n, function=FUNCTION), "utf-8")
    sagespec(folder, own_environment(folder), "compile")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        new = Path(name, "new")
        project(new, NEW)
        seconds = []
        for concurrency in ("1", "32"):
            with endpoint(new, 0.05) as environment:
                sagespec(new, environment, "apply", "--dry-run")
                seconds.append(sagespec(new, environment, "apply", "--yes", "--concurrency", concurrency))
        ratio = seconds[0] / seconds[1]
        times = f"{seconds[0]:.1f} s one by one, {seconds[1]:.1f} s at once"
        sys.stdout.write(f"apply of {NEW} jobs: {times}: {ratio:.1f} times as fast (goal 6)\n")
        old = Path(name, "old")
        project(old, OLD)
        with endpoint(old, 0.0) as environment:
            sagespec(old, environment, "apply", "--yes", "--concurrency", "32")
            before = calls(environment)
            sagespec(old, environment, "plan")
            sys.stdout.write(f"plan over {OLD} unchanged jobs: {calls(environment) - before} calls (goal 10)\n")


if __name__ == "__main__":
    main()
