"""Signatures by the Standard Webhooks specification: HMAC-SHA256 over the id, the instant and the body of a message."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from app.db.ids import random_bytes

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> bytes:
    """Return a new secret."""
    return random_bytes(_BYTES)


def show_secret(secret: bytes) -> str:
    """Return a secret as the libraries of receivers take it."""
    return _PREFIX + base64.b64encode(secret).decode("ascii")


def sign(secret_keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a message, with one signature for each secret.

    Args:
        timestamp: the instant of the attempt, in seconds since 1970.
    """
    signed = f"{message_id}.{timestamp}.".encode("ascii") + body
    signatures = [hmac.new(key, signed, hashlib.sha256).digest() for key in secret_keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode('ascii')}" for one in signatures),
    }
