"""How often each race is run, and what is told of an answer."""

import os

import httpx

#: Rounds of each race; in CI there are 200 and more of them altogether.
ROUNDS = 25 if os.environ.get("CI") else 6


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and the code of a refusal."""
    return answer.status_code, None if answer.is_success else answer.json()["code"]
