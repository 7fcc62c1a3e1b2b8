"""Git as a store of data: commits, trees and blobs of the repository around a project.

In: refs and object ids. Out: ids, entries of trees, bytes. What git prints is data: only plumbing is called, without
pager, hooks, external diffs, text conversions, replaced objects, signatures or downloads, and names are separated by
NUL. Refuses: refs that begin like options. Nothing is written, and nothing is checked out.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

_OWN = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
LINK, MODULE = "120000", "160000"
"""Modes of what is no file."""
_CHUNK = 1024**2
_SECONDS = 120.0
_ENDED = "git could not read an object: see `git fsck`"
_SHA1_DIGITS = 40
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitError(Exception):
    """Git is not there, or could not answer; the message is its own."""


class Entry(NamedTuple):
    """What a path of a commit is; modules have no size."""

    mode: str
    id: str
    size: int


class Version(NamedTuple):
    """What a path was after a commit."""

    commit: str
    path: str
    id: str


def blob_id(content: bytes, like: str) -> str:
    """The id that git gives a content, in the form of another id."""
    algorithm = hashlib.sha1 if len(like) == _SHA1_DIGITS else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Repository:
    """A repository, by the folder of its work tree."""

    root: Path

    def check(self) -> None:
        """Raise GitError where git is not there, or does not read this repository, as that of another user."""
        self._run("rev-parse", "--git-dir")

    def commit(self, ref: str) -> str | None:
        """The id of the commit that a ref stands for, if it stands for one."""
        if not ref or ref.startswith("-") or "\0" in ref:
            return None
        found = self._ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip()
        return found if _ID.fullmatch(found) else None  # of `^HEAD` git says what is not to be listed

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits, given by their ids."""
        return self._ask("merge-base", one, other).strip() or None

    def tree(self, commit: str, folder: str = "") -> dict[str, Entry]:
        """The files, links and modules in a folder of a commit, by their paths; raises GitError."""
        below = [f"{folder}/"] if folder else []
        listed = self._run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *below).split(b"\0")
        entries = (line.partition(b"\t") for line in listed if line)
        return {os.fsdecode(path): _entry(head) for head, _, path in entries}

    def shallow(self) -> Path:
        """The file that says where the history of a clone was cut off, if it was; raises GitError."""
        return self.root / os.fsdecode(self._run("rev-parse", "--git-path", "shallow").removesuffix(b"\n"))

    def history(self, commit: str, folder: str) -> Iterator[Version]:
        """The versions of the files in a folder that the commits before and with this one have made, newest first.

        Raises GitError.
        """
        pathspec = f":(top,literal){folder}" if folder else ":(top)"
        commits = self._run("rev-list", "--full-history", commit, "--", pathspec)
        changed = self._run(
            "diff-tree", "--stdin", "--root", "-m", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv",
            "--", pathspec, given=commits,
        )  # fmt: skip
        here, parts = "", iter(changed.split(b"\0"))
        for part in parts:
            if part.startswith(b":"):  # modes, ids and what was done; the path is a part of its own
                path, fields = next(parts), part.split()
                if set(fields[3]) != {ord("0")}:
                    yield Version(here, os.fsdecode(path), fields[3].decode())
            elif part:
                here = part.split()[0].decode()

    @contextmanager
    def blobs(self) -> Iterator[Blobs]:
        """Open the contents of blobs, all of them through one process; raises GitError."""
        try:
            process = subprocess.Popen(
                [*self._command, "cat-file", "--batch"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
            )  # fmt: skip
        except OSError as error:
            raise GitError(f"git: {(error.strerror or str(error)).lower()}") from None
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            is_done = False
            try:
                yield Blobs(process.stdin, process.stdout)
                process.stdin.close()
                is_done = True
            finally:
                if not is_done:  # it may wait for a pipe that a stranger put in place of an object
                    process.kill()

    @property
    def _command(self) -> Sequence[str]:
        # a folder of a pull request that looks like a repository is none
        options = ("safe.bareRepository=explicit", "core.fsmonitor=false", "core.hooksPath=/dev/null")
        return ("git", "--no-pager", *(part for one in options for part in ("-c", one)), "-C", str(self.root))

    def _ask(self, *arguments: str) -> str:
        """Ask git; '' where it has no answer."""
        try:
            return self._run(*arguments).decode("utf-8", "replace")
        except GitError:
            return ""

    def _run(self, *arguments: str, given: bytes | None = None) -> bytes:
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                env=_environment(),
                input=given,
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except OSError as error:
            raise GitError(f"git: {(error.strerror or str(error)).lower()}") from None
        except (ValueError, subprocess.TimeoutExpired) as error:
            raise GitError(f"git: {error}") from None
        if done.returncode:
            said = _reason(done.stderr.decode("utf-8", "replace"))
            raise GitError(said or f"git {arguments[0]} ended with {done.returncode}")
        return done.stdout


def _reason(said: str) -> str:
    """The line of git's words that says why it ended, with what it lists below; its first one where none does."""
    lines = said.strip().splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(("fatal: ", "error: "))), 0)
    below = lines[start + 1 : start + 2] if lines and lines[start].endswith(":") else []
    return " ".join([*lines[start : start + 1], *(line.strip() for line in below)])


def _entry(head: bytes) -> Entry:
    mode, _, object_id, size = head.decode("ascii").split()
    return Entry(mode, object_id, int(size) if size.isdigit() else 0)


def _environment() -> Mapping[str, str]:
    """The environment without what a hook of another repository hands on, or what makes git talk."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, **_OWN, "LC_ALL": "C"}


class Blobs:
    """The contents of blobs, by their ids."""

    def __init__(self, asked: IO[bytes], answers: IO[bytes]) -> None:
        self._asked, self._answers = asked, answers

    def read(self, object_id: str, limit: int) -> bytes | None:
        """Read a blob; None where it is none, or longer than `limit` bytes; raises GitError where it is not there."""
        try:
            self._asked.write(f"{object_id}\n".encode())
            self._asked.flush()
        except BrokenPipeError:
            raise GitError(_ENDED) from None
        if not select.select([self._answers], [], [], _SECONDS)[0]:
            raise GitError(f"git did not answer within {_SECONDS:.0f} seconds")
        line = self._answers.readline()
        if not line:
            raise GitError(_ENDED)
        _, *answer = line.split()
        if len(answer) != 2:
            raise GitError(
                f"git has no content of {object_id[:12]} here: fetch it without a filter, or see `git fsck`"
            )
        if answer[0] != b"blob":
            self._skip(int(answer[1]) + 1)
            return None
        size = int(answer[1])
        if size > limit:
            self._skip(size + 1)
            return None
        content = self._answers.read(size + 1)
        if len(content) != size + 1:
            raise GitError(_ENDED)
        return content[:-1]

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._answers.read(min(size, _CHUNK))) or size
