"""Webhooks of a test: an endpoint on loopback that records what it gets, and a dispatcher that works when asked."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.ids import uuid7
from app.integrations.webhooks.dispatcher import WebhookDispatcher
from app.integrations.webhooks.models import Outcome, WebhookDelivery
from app.integrations.webhooks.retention import delete_leftovers
from tests.support.actors import Actor, Tenancy
from tests.support.feed import seal
from tests.support.jobs import work_of

HOOKS = "/v1/webhooks"


async def add_webhook(tenancy: Tenancy, organization_id: str) -> str:
    """Add a webhook with one attempt in its log. Return its id."""
    body = {"organization_id": organization_id, "url": "https://localhost:1/hook"}
    made = await tenancy.admin.made(HOOKS, body)
    attempt = {"event_id": uuid7(), "event_type": "organization.created", "attempt": 1, "outcome": Outcome.DELIVERED}
    async with work_of(tenancy.app).transaction(tenancy.tenant_id, "test") as tx:
        tx.insert(WebhookDelivery, webhook_id=UUID(made["id"]), duration_ms=3, status_code=200, **attempt)
    return str(made["id"])


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    """A whole HTTP answer."""
    head = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Got:
    """A message as the endpoint got it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def is_signed_by(self, secret: str) -> bool:
        """Whether one of the signatures is that of a secret, by the specification's own words."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """An endpoint that records each message and answers as the test says.

    Attributes:
        answers: what is answered, message by message; then always the last. None: nothing, for ever. A function is
            called with the message and the connection.
    """

    answers: list[Any] = field(default_factory=lambda: [answer(204)])
    got: list[Got] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def until(self, fits: Callable[["Receiver"], bool]) -> None:
        """Wait until what arrived fits."""
        async with asyncio.timeout(300):
            while not fits(self):
                self.arrived.clear()
                await self.arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if value}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            message = Got(head[0].split()[1], headers, body)
            self.got.append(message)
            self.arrived.set()
            chosen = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if callable(chosen):
                await chosen(message, writer)
            elif chosen is not None:
                writer.write(chosen)
                await writer.drain()
                writer.close()


@asynccontextmanager
async def dispatching(app: FastAPI, *, seconds: float = 60.0, **settings: Any) -> AsyncIterator[WebhookDispatcher]:
    """Yield a dispatcher that works when it is asked.

    Args:
        seconds: how long an attempt may take.
    """
    dispatcher = WebhookDispatcher(work_of(app, **settings), attempt_seconds=seconds)
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


async def dispatch(tenancy: Tenancy, rounds: int = 1, *, seconds: float = 60.0, **settings: Any) -> None:
    """Seal what happened, and let a dispatcher of its own deliver what is due, so often."""
    await seal(tenancy)
    async with dispatching(tenancy.app, seconds=seconds, **settings) as dispatcher:
        for _ in range(rounds):
            await dispatcher.serve(tenancy.tenant_id)


async def new_webhook(actor: Actor, organization_id: str, url: str, **fields: Any) -> dict[str, Any]:
    """Make a webhook; the answer with its secret."""
    return await actor.made(HOOKS, {"organization_id": organization_id, "url": url, **fields})


async def deliveries(actor: Actor, webhook: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
    """The log of a webhook, the oldest attempt first."""
    return await actor.items(f"{HOOKS}/{webhook['id']}/deliveries", sort="id", **params)


async def read(actor: Actor, webhook: dict[str, Any]) -> dict[str, Any]:
    """The webhook as it is now."""
    found = await actor.get(f"{HOOKS}/{webhook['id']}")
    assert found.status_code == 200, found.text
    shown: dict[str, Any] = found.json()
    return shown


async def purge_leftovers(tenancy: Tenancy) -> None:
    """Purge the logs of deleted webhooks, as the service does within hours."""
    work = work_of(tenancy.app)
    deleted = 1
    while deleted:
        async with work.transaction(tenancy.tenant_id, "test") as tx:
            deleted = await delete_leftovers(tx, work.settings)


async def make_due(owner: AsyncEngine, webhook: dict[str, Any]) -> None:
    """Let the time of all waits pass."""
    await _change(owner, "update webhook_queues set due_at = now() where webhook_id = :id", webhook)


async def end_leases(owner: AsyncEngine, webhook: dict[str, Any]) -> None:
    """Let the leases of a killed dispatcher end."""
    await _change(owner, "update webhook_queues set held_until = now() where webhook_id = :id", webhook)


async def undo_claims(owner: AsyncEngine, webhook: dict[str, Any]) -> None:
    """Set the queues back to what they were before they were claimed."""
    undone = "update webhook_queues set held_by = null, held_until = null, attempt = 0, position = null"
    await _change(owner, f"{undone} where webhook_id = :id", webhook)


async def fail_since(owner: AsyncEngine, webhook: dict[str, Any], days: int, *, quiet: int = 0) -> None:
    """Let the endpoint have failed for some days, again and again until ``quiet`` days ago."""
    since, last = (f"now() - interval '{ago} days'" for ago in (days, quiet))
    changes = f"failing_since = {since}, failed_at = {last}"
    await _change(owner, f"update webhook_cursors set {changes} where webhook_id = :id", webhook)


async def waiting(owner: AsyncEngine, webhook: dict[str, Any]) -> int:
    """How many messages have yet to arrive."""
    query = text("select count(*) from webhook_messages where webhook_id = :id")
    async with owner.connect() as connection:
        return int((await connection.execute(query, {"id": webhook["id"]})).scalar_one())


async def _change(owner: AsyncEngine, statement: str, webhook: dict[str, Any]) -> None:
    async with owner.begin() as connection:
        await connection.execute(text(statement), {"id": webhook["id"]})
