"""When a message is sent again."""

import random
from typing import Final

_MINUTE, _HOUR = 60.0, 3_600.0
#: The waits after each failed attempt, in seconds, as the Standard Webhooks specification suggests them.
WAITS: Final = (
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
#: How much longer a wait may be than planned, so that messages that failed together do not come back together.
_JITTER: Final = 0.2


def next_wait(attempt: int, retry_after: float | None) -> float | None:
    """Return the seconds until the next attempt; None: the message is given up.

    Args:
        attempt: the number of the attempt that failed, from 1.
        retry_after: the seconds that the endpoint asked for.
    """
    if attempt > len(WAITS):
        return None
    planned = WAITS[attempt - 1] * random.uniform(1, 1 + _JITTER)  # noqa: S311  # jitter, not a secret
    return max(planned, retry_after or 0.0)
