"""How the base reads any source: pages, waits, and sources that lead nowhere."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.errors import AppError
from app.integrations.connectors import reading, source_client
from app.integrations.connectors.errors import SourceAddressRefused, SourceFaulty, SourceTooLarge
from app.integrations.connectors.reading import SourcePage, SourceRecord, read_all
from app.integrations.connectors.source_client import SourceClient, SourceUnavailable
from app.outgoing.addresses import parse_network
from app.outgoing.client import OutgoingClient

EARLY, LATE = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))


def record(external_id: str, name: str = "A", at: datetime = EARLY) -> SourceRecord:
    return SourceRecord(external_id, at, {"name": name})


class Pages:
    """A source with these pages, by the cursor that leads to each."""

    def __init__(self, pages: Mapping[str | None, tuple[Sequence[SourceRecord], str | None]]) -> None:
        self._pages = pages

    async def read_page(self, _client: SourceClient, _since: datetime | None, cursor: str | None) -> SourcePage:
        return SourcePage(*self._pages[cursor])


class Endless:
    """A source in which each page leads to another one."""

    async def read_page(self, _client: SourceClient, _since: datetime | None, cursor: str | None) -> SourcePage:
        number = int(cursor or 0)
        return SourcePage([record(str(number))], str(number + 1))


async def ignore(_count: int) -> None:
    """Report nothing."""


async def read(source: Any) -> reading.Pulled:
    return await read_all(source, new_client(lambda _: answer(200)), None, ignore)


def answer(status: int, body: bytes = b"[]", headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return an answer whose body has yet to be read."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    return httpx.Response(status, headers=sent, stream=httpx.ByteStream(body))


def new_client(reply: Any, waits: list[float] | None = None, networks: str = "127.0.0.0/8") -> SourceClient:
    """Return a client whose requests a function answers, and whose waits are only noted."""

    async def sleep(seconds: float) -> None:
        (waits if waits is not None else []).append(seconds)

    transport = httpx.MockTransport(reply)
    outgoing = OutgoingClient([parse_network(networks)], transport=transport)
    return SourceClient(outgoing, "http://127.0.0.1", {}, sleep=sleep)


async def test_pages_are_followed_and_a_person_counts_as_last_changed() -> None:
    last = [record("1", "C", LATE), record("3")]
    pulled = await read(Pages({None: ([record("1", "B"), record("2")], "b"), "b": (last, "c"), "c": (last, None)}))
    assert {key: person.name for key, person in pulled.people.items()} == {"1": "C", "2": "A", "3": "A"}
    assert pulled.watermark == LATE


async def test_a_cursor_that_comes_back_is_an_error() -> None:
    with pytest.raises(SourceFaulty):
        await read(Pages({None: ([], "b"), "b": ([], "c"), "c": ([], "b")}))


@pytest.mark.parametrize("bound", ["MOST_PAGES", "MOST_PEOPLE"])
async def test_a_source_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(reading, bound, 20)
    with pytest.raises(SourceTooLarge):
        await read(Endless())


async def test_a_retry_after_is_waited_for_and_other_waits_vary() -> None:
    waits: list[float] = []
    answers = [answer(429, headers={"Retry-After": "90"}), answer(503), answer(200)]
    assert await new_client(lambda _: answers.pop(0), waits).get("/a", {}) == []
    assert waits[0] == 90
    assert 4 <= waits[1] <= 6


@pytest.mark.parametrize(
    ("headers", "after", "asked"),
    [({}, 0.0, 5), ({"Retry-After": "7200"}, 7_200.0, 1), ({"Retry-After": "9" * 400}, 86_400.0, 1)],
)
async def test_a_source_that_never_serves_is_left_alone(headers: dict[str, str], after: float, asked: int) -> None:
    requests: list[Any] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer(503, headers=headers)

    with pytest.raises(SourceUnavailable) as raised:
        await new_client(refuse).get("/a", {})
    assert (raised.value.after, len(requests)) == (after, asked)


@pytest.mark.parametrize(("bound", "expected"), [("MOST_BYTES", SourceFaulty), ("MOST_BYTES_IN_ALL", SourceTooLarge)])
async def test_one_answer_and_all_of_a_run_are_bounded(
    monkeypatch: pytest.MonkeyPatch, bound: str, expected: type[AppError]
) -> None:
    monkeypatch.setattr(source_client, bound, 100)
    with pytest.raises(expected):
        await new_client(lambda _: answer(200, b"[" + b" " * 200 + b"]")).get("/a", {})


async def test_an_address_that_is_not_allowed_is_not_asked() -> None:
    with pytest.raises(SourceAddressRefused):
        await new_client(lambda _: answer(200), networks="10.0.0.0/8").get("/a", {})
