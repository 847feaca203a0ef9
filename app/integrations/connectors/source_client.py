"""The HTTP client of sources: it asks again where that may help, waits as it is asked to, and believes nothing.

It sends GET only, so a request can always be repeated.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from app import __version__
from app.integrations.connectors.errors import (
    SourceAddressRefused,
    SourceDenied,
    SourceFaulty,
    SourceRefusedSecret,
    SourceTooLarge,
)
from app.outgoing.retry_after import parse_retry_after

if TYPE_CHECKING:
    from app.outgoing.client import Answer, OutgoingClient

#: How long one request may take, and how much one answer and all answers of a run may hold.
REQUEST_SECONDS: Final = 30.0
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_BYTES_IN_ALL: Final = 128 * 1024 * 1024
#: The waits before a request is repeated, in seconds; each is up to half as long again.
RETRY_WAITS: tuple[float, ...] = (1.0, 4.0, 15.0, 60.0)
#: The longest single wait that a source may ask for within a run, and of all waits of a run together.
LONGEST_WAIT: Final = 120.0
LONGEST_WAITS: Final = 900.0
_PASSING: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_JSON: Final = "application/json"


class SourceUnavailable(Exception):
    """The source does not serve at present.

    Args:
        after: seconds that it asked to be left alone for.
    """

    def __init__(self, reason: str, *, after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class SourceClient:
    """Sends the requests of one run.

    Args:
        base_url: what every path is added to.
        headers: the credential among them.
        sleep: waits.
    """

    def __init__(
        self,
        outgoing: "OutgoingClient",
        base_url: str,
        headers: Mapping[str, str],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._outgoing = outgoing
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": _JSON, "User-Agent": f"fa-readiness/{__version__}", **headers}
        self._sleep = sleep
        self._waited = 0.0
        self._bytes = 0

    async def get(self, path: str, params: Mapping[str, str]) -> Any:
        """Return the JSON that a path answers; None where there is nothing (404).

        Raises:
            SourceUnavailable: it does not serve, also after some attempts.
            SourceRefusedSecret, SourceDenied: it answered 401 or 403.
            SourceFaulty: it answered something else than JSON, a redirect, or another status.
            SourceTooLarge: the answers together are too large.
            SourceAddressRefused: the service does not connect to its address.
        """
        answer = await self._ask(f"{self._base_url}{path}?{urlencode(params)}")
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise SourceRefusedSecret
        if answer.status == HTTPStatus.FORBIDDEN:
            raise SourceDenied
        if answer.status != HTTPStatus.OK:
            raise SourceFaulty(f"The source answered with the status {answer.status}.")
        if (answer.content_type or "").partition(";")[0].strip().lower() != _JSON:
            raise SourceFaulty("The source answered something else than JSON.")
        self._bytes += len(answer.body)
        if self._bytes > MOST_BYTES_IN_ALL:
            raise SourceTooLarge("The answers of the source are too large together.")
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise SourceFaulty("The source answered JSON that is not well-formed.") from None

    async def _ask(self, url: str) -> "Answer":
        """Send a request, and repeat it while the source does not serve and time is left."""
        from app.outgoing.client import (  # noqa: PLC0415  # only services with connectors load the library for HTTP
            OutgoingError,
            OutgoingRefused,
            OutgoingUnusable,
        )

        for wait in (*RETRY_WAITS, None):
            asked, reason = 0.0, "The source did not answer."
            try:
                answer = await self._outgoing.send(
                    "GET", url, seconds=REQUEST_SECONDS, max_bytes=MOST_BYTES, headers=self._headers
                )
            except OutgoingRefused:
                raise SourceAddressRefused from None
            except OutgoingUnusable:
                raise SourceFaulty("The source answered something too large or compressed.") from None
            except OutgoingError:
                pass
            else:
                if answer.status not in _PASSING:
                    return answer
                reason = f"The source answered with the status {answer.status}."
                asked = parse_retry_after(answer.retry_after, datetime.now(UTC)) or 0.0
            if wait is None or asked > LONGEST_WAIT:
                raise SourceUnavailable(reason, after=asked)
            await self._wait(max(wait * random.uniform(1, 1.5), asked), reason)  # noqa: S311  # jitter, not a secret
        raise AssertionError("unreachable")

    async def _wait(self, seconds: float, reason: str) -> None:
        self._waited += seconds
        if self._waited > LONGEST_WAITS:
            raise SourceUnavailable(reason)
        await self._sleep(seconds)
