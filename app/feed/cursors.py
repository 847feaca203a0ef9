"""The places in a feed as followers get them: opaque, so that they show nothing of what others do.

Positions count all events of a tenant. A follower who sees one county would read from them how much happens in the
others. So a position is sent encrypted, under a new nonce each time, and authenticated.
"""

import base64
import hashlib
import hmac
import os

from app.errors import InvalidCursor

_PART = 8
_SIZE = 3 * _PART


def seal_position(position: int, tenant_secret: bytes) -> str:
    """Return a position as the tenant's followers get it."""
    nonce = os.urandom(_PART)
    hidden = _mask(position.to_bytes(_PART), nonce, tenant_secret)
    token = nonce + hidden + _tag(nonce + hidden, tenant_secret)
    return base64.urlsafe_b64encode(token).decode()


def open_position(cursor: str, tenant_secret: bytes) -> int:
    """Return the position of a cursor.

    Raises:
        InvalidCursor: it is not one of this tenant's.
    """
    try:
        token = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except ValueError:
        raise InvalidCursor from None
    nonce, hidden, tag = token[:_PART], token[_PART:-_PART], token[-_PART:]
    if len(token) != _SIZE or not hmac.compare_digest(tag, _tag(nonce + hidden, tenant_secret)):
        raise InvalidCursor("Use `next_after` of an earlier answer of this feed.")
    return int.from_bytes(_mask(hidden, nonce, tenant_secret))


def _mask(value: bytes, nonce: bytes, secret: bytes) -> bytes:
    pad = hashlib.blake2b(nonce, key=secret[:64], digest_size=_PART, person=b"feed mask").digest()
    return bytes(one ^ other for one, other in zip(value, pad, strict=True))


def _tag(message: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(message, key=secret[:64], digest_size=_PART, person=b"feed tag").digest()
