"""The child process: its output passed on, its last words kept, signals handed down.

In: a command. Out: its exit code and the tail of what it said on stderr.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import Any, Deque, Dict, List, Tuple

KEPT_LINES = 400
REASON_LIMIT = 1024  # the service keeps no more of a failure reason
_EXIT_CODE = re.compile(r"exitcode\s*: (-?\d+)")
_BLOCK = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*\S[^\n]*")


def run(command: List[str], cwd: str, environment: Dict[str, str]) -> Tuple[int, str]:
    """Run a command to its end; SIGTERM and SIGINT reach everything that it has started."""
    child = subprocess.Popen(command, cwd=cwd, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    kept: Deque[str] = deque(maxlen=KEPT_LINES)

    def hand_down(number: int, _frame: Any) -> None:
        os.killpg(child.pid, number)

    before = {number: signal.signal(number, hand_down) for number in (signal.SIGTERM, signal.SIGINT)}
    reader = threading.Thread(target=_pass_on, args=(child.stderr, kept), daemon=True)
    reader.start()
    try:
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    reader.join(timeout=5)  # a grandchild may still hold the pipe
    return (128 - code if code < 0 else code), "".join(kept)


def _pass_on(stream: Any, kept: Deque[str]) -> None:
    for line in iter(stream.readline, b""):
        text = line.decode("utf-8", "replace")
        kept.append(text)
        sys.stderr.write(text)
        sys.stderr.flush()


def script_code(code: int, said: str) -> int:
    """The script's own exit code: torchrun ends with 1 whatever it was, and says so only in words."""
    found = _EXIT_CODE.search(said[max(said.find("Root Cause"), 0) :])
    if code == 0 or found is None:
        return code
    own = int(found[1])
    return 128 - own if own < 0 else own or code


def reason(code: int, said: str) -> str:
    """Why it failed, in as many characters as the service keeps: the tail of the first traceback, else of all."""
    plain = re.sub(r"(?m)^\[rank\d+\]: ?", "", said)
    blocks = [b for b in _BLOCK.findall(plain) if "torch/distributed/elastic" not in b]
    text = blocks[0] if blocks else plain.strip()
    head = "exit code %d\n" % code
    return head + text[-(REASON_LIMIT - len(head)) :]
