"""Keys of issuers, and signatures. The one module that imports joserfc, which takes a while to load."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.access.oidc.claims import Claims, is_name, parse_object

_MOST_KEYS = 100
_RSA_BITS = range(2_048, 8_193)
_LONGEST_PARAMETER, _LONGEST_KID = 1_400, 255
_PARAMETERS = frozenset({"kty", "crv", "n", "e", "x", "y"})
_LARGEST_EXPONENT = 2**32
_PRIVATE = frozenset({"d", "p", "q", "k", "oth"})
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
#: The algorithms that a key may be for, by its type and curve; the first where it names none.
_ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("Ed25519",),
}
_log = logging.getLogger("fa.oidc")

PublicKey: TypeAlias = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key of an issuer, and the one algorithm it verifies."""

    kid: str | None
    algorithm: str
    key: PublicKey = field(repr=False)


def parse_keys(text: bytes) -> list[VerificationKey]:
    """Parse a JSON Web Key Set; a key that is not fit to verify signatures is left out.

    Raises:
        ValueError: it is no key set, or has too many keys.
    """
    keys = parse_object(text).get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise ValueError("not a key set")
    return [key for key in map(_parse_key, keys) if key is not None]


def _parse_key(jwk: Any) -> VerificationKey | None:
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys() or jwk.get("use", "sig") != "sig":
        return None
    operations, kid = jwk.get("key_ops", ["verify"]), jwk.get("kid")
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    parameters = {name: value for name, value in jwk.items() if name in _PARAMETERS}
    if not all(is_name(value, _LONGEST_PARAMETER) for value in parameters.values()):
        return None
    algorithms = _ALGORITHMS.get((parameters.get("kty", ""), parameters.get("crv")), ())
    algorithm = jwk.get("alg", next(iter(algorithms), None))
    if algorithm not in algorithms or (kid is not None and not is_name(kid, _LONGEST_KID)):
        return None
    try:
        key = _import_key(parameters)
    except Exception as error:
        # Whatever is wrong with the key, it is not used.
        _log.warning("unusable key of an issuer: %s", type(error).__name__)
        return None
    return VerificationKey(kid, algorithm, key) if _is_strong(key) else None


def _import_key(parameters: dict[str, str]) -> PublicKey:
    kinds: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    key: PublicKey = kinds[parameters["kty"]].import_key({**parameters})
    return key


def _is_strong(key: PublicKey) -> bool:
    if not isinstance(key, RSAKey):
        return True
    numbers = key.public_key.public_numbers()
    return numbers.n.bit_length() in _RSA_BITS and 3 <= numbers.e <= _LARGEST_EXPONENT


def verify(token: str, key: VerificationKey) -> Claims | None:
    """Return the claims of a token that this key signed, or None.

    The algorithm is the key's: a token that names another one is refused.
    """
    registry = jws.JWSRegistry(algorithms=[key.algorithm], strict_check_header=False)
    registry.max_header_length = 2_048
    try:
        return parse_object(jws.deserialize_compact(token, key.key, registry=registry).payload)
    except Exception as error:  # A token that the library stumbles over is refused like any other.
        _log.debug("refused a token: %s", type(error).__name__)
        return None
