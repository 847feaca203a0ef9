"""Sends one request, compares the answer to the model's, field by field, and applies its effect to the model."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import anyio.from_thread
import asyncpg
import httpx
from fastapi import FastAPI
from hypothesis import note
from sqlalchemy.ext.asyncio import AsyncEngine

from app.access.keys import create_key, revoke_key
from app.principal import Role
from app.provisioning import operators_transaction
from tests.state.model.things import Organization
from tests.state.model.world import Ask, Caller, Refused, Rule, World
from tests.support.actors import Tenancy, new_tenancy

START = datetime(2026, 10, 5, 8, tzinfo=UTC)
KEPT = timedelta(hours=24)
#: A status, and the code of a refusal.
Outcome = tuple[int, str]


@dataclass
class Surroundings:
    """What all machines of a run share: the app, its clock, the database; and what they counted."""

    app: FastAPI
    http: httpx.AsyncClient
    owner: AsyncEngine
    database: asyncpg.Connection
    clock: "Clock"
    stranger: Caller
    """The admin of another tenant."""
    steps: int = 0
    requests: int = 0
    seen: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """How often each rule was answered how."""


@dataclass
class Clock:
    """The present instant of app and model."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Request:
    """What is sent, and the rule that decides the expected answer."""

    method: str
    path: str
    body: Any
    rule: Callable[..., Rule]
    arguments: tuple[Any, ...]
    if_match: int | Literal["*"] | None = None
    must_not_exist: bool = False

    @property
    def headers(self) -> dict[str, str]:
        found = {}
        if self.if_match is not None:
            found["If-Match"] = "*" if self.if_match == "*" else f'"{self.if_match}.0"'
        if self.must_not_exist:
            found["If-None-Match"] = "*"
        return found

    def __str__(self) -> str:
        return f"{self.method} {self.path} {json.dumps(self.body)} {self.headers or ''}"

    @property
    def fingerprint(self) -> str:
        return json.dumps([self.method, self.path, self.headers, self.body])


@dataclass
class Kept:
    """A response kept under an idempotency key."""

    fingerprint: str
    at: datetime
    status: int
    body: Any


