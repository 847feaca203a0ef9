"""Invitation codes: ten characters of Crockford's base32, a public selector and a secret verifier.

The selector finds the invitation, so that wrong attempts can be counted for each code. The verifier proves that the
caller was given the code; only its SHA-256 is stored.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from app.db.ids import random_bytes

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_SELECTOR_LENGTH = 4
_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Code:
    """A well-formed invitation code."""

    selector: str
    verifier: str = field(repr=False)

    @classmethod
    def draw(cls) -> Self:
        """Return a new random code."""
        number = int.from_bytes(hashlib.sha256(random_bytes(32)).digest())
        digits = "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_LENGTH))
        return cls(digits[:_SELECTOR_LENGTH], digits[_SELECTOR_LENGTH:])

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a code as a person types it. Return None if it is not well-formed.

        Case, blanks and hyphens do not matter. O is read as 0, I and L as 1.
        """
        digits = text.upper().translate(_READ_AS)
        if len(digits) != _LENGTH or not set(digits) <= set(_ALPHABET):
            return None
        return cls(digits[:_SELECTOR_LENGTH], digits[_SELECTOR_LENGTH:])

    @property
    def text(self) -> str:
        """Return the whole code, as it is shown."""
        return self.selector + self.verifier

    @property
    def verifier_hash(self) -> bytes:
        """Return the hash of the verifier, which is stored."""
        return hashlib.sha256(self.verifier.encode()).digest()


@dataclass(frozen=True, slots=True)
class InvitationTerms:
    """The terms that all invitations of this service share.

    Args:
        days: how long an invitation stays open.
        public_url: the public address of the service. Without it invitations have no join link.
    """

    days: int
    public_url: str | None = None

    def expires_at(self, now: datetime) -> datetime:
        """Return the instant at which an invitation made now expires."""
        return now + timedelta(days=self.days)

    def join_url(self, code: str) -> str | None:
        """Return the link for a code. The code stands after the #, so that it reaches no server log."""
        return None if self.public_url is None else f"{self.public_url.rstrip('/')}/join#{code}"
