"""Nothing but public addresses is dialled, however an address is spelled and wherever it comes from."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest

from app.outgoing.client import OutgoingClient, OutgoingError
from tests.outgoing.test_addresses import HOSTILE
from tests.outgoing.test_client import Recorder, get, resolving

#: The special IPv4 addresses.
V4 = [IPv4Address(address) for address in HOSTILE if re.fullmatch(r"(?:(?:0|[1-9]\d*)\.){3}\d+", address)]
SPELLINGS: dict[str, Callable[[IPv4Address], str]] = {
    "plain": str,
    "mapped": lambda v4: f"[::ffff:{v4}]",
    "mapped in hexadecimal": lambda v4: f"[{IPv6Address(0xFFFF << 32 | int(v4))}]",
    "compatible": lambda v4: f"[{IPv6Address(int(v4))}]",
    "NAT64": lambda v4: f"[{IPv6Address(0x64FF9B << 96 | int(v4))}]",
    "6to4": lambda v4: f"[{IPv6Address(0x2002 << 112 | int(v4) << 80)}]",
    "decimal": lambda v4: str(int(v4)),
    "hexadecimal": lambda v4: hex(int(v4)),
    "octal": lambda v4: ".".join(f"0{part:o}" for part in v4.packed),
    "hexadecimal parts": lambda v4: ".".join(map(hex, v4.packed)),
    "two parts": lambda v4: f"{v4.packed[0]}.{int(v4) & 0xFFFFFF}",
    "three parts": lambda v4: f"{v4.packed[0]}.{v4.packed[1]}.{int(v4) & 0xFFFF}",
    "a dot at the end": lambda v4: f"{v4}.",
    "full width": lambda v4: str(v4).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)}),
    "percent encoded": lambda v4: "".join(f"%{ord(character):02x}" for character in str(v4)),
    "behind a name": lambda v4: f"issuer.example@{v4}",
}


def test_there_are_addresses_and_spellings_enough() -> None:
    assert (len(V4), len(SPELLINGS)) >= (25, 16)


async def is_dialled(host: str, resolved: str) -> bool:
    """Return whether a host is dialled, where the system would take it for this address."""
    recorder, (_, resolve) = Recorder(), resolving([resolved])
    with pytest.raises(OutgoingError):
        await get(OutgoingClient(resolve=resolve, transport=recorder.transport), f"https://{host}/")
    return bool(recorder.dialled)


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_a_special_address_is_dialled(spelling: str) -> None:
    spell = SPELLINGS[spelling]
    assert [address for address in V4 if await is_dialled(spell(address), str(address))] == []


@pytest.mark.parametrize("address", HOSTILE)
async def test_a_name_with_a_special_address_is_not_dialled(address: str) -> None:
    recorder = Recorder()
    asked, resolve = resolving(["93.184.216.34", address])
    with pytest.raises(OutgoingError):
        await get(OutgoingClient(resolve=resolve, transport=recorder.transport), "https://issuer.example/")
    assert (asked, recorder.dialled) == (["issuer.example"], [])


@pytest.mark.parametrize("address", HOSTILE)
async def test_a_name_that_is_resolved_anew_is_checked_anew(address: str) -> None:
    recorder = Recorder()
    _, resolve = resolving(["93.184.216.34"], [address])
    client = OutgoingClient(resolve=resolve, transport=recorder.transport)
    assert (await client.send("GET", "https://issuer.example/", seconds=30, max_bytes=10_000)).status == 200
    with pytest.raises(OutgoingError):
        await client.send("GET", "https://issuer.example/", seconds=30, max_bytes=10_000)
    await client.close()
    assert [request.url.host for request in recorder.dialled] == ["93.184.216.34"]
