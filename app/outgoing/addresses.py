"""Which addresses the service may connect to. Pure: no lookup, no socket.

The lists are our own. `ipaddress.is_global` follows the Python release and lets through translated, tunnelled and
benchmarking networks that lead elsewhere.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: Special-purpose networks (IANA), and the address of a cloud's own wire server.
_REFUSED_V4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
#: Global unicast; whatever lies outside is refused, IPv4 in any wrapping included.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


#: A host whose last label is a number is no name (WHATWG URL, "ends in a number").
_NUMBER_LAST = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")


def is_spelled_otherwise(host: str) -> bool:
    """Return whether a host is an IPv4 address in another form than four decimals, such as ``2130706433`` or ``127.1``.

    Resolvers read these forms differently.
    """
    if _NUMBER_LAST.fullmatch(host) is None:
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def parse_network(text: str) -> Network:
    """Parse a network such as ``10.1.0.0/16``, or one address.

    Raises:
        ValueError: it is neither, or has bits beyond its prefix.
    """
    return ip_network(text)


def is_allowed(address: str, extra: Iterable[Network] = ()) -> bool:
    """Return whether the service may connect to an address.

    Args:
        address: as a socket names it. A zone after ``%`` is refused.
        extra: networks that the operator allows in addition.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return False
    return any(parsed in network for network in extra) or _is_public(parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)
