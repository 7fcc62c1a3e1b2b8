"""Why a script failed: its own exit code and its own last words, without those of what started it.

In: the exit code of torchrun, mpirun or the script itself, and the end of what was said on stderr. Out: the same
for the script, in as many characters as the service keeps of a failure reason.
"""

from __future__ import annotations

import re
import signal
from typing import Match, Tuple

LIMIT = 1024
_SUMMARY = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"
_TRACEBACK = "Traceback (most recent call last):"
_EXIT_CODE = re.compile(r"exitcode\s*: (-?\d+)")
_RANK = re.compile(r"rank\s*: (\d+)")
_STARTERS = re.compile(
    r"(?:[A-Z]\d{4} \d\d:|^[A-Z]+:|\[\d{4}-\d\d-)[^\n]*torch[./]distributed[./][^\n]*\n?"  # torchrun, in three ages
    r"|^\*{20,}\nSetting OMP_NUM_THREADS [^\n]*\n\*{20,}\n"
    r"|(?<!-)-{60,}\n(?:(?!-{60,}\n)[^\n]*\n)*?"  # what mpirun has to say of a process that failed
    r"(?:mpirun (?:detected|noticed) |MPI_ABORT was invoked|Primary job +terminated)"
    r"(?:(?!-{60,}\n)[^\n]*\n)*-{60,}\n?"
    r"|^\[[^\]\n]+:\d+\] \d+ more process[^\n]*help message[^\n]*\n?"
    r"|^\[[^\]\n]+:\d+\] Set MCA parameter [^\n]*orte_base_help_aggregate[^\n]*\n?",
    re.MULTILINE,
)
"""They may come right behind what a script has written without the end of a line."""


def exit_code(code: int, said: str) -> int:
    """The script's exit code: torchrun ends with 1 whatever it was, and says so only in words."""
    match = _EXIT_CODE.search(_split(said)[1])
    own = int(match[1]) if match and code else code
    return 128 - own if own < 0 else own or code


def reason(code: int, said: str) -> str:
    """Say why it failed: the code, and the end of what was said; by the rank that failed first, if that is known."""
    words, summary = _split(said)
    words = _STARTERS.sub(_line_ending, words)
    rank = _RANK.search(summary)
    of_rank = [line for line in words.splitlines() if rank and line.startswith("[rank%s]:" % rank[1])]
    text = "\n".join(of_rank).strip() or words.strip() or said.strip()
    head = "exit code %d%s\n" % (code, _signal(code))
    room = LIMIT - len(head)
    if len(text) > room:
        text = text[-room:].partition("\n")[2] or text[-room:]  # from the start of a line, if there is one
    return head + text


def _line_ending(starters: Match[str]) -> str:
    """What is left where a starter's words were: the end of a line that they have continued."""
    at = starters.start()
    return "\n" if at and starters.string[at - 1] != "\n" else ""


def _signal(code: int) -> str:
    """Name the signal that an exit code stands for, if it is one."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    return " (SIGKILL, as when memory runs out)" if name == "SIGKILL" else " (%s)" % name


def _split(said: str) -> Tuple[str, str]:
    """What was said before torchrun's own traceback, and its report of the process that failed first."""
    end = said.rfind(_SUMMARY)
    if end < 0:
        return said, ""
    start = said.rfind(_TRACEBACK, 0, end)
    return said[: max(start, 0)], said[max(said.find("Root Cause", end), end) :]
