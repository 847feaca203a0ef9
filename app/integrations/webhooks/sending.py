"""Send one message, and say what came of it."""

import asyncio
import importlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from app import __version__
from app.integrations.webhooks.claiming import Message
from app.integrations.webhooks.models import Outcome
from app.integrations.webhooks.retries import next_wait
from app.integrations.webhooks.signing import sign
from app.outgoing.addresses import Network
from app.outgoing.retry_after import parse_retry_after

if TYPE_CHECKING:
    from app.outgoing.client import OutgoingClient

#: How long an attempt may take, the lookup of the name included.
ATTEMPT_SECONDS: Final = 15.0
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt.

    Attributes:
        wait: seconds until the next one; None: there is none.
    """

    message: Message
    outcome: Outcome
    duration: float
    status: int | None = None
    wait: float | None = None

    @property
    def is_gone(self) -> bool:
        """Return whether the endpoint wants no more messages."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Sends messages.

    Args:
        networks: networks allowed in addition to public addresses.
        most: the most messages on their way at once.
        seconds: how long an attempt may take.
    """

    def __init__(self, networks: tuple[Network, ...], most: int, *, seconds: float = ATTEMPT_SECONDS) -> None:
        self._networks = networks
        self._most = most
        self._seconds = seconds
        self._client: OutgoingClient | None = None

    async def send(self, message: Message) -> Attempt:
        """Send a message once, signed by each of its secrets."""
        if message.body is None:
            return Attempt(message, Outcome.WITHHELD, 0.0)
        # Only services with webhooks need the library for HTTP, which takes a while to load.
        await asyncio.to_thread(importlib.import_module, "app.outgoing.client")
        from app.outgoing.client import (  # noqa: PLC0415  # loaded just now
            OutgoingClient,
            OutgoingError,
            OutgoingRefused,
            OutgoingTimeout,
        )

        if self._client is None:
            # The name of one tenant's endpoint may never be resolved. Others have threads left for their lookups.
            self._client = OutgoingClient(self._networks, connections=self._most, lookups=self._most)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"fa-readiness/{__version__}",
            **sign(message.secrets, str(message.event_id), int(time.time()), message.body),
        }
        began = time.monotonic()
        status, retry_after = None, None
        try:
            answer = await self._client.send(
                "POST", message.url, seconds=self._seconds, max_bytes=0, content=message.body, headers=headers
            )
            status = answer.status
            outcome = Outcome.DELIVERED if status in _SUCCESS else Outcome.REJECTED
            retry_after = parse_retry_after(answer.retry_after, datetime.now(UTC))
        except OutgoingTimeout:
            outcome = Outcome.TIMED_OUT
        except OutgoingRefused:
            outcome = Outcome.ADDRESS_REFUSED
        except OutgoingError:
            outcome = Outcome.UNREACHABLE
        wait = None if outcome is Outcome.DELIVERED else next_wait(message.attempt, retry_after)
        return Attempt(message, outcome, time.monotonic() - began, status, wait)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
