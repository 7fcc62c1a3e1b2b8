"""Work that follows changes misses none of them, whenever they come."""

from __future__ import annotations

import asyncio

import pytest
from sagespec.server.background import Latest


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("pauses", range(3))
def test_the_last_change_is_worked_on_whenever_it_comes(turns: int, pauses: int) -> None:
    async def check() -> None:
        number, worked = 1, list[int]()

        async def job() -> None:
            worked.append(number)
            for _ in range(pauses):
                await asyncio.sleep(0)

        latest = Latest(job, lambda error: pytest.fail(str(error)))
        latest.changed()
        for _ in range(turns):  # of the loop
            await asyncio.sleep(0)
        number = 2
        latest.changed()
        await latest.settled()
        assert worked[-1] == 2

    asyncio.run(check())


def test_a_job_that_fails_is_told_of_and_done_again_after_the_next_change() -> None:
    async def check() -> list[str]:
        told, worked = list[str](), list[int]()

        async def job() -> None:
            worked.append(1)
            if len(worked) == 1:
                latest.changed()
                raise ValueError("first")

        latest = Latest(job, lambda error: told.append(str(error)))
        latest.changed()
        await latest.settled()
        assert len(worked) == 2
        return told

    assert asyncio.run(check()) == ["first"]
