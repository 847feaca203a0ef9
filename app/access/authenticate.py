"""Authentication: find the principal of a credential, and cache it for at most a second."""

import hashlib
import time
from collections.abc import Sequence

from app.access import credentials
from app.access.credential_kinds import CredentialKind
from app.access.credentials import LookupResult
from app.errors import Unauthorized
from app.principal import Principal

_CACHED_SECONDS = 1.0
_MOST_CACHED = 4_096


class _LookupCache:
    """A bounded cache of lookups by credential: a principal, or the error class that refuses it.

    All entries live equally long, so the oldest one expires first. Adding an entry drops the expired ones, and the
    oldest one if the cache is full.

    Args:
        seconds: how long an entry is valid.
        most: the maximum number of entries.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._entries: dict[bytes, tuple[float, LookupResult]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes) -> LookupResult | None:
        """Return the valid entry of a credential, or None."""
        entry = self._entries.get(digest)
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def put(self, digest: bytes, found: LookupResult, since: float) -> None:
        """Add an entry.

        Args:
            since: when the look-up began, by the monotonic clock.
        """
        entries, now = self._entries, time.monotonic()
        entries.pop(digest, None)
        while entries and (len(entries) >= self._most or next(iter(entries.values()))[0] <= now):
            del entries[next(iter(entries))]
        entries[digest] = (since + self._seconds, found)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()


class Authenticator:
    """Resolves the Authorization header to a principal.

    Each process caches a principal for at most a second. A revocation or a new grant therefore applies everywhere
    within a second, and at once in the process that made it. The cache key is the digest of the token, so other
    spellings of the header share the entry. A separate cache holds unknown and revoked credentials. They neither reach
    the database each time nor evict valid entries.

    Args:
        kinds: the kinds of credentials, in the order they are asked. The first that knows a token decides.
    """

    def __init__(self, kinds: Sequence[CredentialKind]) -> None:
        self._kinds = kinds
        self._valid = _LookupCache(_CACHED_SECONDS, _MOST_CACHED)
        self._refused = _LookupCache(_CACHED_SECONDS, _MOST_CACHED)
        self._invalidations = 0

    async def __call__(self, authorization: str | None) -> Principal:
        """Return the principal of an Authorization header.

        Raises:
            Unauthorized: no credential, an unknown one, or one that was revoked or has expired.
        """
        token = credentials.extract_token(authorization)
        digest = hashlib.sha256(token.encode()).digest()
        found = self._valid.get(digest) or self._refused.get(digest) or await self._look_up(token, digest)
        if isinstance(found, Principal):
            return found
        raise found

    async def _look_up(self, token: str, digest: bytes) -> LookupResult:
        since, invalidations = time.monotonic(), self._invalidations
        for kind in self._kinds:
            found = await kind.look_up(token)
            if found is not None:
                break
        else:
            raise Unauthorized(credentials.MISSING)
        # A row read before an invalidation may predate the change, so it serves this request only.
        if invalidations == self._invalidations:
            (self._valid if isinstance(found, Principal) else self._refused).put(digest, found, since)
        return found

    def invalidate(self) -> None:
        """Clear the caches, so that a change of credentials, grants or the tree applies at once in this process."""
        self._invalidations += 1
        self._valid.clear()
        self._refused.clear()
