"""The address of the client, behind the proxies that the settings trust."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.errors import Unauthorized
from app.http.head import Scope
from app.principal import UsedKey
from app.settings import Settings

Address = IPv4Address | IPv6Address
#: The key in the scope under which the address is kept: a request asks for it several times.
_KEPT = "client_address"
#: More than an address, its zone and its port have.
_LONGEST = 100
# Some proxies append the port of the connection.
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


class AddressNotAllowed(Unauthorized):
    code = "address_not_allowed"
    title = "This API key may not be used from this address"


def client_address(scope: Scope, settings: Settings) -> str:
    """Return the address of the client in its canonical form; `unknown` where the server knows none.

    Behind a proxy each hop appends the address that it saw to `X-Forwarded-For`, so only the end of the header can be
    believed. Without `FA_TRUSTED_PROXIES` there is one proxy, and its entry is the last. With it, the client is the
    last entry that is no trusted proxy; what a peer that is none claims is ignored. An entry that is no address is
    ignored as well.
    """
    kept: str | None = scope.get(_KEPT)
    if kept is None:
        kept = scope[_KEPT] = _find_address(scope, settings)
    return kept


def _find_address(scope: Scope, settings: Settings) -> str:
    client = scope.get("client")
    peer = str(client[0]) if client else "unknown"
    peer = _canonical(peer) or peer
    if not settings.behind_proxy:
        return peer
    sent = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    seen = [entry.strip() for entry in b",".join(sent).decode("latin-1").split(",")] if sent else []
    if not settings.trusted_proxies:
        return (_canonical(seen[-1]) if seen else None) or peer
    address = peer
    for entry in reversed(seen):
        before = _canonical(entry) if _is_within(address, settings.trusted_proxies) else None
        if before is None:
            break
        address = before
    return address


def check_address(key: UsedKey, address: str) -> None:
    """Check that a key may be used from an address.

    Raises:
        AddressNotAllowed: the key names networks, and the address lies in none of them.
    """
    if key.networks and not _is_within(address, key.networks):
        raise AddressNotAllowed


def parse_address(text: str) -> Address | None:
    """Return an address without its port and its zone, or None if the text is no address.

    An IPv4 address that IPv6 carries is one of IPv4.
    """
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port[1] or with_port[2]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _canonical(text: str) -> str | None:
    # Anybody can send a long text as an address. It would fill the cache.
    return _cached(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4_096)
def _cached(text: str) -> str | None:
    parsed = parse_address(text)
    return None if parsed is None else str(parsed)


def _is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)
