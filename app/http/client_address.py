"""The address of the client, behind the proxies that the settings trust."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.errors import Unauthorized
from app.http.head import Scope
from app.principal import UsedKey
from app.settings import Settings

Address = IPv4Address | IPv6Address


class AddressNotAllowed(Unauthorized):
    code = "address_not_allowed"
    title = "This API key may not be used from this address"


def client_address(scope: Scope, settings: Settings) -> str:
    """Return the address of the client as text; `unknown` where the server knows none.

    Behind a proxy each hop appends the address that it saw to `X-Forwarded-For`, so only the end of the header can be
    believed. Without `FA_TRUSTED_PROXIES` there is one proxy, and its entry is the last. With it, the client is the
    last entry that is no trusted proxy; what a peer that is none claims is ignored.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else "unknown"
    if not settings.behind_proxy:
        return peer
    sent = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    seen = [entry.strip() for entry in b",".join(sent).decode("latin-1").split(",")] if sent else []
    if not settings.trusted_proxies:
        return (seen[-1] if seen else "") or peer
    address = peer
    for entry in reversed(seen):
        if not _is_within(address, settings.trusted_proxies) or parse_address(entry) is None:
            break
        address = entry
    return address


def check_address(key: UsedKey, address: str) -> None:
    """Check that a key may be used from an address.

    Raises:
        AddressNotAllowed: the key names networks, and the address lies in none of them.
    """
    if key.networks and not _is_within(address, key.networks):
        raise AddressNotAllowed


def parse_address(text: str) -> Address | None:
    """Return an address without its zone; an IPv4 address that IPv6 carries is one of IPv4. None: it is no address."""
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_within(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    parsed = parse_address(address)
    return parsed is not None and any(parsed in network for network in networks)
