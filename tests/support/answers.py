"""What an answer says, for tests that compare it."""

from typing import Any

import httpx


def outcome(answer: httpx.Response) -> tuple[int, str | None]:
    """Return the status, and the code of a refusal."""
    return answer.status_code, None if answer.is_success else answer.json()["code"]


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is this refusal, and return the problem."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem
