"""The keys of one issuer: fetched when a token first needs them, refreshed in the background, kept while fresh."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.access.oidc.claims import parse_object
from app.outgoing.client import OutgoingClient, OutgoingError

if TYPE_CHECKING:
    from app.access.oidc.verification import VerificationKey

#: Seconds between two fetches, whatever key ids are asked for.
_BETWEEN_FETCHES = 60.0
#: While an issuer has never answered, tokens wait for this shorter time only.
_BETWEEN_FIRST_FETCHES = 10.0
_FRESH_SECONDS, _USABLE_SECONDS = 600.0, 3_600.0
_FETCH_SECONDS = 4.0
_MOST_BYTES = 262_144
_DISCOVERY = "/.well-known/openid-configuration"
_log = logging.getLogger("fa.oidc")


class IssuerKeys:
    """Finds the keys of one issuer by their ids.

    An unknown key id causes a fetch, at most one a minute. Keys older than ten minutes are fetched again in the
    background, and serve for an hour at most while the issuer does not answer. Requests that wait share one fetch.

    Args:
        jwks_url: None: the discovery document names it.
        monotonic: returns seconds.
    """

    def __init__(
        self,
        outgoing: OutgoingClient,
        issuer: str,
        jwks_url: str | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = (issuer, jwks_url)
        self._outgoing = outgoing
        self._monotonic = monotonic
        self._keys: list[VerificationKey] = []
        self._fetched_at = self._tried_at = -float("inf")
        self._fetch: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> "VerificationKey | None":
        """Return the key with this id, or None. Without an id, the only key where there is one only."""
        age = self._monotonic() - self._fetched_at
        if age > _USABLE_SECONDS:
            self._keys = []
        found = self._find(kid)
        if found is not None:
            if age > _FRESH_SECONDS:
                self._begin_fetch()
            return found
        if self._begin_fetch():
            assert self._fetch is not None  # noqa: S101  # it has just begun
            # The others that wait for this fetch keep it when one of them is given up.
            await asyncio.shield(self._fetch)
        return self._find(kid)

    async def close(self) -> None:
        """Stop a fetch that is running."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)

    def _find(self, kid: str | None) -> "VerificationKey | None":
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.kid == kid), None)

    def _begin_fetch(self) -> bool:
        """Begin a fetch unless it is too early. Return whether one is running."""
        if self._fetch is not None and not self._fetch.done():
            return True
        now = self._monotonic()
        if now - self._tried_at < (_BETWEEN_FETCHES if self._keys else _BETWEEN_FIRST_FETCHES):
            return False
        self._tried_at = now
        self._fetch = asyncio.create_task(self._refresh())
        return True

    async def _refresh(self) -> None:
        from app.access.oidc.verification import parse_keys  # noqa: PLC0415  # loaded before the first token

        issuer, jwks_url = self.source
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                keys = parse_keys(await self._get(jwks_url or await self._discover(issuer)))
            if not keys:
                raise ValueError("no usable key")
        except Exception as error:
            # Whatever an issuer answers, its keys are missing and nothing else.
            reason = str(error) if isinstance(error, OutgoingError) else type(error).__name__
            _log.warning("the keys of an issuer could not be fetched: %s", reason)
            return
        self._keys, self._fetched_at = keys, self._monotonic()

    async def _discover(self, issuer: str) -> str:
        document = parse_object(await self._get(issuer.rstrip("/") + _DISCOVERY))
        url = document.get("jwks_uri")
        if document.get("issuer") != issuer or not isinstance(url, str):
            raise ValueError("the discovery document is another issuer's")
        return url

    async def _get(self, url: str) -> bytes:
        answer = await self._outgoing.send("GET", url, seconds=_FETCH_SECONDS, max_bytes=_MOST_BYTES)
        if answer.status != 200:
            raise OutgoingError("the status is not 200")
        return answer.body
