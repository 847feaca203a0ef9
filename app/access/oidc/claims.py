"""What a token says: read before its signature is verified, and judged after. Pure."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

Claims = Mapping[str, Any]

_FORM = re.compile(r"[A-Za-z0-9_-]{2,2048}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,2048}")
_TYPES = frozenset({"jwt", "at+jwt"})
# Headers that change how the rest is read.
_REFUSED_HEADERS = frozenset({"crit", "b64", "zip", "enc"})
# What issuers call tokens that are not meant for an API.
_OTHER_USES = frozenset({"id", "id_token", "refresh", "offline", "logout", "logout+jwt"})
_LATEST = 253_402_300_800  # The end of the year 9999.
_LEEWAY = 30.0
_MOST_ROLES, _LONGEST_ROLE, _LONGEST_NAME, _LONGEST_ISSUER = 1_000, 200, 255, 500


class Refusal(Enum):
    """Why claims are refused."""

    EXPIRED = "expired"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself; nothing of it is to be believed yet."""

    issuer: str
    kid: str | None


def has_form(token: str) -> bool:
    """Return whether this could be a signed token: three parts in base64url."""
    return _FORM.fullmatch(token) is not None


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object strictly: no repeated name, no NaN.

    Raises:
        ValueError: it is not one.
    """
    try:
        parsed = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def read_unverified(token: str) -> Unverified | None:
    """Return the issuer and the key id that a token names, or None if its head or body is not acceptable."""
    head, body, _ = token.split(".")
    try:
        header, claims = parse_object(_decode(head)), parse_object(_decode(body))
    except ValueError:
        return None
    kind, issuer, kid = header.get("typ"), claims.get("iss"), header.get("kid")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        return None
    if _REFUSED_HEADERS & header.keys() or not is_name(issuer, _LONGEST_ISSUER):
        return None
    if kid is not None and not is_name(kid, _LONGEST_NAME):
        return None
    return Unverified(issuer, kid)


def judge(claims: Claims, *, issuer: str, audiences: Sequence[str], instant: float) -> Refusal | None:
    """Return why verified claims are refused, or None.

    Args:
        instant: the present one, in seconds since 1970.
    """
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    is_acceptable = (
        claims.get("iss") == issuer
        and all(isinstance(name, str) for name in named)
        and not set(audiences).isdisjoint(named)
        and "exp" in times
        and all(map(_is_instant, times.values()))
        and max(times.get("nbf", 0), times.get("iat", 0)) <= instant + _LEEWAY
        and not _has_other_use(claims)
    )
    if not is_acceptable:
        return Refusal.ODD
    return None if instant < times["exp"] + _LEEWAY else Refusal.EXPIRED


def person_of(claims: Claims, claim: str) -> str | None:
    """Return the value that identifies the person, or None where there is no acceptable one."""
    value = _find(claims, claim)
    return value if is_name(value, _LONGEST_NAME) else None


def roles_of(claims: Claims, claim: str | None) -> list[str]:
    """Return the values of the claim that names roles; what is no short text is left out."""
    value = None if claim is None else _find(claims, claim)
    values = value if isinstance(value, list) else [value]
    return [each for each in values[:_MOST_ROLES] if is_name(each, _LONGEST_ROLE)]


def is_name(value: Any, longest: int) -> TypeGuard[str]:
    """Return whether a value is printable text of some length."""
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _find(claims: Claims, claim: str) -> Any:
    """Return a claim by its name, or else by a dotted path into objects."""
    if claim in claims:
        return claims[claim]
    found: Any = claims
    for step in claim.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _has_other_use(claims: Claims) -> bool:
    uses = (claims.get(name) for name in ("typ", "token_use"))
    return "events" in claims or any(isinstance(use, str) and use.lower() in _OTHER_USES for use in uses)


def _is_instant(value: Any) -> bool:
    # 1e400 is read as infinity, which no comparison lets through.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _LATEST


def _decode(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated")
    return found


def _refuse(_constant: str) -> None:
    raise ValueError("not a number")
