"""Waiting for what gives no notice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")
#: A busy machine is slow, not broken.
WAIT_SECONDS = 300.0


async def until(
    ask: Callable[[], Awaitable[Found]], fits: Callable[[Found], bool] = bool, *, pause: float = 0.02
) -> Found:
    """Ask again and again until an answer fits. Return that answer.

    Raises:
        TimeoutError: no answer fitted in time.
    """
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if fits(found := await ask()):
                return found
            await asyncio.sleep(pause)
