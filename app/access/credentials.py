"""The form of keys, seat tokens and SCIM tokens: ``fa_``, ``fs_`` or ``fi_``, then ``<tenant>_<secret>``.

A credential names its tenant, because nothing can be looked up before the tenant is known. The secret is 32 random
bytes; only its SHA-256 is stored (a plain hash is enough for a secret nobody can guess).
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from app.db.ids import random_bytes
from app.errors import Unauthorized
from app.principal import Principal

API_KEY = "fa"
SEAT_TOKEN = "fs"  # noqa: S105  # a prefix, not a secret
SCIM_TOKEN = "fi"  # noqa: S105  # as above
MISSING = "Send Authorization: Bearer with an API key, a seat's token or the access token of a sign-in."
# Access tokens of large organizations list many groups.
_MOST_CHARACTERS = 8_192
_FORM = re.compile(r"(fa|fs|fi)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")

#: A principal, or the error class that refuses the credential.
LookupResult = Principal | type[Unauthorized]


class KeyRevoked(Unauthorized):
    code = "key_revoked"
    title = "This API key was revoked"


class KeyExpired(Unauthorized):
    code = "key_expired"
    title = "This API key has expired"


class PrincipalDeactivated(Unauthorized):
    code = "principal_deactivated"
    title = "The holder of this API key was deactivated"


class KeyMakerLeft(Unauthorized):
    code = "key_maker_left"
    title = "The person who made this API key has left; an admin can take it over"


class TokenRevoked(Unauthorized):
    code = "token_revoked"
    title = "This seat's token was revoked"


class ScimTokenRevoked(Unauthorized):
    code = "scim_token_revoked"
    title = "This SCIM token was revoked"


class ScimTokenExpired(Unauthorized):
    code = "scim_token_expired"
    title = "This SCIM token has expired"


class SeatHolderLeft(Unauthorized):
    code = "seat_holder_left"
    title = "The person of this seat does not work here any more"


class SignInExpired(Unauthorized):
    code = "sign_in_expired"
    title = "The access token has expired"


class SignInEnded(Unauthorized):
    code = "sign_in_ended"
    title = "The person does not work here any more"


@dataclass(frozen=True, slots=True)
class Credential:
    """A parsed credential: its kind, its tenant and the hash it is looked up by."""

    kind: str
    tenant_id: UUID
    secret_hash: bytes = field(repr=False)


def issue(kind: str, tenant_id: UUID) -> tuple[str, bytes]:
    """Return a new credential: the text to show once, and the hash to store."""
    secret = urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()
    return f"{kind}_{tenant_id.hex}_{secret}", hashlib.sha256(secret.encode()).digest()


def extract_token(authorization: str | None) -> str:
    """Return the token of an ``Authorization`` header, which is exactly ``Bearer``, one space and the token.

    Raises:
        Unauthorized: there is none, or it is too long to be a credential.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= _MOST_CHARACTERS:
        raise Unauthorized(MISSING)
    return token


def parse(token: str) -> Credential | None:
    """Parse the token of a key, a seat or an identity provider. Return None for any other."""
    if not _FORM.fullmatch(token):
        return None
    kind, tenant, secret = token.split("_", 2)
    return Credential(kind, UUID(tenant), hashlib.sha256(secret.encode()).digest())
