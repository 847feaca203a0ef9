"""Connectors of a test: bodies, and a local BambooHR built from its documented contract."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from app.integrations.connectors import source_client
from app.integrations.connectors.running import PULL_PEOPLE
from tests.support.actors import Actor, Tenancy
from tests.support.jobs import working
from tests.support.waiting import until

CONNECTORS = "/v1/connectors"
SECRET = "key-of-a-test"  # opens a local server only
_REASONS = {200: "OK", 302: "Found"}

#: What a server answers: status, headers and body. None: nothing, for ever. A function gets the writer.
Reply = tuple[int, Mapping[str, str], bytes] | None | Callable[[asyncio.StreamWriter], Any]


def a_connector(organization_id: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a new connector."""
    return {
        "organization_id": organization_id,
        "kind": "bamboohr",
        "name": "HR",
        "source": "hr",
        "settings": {"company_domain": "agency"},
        "secret": SECRET,
        **fields,
    }


async def add_connector(tenancy: Tenancy, organization_id: str) -> str:
    """Add a connector with a run that waits. Return its id."""
    made = await tenancy.admin.made(CONNECTORS, a_connector(organization_id))
    assert (await tenancy.admin.post(f"{CONNECTORS}/{made['id']}/runs", {})).status_code == 202
    return str(made["id"])


def as_json(body: Any, status: int = 200, **headers: str) -> Reply:
    """Return an answer with JSON."""
    return status, {"Content-Type": "application/json", **headers}, json.dumps(body).encode()


def employee(**fields: Any) -> dict[str, Any]:
    """Return the fields of an employee who works there."""
    return {"firstName": "Ada", "lastName": "Coach", "status": "Active", "workEmail": "ada@agency.example", **fields}


@dataclass
class BambooServer:
    """A BambooHR with employees that a test changes.

    It serves one company. Runs that other tests left behind find no such company.

    Attributes:
        employees: the fields, by id.
        changed: by id: the action and the instant of the last change.
        replies: by the beginning of the path, answers that come before the right ones, each once; the last one stays.
        asked: the paths that were asked for, with their queries.
        tls: what it needs to speak TLS; None: it does not.
    """

    employees: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed: dict[str, tuple[str, str]] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    url: str = ""
    company: str = field(default_factory=lambda: f"c{uuid4().hex[:12]}")
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    def settings(self, **fields: Any) -> dict[str, Any]:
        """Return the settings of a connector to this company."""
        return {"company_domain": self.company, **fields}

    def put(self, id_: str, at: str = "2026-11-02T08:00:00+00:00", action: str = "Updated", **fields: Any) -> None:
        """Add or change an employee."""
        self.employees[id_] = employee(**{**self.employees.get(id_, {}), **fields})
        self.changed[id_] = (action, at)

    async def __aenter__(self) -> "BambooServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{{company}}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            company, _, path = head[0].split()[1].removeprefix("/").partition("/")
            reply = self._choose(f"/{path}", headers) if company == self.company else (404, {}, b"")
            if callable(reply):
                await reply(writer)
            elif reply is not None:
                status, more, body = reply
                lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Text')}", f"Content-Length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
                writer.close()

    def _choose(self, path: str, headers: Mapping[str, str]) -> Reply:
        self.asked.append(path)
        for start, replies in self.replies.items():
            if path.startswith(start) and replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return self.right_answer(path, headers)

    def right_answer(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Answer as the contract says."""
        credential = "Basic " + base64.b64encode(f"{SECRET}:x".encode()).decode()
        if headers.get("authorization") != credential:
            return 401, {}, b""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v1/employees/changed":
            since = query["since"].replace("Z", "+00:00")
            found = {
                id_: {"id": id_, "action": action, "lastChanged": at}
                for id_, (action, at) in self.changed.items()
                if at >= since
            }
            return as_json(
                {"latest": max((at for _, at in self.changed.values()), default=since), "employees": found or []}
            )
        id_ = parts.path.rpartition("/")[2]
        if id_ not in self.employees:
            return 404, {}, b""
        fields = query["fields"].split(",")
        # An empty field is null, and one that the key may not see is missing.
        shown = {name: self.employees[id_].get(name) for name in fields if self.employees[id_].get(name) != "hidden"}
        return as_json({"id": id_, **shown})


@asynccontextmanager
async def pulling(tenancy: Tenancy, server: BambooServer) -> AsyncIterator[None]:
    """Let a worker run the connectors of a test against a server, without the waits between its attempts."""
    waits = source_client.RETRY_WAITS
    source_client.RETRY_WAITS = (0.0,) * len(waits)
    try:
        async with working(tenancy.app, PULL_PEOPLE, bamboohr_url=server.url):
            yield
    finally:
        source_client.RETRY_WAITS = waits


async def run(actor: Actor, connector: Mapping[str, Any], **body: Any) -> dict[str, Any]:
    """Start a run, and return it when it has finished or waits to be attempted again."""
    started = await actor.post(f"{CONNECTORS}/{connector['id']}/runs", body)
    assert started.status_code == 202, started.text
    return await _until(actor, connector, lambda last: last["state"] == "waiting" and last["failure"] is not None)


async def until_finished(actor: Actor, connector: Mapping[str, Any]) -> dict[str, Any]:
    """Wait until the last run has finished. Return it."""
    return await _until(actor, connector, lambda _: False)


async def _until(actor: Actor, connector: Mapping[str, Any], fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async def last_run() -> dict[str, Any]:
        last: dict[str, Any] = (await actor.items(f"{CONNECTORS}/{connector['id']}/runs"))[0]
        return last

    return await until(last_run, lambda last: bool(last["finished_at"]) or fits(last), pause=0.05)


async def people(actor: Actor) -> dict[str, dict[str, Any]]:
    """Return everybody, by the id in BambooHR."""
    found = await actor.items("/v1/people")
    return {one["external_ids"][0]["external_id"]: one for one in found if one["external_ids"]}


async def read(actor: Actor, connector: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await actor.get(f"{CONNECTORS}/{connector['id']}")).json()
    return found