class Driver:
    """One tenant, its model, and the way between them."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        around.clock.now = START
        self.tenancy: Tenancy = self.run(new_tenancy, around.owner, around.app, around.http)
        self.world = World(self.tenancy.root_id, START)
        self.kept: dict[tuple[str, str], Kept] = {}
        self.shipped: dict[str, int] = {}
        self.finals: dict[str, dict[str, str]] = {}
        """The sums of each final assessment's rows."""
        self.keys: dict[str, UUID] = {}
        self.revoked: set[str] = set()
        self.granted = 0
        self.numbers = 0
        self.admin = self._known(self.tenancy.admin.token, [("admin", self.tenancy.root_id)])
        root = self.get(self.admin, f"/v1/organizations/{self.tenancy.root_id}")
        self.world.organizations[self.tenancy.root_id] = Organization(
            **{name: root[name] for name in ("id", "created_at", "updated_at", "version", "parent_id")},
            **{name: root[name] for name in ("kind", "name", "staff_count", "timezone")},
        )

    @staticmethod
    def run(function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        """Call into the event loop from the thread the machine runs in."""
        return anyio.from_thread.run(function, *arguments)

    def number(self) -> int:
        """Return a number that keeps names distinct."""
        self.numbers += 1
        return self.numbers

    # Keys and time, which no request changes

    def add_key(self, *grants: tuple[str, str], hours: int | None = None) -> Caller:
        """Make a key with these roles at these organizations. It ends after some hours, or never."""
        expires_at = None if hours is None else self.world.now + timedelta(hours=hours)
        key_id, token = self.run(self._create_key, grants, expires_at)
        caller = self._known(token, list(grants))
        self.keys[caller.id] = key_id
        caller.expires_at = expires_at
        return caller

    def revoke(self, caller: Caller) -> None:
        """Revoke a key, and let the app know at once; that it would know within a second is tested elsewhere."""
        self.run(self._revoke_key, self.keys[caller.id])
        self.revoked.add(caller.id)
        caller.dead = caller.dead or "key_revoked"
        self.forget()

    def wait(self, time: timedelta) -> None:
        """Let time pass."""
        self.world.now += time
        self.around.clock.now = self.world.now
        self.forget()

    def forget(self) -> None:
        self.around.app.state.app_state.authenticate.invalidate()

    async def _create_key(self, grants: tuple[tuple[str, str], ...], expires_at: datetime | None) -> tuple[UUID, str]:
        async with operators_transaction(self.around.owner, self.tenancy.tenant_id) as tx:
            given = [(Role(role), UUID(at)) for role, at in grants]
            name = " and ".join(role for role, _ in grants)
            return await create_key(tx, name=name, grants=given, expires_at=expires_at)

    async def _revoke_key(self, key_id: UUID) -> None:
        async with operators_transaction(self.around.owner, self.tenancy.tenant_id) as tx:
            await revoke_key(tx, key_id)

    def _known(self, token: str, grants: list[tuple[str, str]]) -> Caller:
        me = self.get(Caller("", "", token), "/v1/me")
        assert sorted((one["role"], one["organization_id"]) for one in me["grants"]) == sorted(grants)
        ids = {(one["role"], one["organization_id"]): one["id"] for one in me["grants"]}
        places = {at for _, at in grants}
        caller = Caller(me["id"], me["name"], token, grants, ids, places.pop() if len(places) == 1 else None)
        self.world.keys.append(caller)
        self.granted += len(grants)
        return caller

    # Requests

    def get(self, caller: Caller, path: str) -> Any:
        """Send a read that must answer 200, and return its body."""
        answer = self.read(caller, path)
        assert answer.status_code == 200, f"GET {path}: {answer.text}"
        return answer.json()

    def read(self, caller: Caller, path: str, **headers: str) -> httpx.Response:
        self.around.requests += 1
        answer: httpx.Response = self.run(self._send, "GET", path, None, {**_bearer(caller), **headers})
        return answer

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        return await self.around.http.request(method, path, json=body, headers=headers)

    def dead(self, caller: Caller) -> str | None:
        """Return why a caller is refused, or None."""
        if caller.dead is not None:
            return caller.dead
        if caller.seat is not None:
            assessment_id, seat_id = caller.seat
            one = self.world.assessments.get(assessment_id)
            seat = one.seats.get(seat_id) if one else None
            if seat is not None and self.world.has_left(seat.person_id):
                return "seat_holder_left"
        expired = caller.expires_at is not None and caller.expires_at <= self.world.now
        return "key_expired" if expired else None

    def perform(self, request: Request, caller: Caller, *, dry_run: bool = False, key: str | None = None) -> Any:
        """Send a request, and compare with what the model says of it.

        Returns:
            The answer's body; None where the request was refused or rehearsed, or answered before.
        """
        self.world.now += timedelta(seconds=1)
        self.around.clock.now = self.world.now
        if caller.seat is not None:
            # Its person may have left or come back since the app looked the token up.
            self.forget()
        ask = Ask(caller, f"s{self.number()}", request.if_match, request.must_not_exist, dry_run, key)
        kept = self._kept(ask)
        changes_nothing = dry_run or kept is not None
        rule = request.rule(copy.deepcopy(self.world) if changes_nothing else self.world, ask, *request.arguments)
        expected = self._expect(request, ask, kept, rule)
        answer = self._answer(request, ask)
        self._check_status(request, ask, answer, expected)
        if answer.status_code >= 400:
            return None
        body = answer.json() if answer.content else None
        assert (answer.headers.get("idempotency-replayed") == "true") == (kept is not None)
        if kept is not None:
            assert body == kept.body
            return None
        self._check_body(request, ask, answer, self._outcome(request, ask, rule, body))
        if dry_run:
            return None
        self._keep(request, ask, answer.status_code, body)
        return body

    def _kept(self, ask: Ask) -> Kept | None:
        if ask.dry_run or ask.key is None:
            return None
        kept = self.kept.get((ask.caller.id, ask.key))
        return None if kept is None or kept.at < self.world.now - KEPT else kept

    def _keep(self, request: Request, ask: Ask, status: int, body: Any) -> None:
        if ask.key is not None:
            without = _without_code(body, "secret_not_replayable")
            self.kept[ask.caller.id, ask.key] = Kept(request.fingerprint, self.world.now, status, without)

    def _expect(self, request: Request, ask: Ask, kept: Kept | None, rule: Rule) -> Outcome:
        if (why := self.dead(ask.caller)) is not None:
            return 401, why
        if kept is not None and kept.fingerprint != request.fingerprint:
            return 422, "idempotency_key_reused"
        try:
            status = next(rule)
        except Refused as refused:
            # Who may not make the request any more does not see the answer that was kept.
            if kept is None or refused.outcome[0] in {403, 404}:
                return refused.outcome
        if kept is not None:
            shown = json.dumps(kept.body)
            # A kept answer is erased with the person whom it shows.
            if any(id_ in shown for id_ in self.world.deleted_people):
                return 409, "idempotency_answer_erased"
            return kept.status, ""
        return (200 if ask.dry_run else status), ""

    def _check_status(self, request: Request, ask: Ask, answer: httpx.Response, expected: Outcome) -> None:
        outcome = answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""
        note(f"{request} by {ask}: {outcome}")
        assert outcome == expected, answer.text
        seen = (f"{request.rule.__module__.rpartition('.')[2]}.{request.rule.__name__}", *outcome)
        self.around.seen[seen] += 1

    def _answer(self, request: Request, ask: Ask) -> httpx.Response:
        self.around.requests += 1
        headers = {**_bearer(ask.caller), **request.headers, "X-Request-Id": ask.request_id}
        if ask.key is not None:
            headers["Idempotency-Key"] = ask.key
        path = request.path + ("?dry_run=true" if ask.dry_run else "")
        answer: httpx.Response = self.run(self._send, request.method, path, request.body, headers)
        return answer

    def _outcome(self, request: Request, ask: Ask, rule: Rule, body: Any) -> Any:
        """Let the model know what was made; the body it says must have been answered."""
        learned = {}
        if request.path.endswith("/revisions") and not ask.dry_run:
            seats = self.get(self.admin, f"/v1/assessments/{body['id']}/participants?limit=200")["items"]
            learned = {"learned": {seat["label"]: seat["id"] for seat in seats}}
        try:
            rule.send(body | learned if isinstance(body, dict) else body)
        except StopIteration as done:
            return done.value
        raise AssertionError("a rule yields once")

    def _check_body(self, request: Request, ask: Ask, answer: httpx.Response, expected: Any) -> None:
        assert expected == (answer.json() if answer.content else None)
        assert (answer.headers.get("dry-run") == "true") == ask.dry_run
        tagged = isinstance(expected, dict) and "version" in expected and not ask.dry_run
        assert ("etag" in answer.headers) == tagged
        if tagged:
            assert answer.headers["etag"].startswith(f'"{expected["version"]}.')
        if tagged and answer.status_code == 201 and request.method == "POST":
            assert answer.headers["location"].endswith(f"/{expected['id']}")


def _without_code(body: Any, reason: str) -> Any:
    """Return an answer as it is stored, without an invitation's code."""
    if not isinstance(body, dict) or body.get("invitation") is None:
        return body
    hidden = {"code": None, "code_reason": reason, "join_url": None}
    return body | {"invitation": body["invitation"] | hidden}


def _bearer(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.token}"}
