"""Traces: a span for a request and what it causes, in the caller's trace, exported to a collector."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from app.errors import OperatorError
from app.main import create_app
from app.outgoing.addresses import parse_network
from app.outgoing.client import OutgoingClient
from app.principal import Role
from app.settings import Settings
from app.telemetry.tracing import check_installed, start_tracing
from tests.support.actors import Actor, Tenancy
from tests.support.collector import Collector, Received
from tests.support.issuer import Issuer
from tests.telemetry.conftest import client

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
LOOPBACK = [parse_network("127.0.0.0/8")]
INVALID = [
    "",
    "00",
    f"00-{TRACE}-{PARENT}",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more",
    f"00-{TRACE}-{PARENT}-01, {TRACEPARENT}",
    f"{TRACEPARENT}\u00e9",
    "x" * 8_000,
]


@dataclass
class Traced:
    """An app whose traces the collector gets, and a caller of it."""

    app: FastAPI
    admin: Actor
    collector: Collector

    async def spans(self) -> list[Received]:
        """Stop sending, and return the spans of requests."""
        await self.app.state.app_state.tracing.close()
        await asyncio.to_thread(self.collector.wait_for, lambda span: span.kind == 2)
        return self.collector.requests()


@asynccontextmanager
async def running(settings: Settings, token: str) -> AsyncIterator[tuple[FastAPI, Actor]]:
    """Run another app on the database."""
    app = create_app(settings)
    async with client(app, "test") as http:
        yield app, Actor(http, token)
    if app.state.app_state.tracing is not None:
        await app.state.app_state.tracing.close()
    await app.state.app_state.database.close()


@pytest.fixture
async def traced(settings: Settings, tenancy: Tenancy, collector: Collector) -> AsyncIterator[Traced]:
    """An app that sends its traces to the collector."""
    on = settings.model_copy(update={"otel_endpoint": collector.url})
    async with running(on, tenancy.admin.token) as (app, admin):
        yield Traced(app, admin, collector)


async def test_a_request_is_a_span_with_its_route_status_and_tenant(traced: Traced, tenancy: Tenancy) -> None:
    assert (await traced.admin.get(f"/v1/organizations/{tenancy.root_id}")).status_code == 200
    [span] = await traced.spans()
    assert "SELECT" in {one.name for one in traced.collector.below(span)}
    assert span.name == "GET /v1/organizations/{organization_id}"
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/organizations/{organization_id}",
        "http.response.status_code": 200,
        "fa.tenant_id": str(tenancy.tenant_id),
    }
    assert span.parent_id == ""
    assert span.resource["service.name"] == "fa-readiness"
    assert traced.collector.paths == {"/v1/traces"}


async def test_each_statement_of_a_request_is_a_span_below_it(traced: Traced, tenancy: Tenancy) -> None:
    await traced.admin.made("/v1/people", {"organization_id": tenancy.root_id, "name": "A"})
    [span] = await traced.spans()
    statements = traced.collector.below(span)
    assert {"BEGIN", "INSERT", "COMMIT"} <= {one.attributes["db.operation.name"] for one in statements}
    assert {one.attributes["db.system.name"] for one in statements} == {"postgresql"}


async def test_a_span_continues_the_trace_of_the_caller(traced: Traced) -> None:
    await traced.admin.get("/v1/me", headers={"traceparent": TRACEPARENT, "tracestate": "vendor=secret"})
    [span] = await traced.spans()
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    assert b"vendor" not in b"".join(traced.collector.bodies)


@pytest.mark.parametrize("given", INVALID, ids=range(len(INVALID)))
async def test_an_invalid_trace_of_a_caller_is_ignored(traced: Traced, given: str) -> None:
    assert (await traced.admin.get("/v1/me", headers={"traceparent": given.encode("latin-1")})).status_code == 200
    [span] = await traced.spans()
    assert (span.trace_id == TRACE, span.parent_id) == (False, "")


async def test_a_refused_request_is_a_span_with_the_code_of_its_problem(traced: Traced) -> None:
    await Actor(traced.admin.http, "fa_nobody").get("/v1/me")
    await traced.admin.get("/v1/nothing-here")
    refused, lost = await traced.spans()
    assert (refused.attributes["fa.problem"], refused.is_error) == ("unauthorized", False)
    assert "fa.tenant_id" not in refused.attributes
    assert (lost.name, lost.attributes["http.response.status_code"]) == ("GET", 404)


async def test_a_caller_may_leave_its_request_out_of_the_traces(traced: Traced) -> None:
    await traced.admin.get("/v1/me", headers={"traceparent": TRACEPARENT[:-1] + "0"})
    await traced.admin.get("/v1/people")
    assert [span.name for span in await traced.spans()] == ["GET /v1/people"]


async def parts() -> AsyncIterator[bytes]:
    """The body of an answer."""
    yield b"{}"


@pytest.fixture
def sent() -> list[httpx.Request]:
    """The requests that `transport` was given."""
    return []


@pytest.fixture
def transport(sent: list[httpx.Request]) -> httpx.MockTransport:
    """Answers each request of the service."""

    async def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=parts())

    return httpx.MockTransport(answer)


async def test_a_request_of_the_service_carries_the_trace(
    settings: Settings, collector: Collector, transport: httpx.MockTransport, sent: list[httpx.Request]
) -> None:
    tracing = start_tracing(settings.model_copy(update={"otel_endpoint": collector.url}))
    assert tracing is not None
    outgoing = OutgoingClient(LOOPBACK, transport=transport, tracer=tracing.tracer)
    request = tracing.begin({"method": "GET", "headers": [(b"traceparent", TRACEPARENT.encode())]})
    await outgoing.send("GET", "http://127.0.0.1:1/secret-path", seconds=30, max_bytes=10)
    request.end(route="/v1/me", status=200, problem=None, tenant_id=UUID(int=0))
    await outgoing.close()
    await tracing.close()
    served = await asyncio.to_thread(collector.wait_for, lambda span: span.kind == 2)
    [below] = collector.below(served)
    assert sent[0].headers["traceparent"] == f"00-{TRACE}-{below.span_id}-01"
    assert below.attributes["http.response.status_code"] == 200
    assert b"secret-path" not in b"".join(collector.bodies)


async def test_the_keys_of_an_issuer_are_fetched_within_the_trace(traced: Traced, tenancy: Tenancy) -> None:
    async with Issuer() as issuer:
        await issuer.bind(tenancy, (None, Role.VIEWER))
        await issuer.link(tenancy)
        assert (await Actor(traced.admin.http, issuer.token()).get("/v1/me")).status_code == 200
    [span] = await traced.spans()
    fetched = [one for one in traced.collector.spans if one.attributes.get("server.address") == "127.0.0.1"]
    assert len(fetched) == 2
    assert {one.trace_id for one in fetched} == {span.trace_id}


async def test_a_request_of_the_service_carries_no_trace_where_traces_are_off(
    transport: httpx.MockTransport, sent: list[httpx.Request]
) -> None:
    outgoing = OutgoingClient(LOOPBACK, transport=transport)
    await outgoing.send("GET", "http://127.0.0.1:1/", seconds=30, max_bytes=10)
    await outgoing.close()
    assert "traceparent" not in sent[0].headers


Logging = Callable[[str], AbstractAsyncContextManager[tuple[FastAPI, Actor]]]


@pytest.fixture
def logging_requests(settings: Settings, tenancy: Tenancy) -> Logging:
    """Runs an app that logs its requests in a form, without traces."""

    def run(form: str) -> AbstractAsyncContextManager[tuple[FastAPI, Actor]]:
        loud = settings.model_copy(update={"log_level": "info", "log_format": form})
        return running(loud, tenancy.admin.token)

    return run


@pytest.mark.parametrize("given", [None, *INVALID], ids=range(len(INVALID) + 1))
async def test_the_log_names_the_callers_trace_without_traces_too(
    logging_requests: Logging, capsys: pytest.CaptureFixture[str], given: str | None
) -> None:
    async with logging_requests("json") as (_, admin):
        await admin.get("/v1/me", headers={"traceparent": TRACEPARENT})
        headers = {} if given is None else {"traceparent": given.encode("latin-1")}
        await admin.get("/v1/me", headers=headers)
        await asyncio.sleep(0.2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "/v1/me" in line]
    assert [line["trace"] for line in lines] == [TRACE, None]


async def test_a_line_of_text_names_the_trace(logging_requests: Logging, capsys: pytest.CaptureFixture[str]) -> None:
    async with logging_requests("text") as (_, admin):
        await admin.get("/v1/me", headers={"traceparent": TRACEPARENT})
        await asyncio.sleep(0.2)
    assert f" trace={TRACE} method=GET " in capsys.readouterr().out


def test_traces_need_the_extra(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    check_installed(settings)
    with pytest.raises(OperatorError, match="FA_OTEL_ENDPOINT needs the packages of the extra otel"):
        check_installed(settings.model_copy(update={"otel_endpoint": "http://127.0.0.1:4318"}))
