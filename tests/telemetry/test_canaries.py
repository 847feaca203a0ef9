"""What people write and what opens doors never reaches a log, a metric or a trace."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from app import log
from app.http.context import AppState
from app.main import create_app
from app.principal import Role
from app.settings import Settings
from app.telemetry.operations import operations_app
from tests.support.actors import Actor, Tenancy
from tests.support.collector import Collector
from tests.support.team import PRACTICES, new_team
from tests.telemetry.conftest import Measured, client

CANARY = "canary"


@pytest.fixture(params=["json", "text"])
async def watched(
    settings: Settings,
    tenancy: Tenancy,
    collector: Collector,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Measured]:
    """An app that logs all it can to the captured output, with metrics and traces."""
    root, ours = logging.getLogger(), logging.getLogger("fa")
    kept = root.handlers[:], root.level, ours.level
    loud = settings.model_copy(
        update={
            "metrics_port": 0,
            "log_level": "debug",
            "log_format": request.param,
            "otel_endpoint": collector.url,
        }
    )
    log.configure(loud)
    app = create_app(loud)
    state: AppState = app.state.app_state
    assert state.metrics is not None
    listener = operations_app(state.metrics, state.database.health, lambda: False)
    async with client(app, "test") as http, client(listener, "operations") as operations:
        tenancy.http, tenancy.admin = http, Actor(http, tenancy.admin.token)
        yield Measured(app, tenancy.admin, operations)
    assert state.tracing is not None
    await state.tracing.close()
    await state.database.close()
    root.handlers[:], root.level, ours.level = kept


async def do_the_main_job(tenancy: Tenancy) -> list[str]:
    """Assess with canaries in all that people write; the secrets that were used."""
    site = await tenancy.organization(name=f"{CANARY} site")
    await tenancy.admin.made("/v1/people", {"organization_id": site["id"], "name": f"{CANARY} name"})
    team = await new_team(tenancy, site["id"], title=f"{CANARY} title")
    code = (await team.invited(f"{CANARY} seat"))["invitation"]["code"]
    seat = await team.claim(f"{CANARY} seat", code)
    await team.move("collecting")
    for practice in PRACTICES:
        body = {"value": 1, "comment": f"{CANARY} comment"}
        answer = await seat.put(f"{team.path}/votes/{team.ids[f'{CANARY} seat']}/{practice}", body)
        assert answer.status_code == 201, answer.text
    await team.move("consensus", f"{CANARY} reason")
    assert (await team.consensus("P1", 1, f"{CANARY} note")).status_code == 201
    await team.readiness()
    return [code, seat.token.rpartition("_")[2], tenancy.admin.token.rpartition("_")[2]]


async def be_refused(http: Actor) -> None:
    """Send canaries in every place where a request can be refused."""
    await Actor(http.http, f"fa_{CANARY}").get("/v1/me")
    await http.get(f"/v1/{CANARY}")
    await http.get("/v1/people", params={"q": CANARY})
    await http.get("/v1/people", params={CANARY: CANARY})
    await http.post("/v1/people", {CANARY: CANARY}, headers={"Idempotency-Key": CANARY})
    await http.post("/v1/organizations", {"parent_id": CANARY, "kind": CANARY, "name": CANARY})
    await http.call(CANARY.upper(), "/v1/me")
    await http.http.post("/v1/seats/claim", json={"code": CANARY})
    await http.call("POST", "/v1/people", content=f'{{"{CANARY}": '.encode())
    await http.get("/v1/me", headers={"X-Forwarded-For": CANARY, "X-Request-Id": f"{CANARY} not an id"})
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    await http.get(
        "/v1/me", headers={"traceparent": trace, "tracestate": f"{CANARY}={CANARY}", "baggage": f"a={CANARY}"}
    )
    await http.get("/v1/me", headers={"traceparent": CANARY})


async def test_no_secret_vote_comment_or_name_is_logged_or_counted(
    watched: Measured, tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = await do_the_main_job(tenancy)
    await be_refused(watched.admin)
    # The lines of requests are written together a tenth of a second later.
    await asyncio.sleep(0.2)
    for said in ("".join(capsys.readouterr()), await watched.text()):
        assert "/v1/assessments/{assessment_id}/votes" in said
        forbidden = [CANARY, *secrets, '"value"', "value=", "comment"]
        assert not [word for word in forbidden if word.lower() in said.lower()]


async def test_no_secret_vote_comment_or_name_is_in_a_trace(
    watched: Measured, tenancy: Tenancy, collector: Collector
) -> None:
    secrets = await do_the_main_job(tenancy)
    await be_refused(watched.admin)
    assert watched.state.tracing is not None
    await watched.state.tracing.close()
    await asyncio.to_thread(collector.wait_for, lambda span: span.name.startswith("PUT ") and "votes" in span.name)
    said = b"".join(collector.bodies).decode("latin-1").lower()
    assert not [word for word in [CANARY, *secrets] if word.lower() in said]
    known = {"http.request.method", "http.route", "http.response.status_code", "fa.tenant_id", "fa.problem"}
    known |= {"db.system.name", "db.operation.name", "db.query.text", "error.type"}
    assert {name for span in collector.spans for name in span.attributes} <= known


async def test_a_line_names_the_key_the_tenant_the_client_and_the_size(
    watched: Measured, tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = await tenancy.key((Role.VIEWER, tenancy.root_id))
    answer = await reader.get("/v1/me")
    await asyncio.sleep(0.2)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "/v1/me" in line]
    wanted = {
        "tenant": str(tenancy.tenant_id),
        "key": str(tenancy.keys[-1]),
        "client": "127.0.0.1",
        "bytes": len(answer.content),
        "status": 200,
    }
    if line.startswith("{"):
        assert wanted.items() <= json.loads(line).items()
    else:
        assert not [name for name, value in wanted.items() if f" {name}={value} " not in line]


async def test_a_refused_request_is_logged_with_its_code_and_without_a_caller(
    watched: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    await Actor(watched.admin.http, "fa_nobody").get("/v1/me")
    await asyncio.sleep(0.2)
    [line] = [line for line in capsys.readouterr().out.splitlines() if "/v1/me" in line]
    if line.startswith("{"):
        fields = json.loads(line)
        assert (fields["problem"], fields["tenant"], fields["key"]) == ("unauthorized", None, None)
    else:
        assert " problem=unauthorized " in line
        assert " tenant= key= " in line
