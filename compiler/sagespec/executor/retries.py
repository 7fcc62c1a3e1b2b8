"""Try again while errors are transient, with a limit; `cloud` does so for every request.

In: an attempt that raises `CloudError`. Out: its result. A connection that cannot be made is not tried again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from sagespec.executor import pauses
from sagespec.executor.cloud_errors import ENDLESS, FAR, CloudError

ROUNDS = 12
"""The most rounds of tries for transient errors: botocore stops retrying when its retry quota is used up."""
ENDLESS_ROUNDS = 3
"""The most rounds for an answer that does not end: each takes a minute."""
LONGEST_PAUSE_SECONDS = 5.0
T = TypeVar("T")


def until_done(attempt: Callable[[], T]) -> T:
    """Return the result of an attempt; raises the CloudError of the last one."""
    for number in range(1, ROUNDS):
        try:
            return attempt()
        except CloudError as error:
            if not error.is_passing or number >= rounds(error):
                raise
            pause(number)
    return attempt()


def rounds(error: CloudError) -> int:
    """Return the most attempts for an error."""
    return 1 if error.code in FAR else ENDLESS_ROUNDS if error.code == ENDLESS else ROUNDS


def pause(number: int) -> None:
    """Wait before the next round, longer after each."""
    pauses.pause(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.1 * 2**number)))
