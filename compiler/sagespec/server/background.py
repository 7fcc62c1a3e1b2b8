"""Work that follows changes, beside the conversation with the editor.

In: a job. Out: it runs once for all changes that came while it ran before, so that only the newest is worked on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Latest:
    """A job that is to be done again after changes, one at a time; `failed` is told of exceptions."""

    def __init__(self, job: Callable[[], Awaitable[None]], failed: Callable[[BaseException], None]) -> None:
        self._job, self._failed = job, failed
        self._is_stale = False
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Do the job, at once or after the one that runs."""
        self._is_stale = True
        if self._task is None:
            self._task = asyncio.ensure_future(self._work())
            self._task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Wait until the job was done for all changes."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._is_stale:
            self._is_stale = False
            await self._job()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
        if self._is_stale:  # a change came after the last look, or the job failed
            self.changed()
