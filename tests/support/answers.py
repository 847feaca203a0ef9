"""What an answer says, for tests that compare it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

_TRIES = 200


def outcome(answer: httpx.Response) -> tuple[int, str | None]:
    """Return the status, and the code of a refusal."""
    return answer.status_code, None if answer.is_success else answer.json()["code"]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is this refusal, and return the problem."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem


async def until_not_busy(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Send a write. Where the run is SERIALIZABLE it can lose to others each time it is tried: send it again then."""
    answer = await send()
    if os.environ.get("FA_TEST_ISOLATION"):
        for _ in range(_TRIES):
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.05)
            answer = await send()
    return answer
