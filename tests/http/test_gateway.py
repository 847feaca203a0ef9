"""What the gateway does not implement goes through the framework, behind the same authentication and limits."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from starlette.background import BackgroundTask

from app.db.transaction import Tx
from app.http.context import ContextDep
from app.http.needs import BodyKind, Needs, needs
from app.http.write import write
from app.main import create_app
from app.schemas import Body
from app.settings import Settings
from tests.http.conftest import Serve, caller
from tests.support.actors import Actor


class Colour(Body):
    name: str


async def refuse() -> None:
    raise HTTPException(418)


async def test_the_dependencies_of_a_router_run(serve: Serve, admin: Actor) -> None:
    router = APIRouter(dependencies=[Depends(refuse)])

    @router.get("/v1/odd")
    async def odd(context: ContextDep) -> Response:
        """Answer nothing."""
        return Response()

    answer = await caller(await serve(router), admin.token).get("/v1/odd")
    assert (answer.status_code, answer.json()["code"]) == (418, "http_418")


async def test_authentication_stands_before_what_the_framework_serves(serve: Serve) -> None:
    ran: list[bool] = []
    router = APIRouter(dependencies=[Depends(lambda: ran.append(True))])

    @router.post("/v1/odd")
    async def odd(request: Request) -> Response:
        """Answer nothing."""
        return Response(await request.body())

    answer = await caller(await serve(router), "").post("/v1/odd", {"a": 1})
    assert (answer.status_code, answer.json()["code"], ran) == (401, "unauthorized", [])


async def pieces() -> AsyncIterator[bytes]:
    for piece in (b"one ", b"two ", b"three"):
        await asyncio.sleep(0)
        yield piece


@pytest.mark.parametrize("annotation", [Response, StreamingResponse])
async def test_a_streaming_response_is_delivered(serve: Serve, admin: Actor, annotation: Any) -> None:
    router = APIRouter()

    async def odd(context: ContextDep) -> Response:
        """Stream."""
        return StreamingResponse(pieces(), media_type="text/plain")

    odd.__annotations__["return"] = annotation
    router.add_api_route("/v1/odd", odd)
    answer = await caller(await serve(router), admin.token).get("/v1/odd")
    assert (answer.status_code, answer.text) == (200, "one two three")
    assert answer.headers["cache-control"] == "no-store"
    assert "x-request-id" in answer.headers


async def test_a_background_task_of_a_response_runs(serve: Serve, admin: Actor) -> None:
    ran: list[bool] = []
    router = APIRouter()

    @router.get("/v1/odd")
    async def odd(context: ContextDep) -> Response:
        """Answer, then work."""
        return Response(b"{}", background=BackgroundTask(ran.append, True))

    answer = await caller(await serve(router), admin.token).get("/v1/odd")
    assert (answer.content, ran) == (b"{}", [True])


async def test_background_tasks_that_are_injected_run(serve: Serve, admin: Actor) -> None:
    ran: list[bool] = []
    router = APIRouter()

    @router.get("/v1/odd")
    async def odd(context: ContextDep, tasks: BackgroundTasks) -> Response:
        """Answer, then work."""
        tasks.add_task(ran.append, True)
        return Response(b"{}")

    assert (await caller(await serve(router), admin.token).get("/v1/odd")).status_code == 200
    assert ran == [True]


@pytest.mark.parametrize(
    ("status", "code"), [(404, "not_found"), (409, "conflict"), (418, "http_418"), (429, "http_429"), (507, "http_507")]
)
async def test_an_http_exception_keeps_its_status_and_its_headers(
    serve: Serve, admin: Actor, status: int, code: str
) -> None:
    router = APIRouter()

    @router.get("/v1/odd")
    async def odd(context: ContextDep) -> Response:
        """Refuse."""
        raise HTTPException(status, "secret", headers={"Retry-After": "7"})

    answer = await caller(await serve(router), admin.token).get("/v1/odd")
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert answer.headers["retry-after"] == "7"
    assert "secret" not in answer.text


async def test_a_model_that_is_returned_is_rendered(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    @router.post("/v1/odd", response_model=Colour)
    async def odd(context: ContextDep, body: Colour) -> Colour:
        """Answer what was sent."""
        return body

    answer = await caller(await serve(router), admin.token).post("/v1/odd", {"name": "red"})
    assert (answer.status_code, answer.json()) == (200, {"name": "red"})


async def test_a_query_parameter_of_another_name_is_bound(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    @router.get("/v1/odd")
    async def odd(context: ContextDep, shade: Annotated[str, Query(alias="colour")]) -> Response:
        """Answer what was asked for."""
        return Response(shade)

    answer = await caller(await serve(router), admin.token).get("/v1/odd?colour=red")
    assert answer.text == "red"


class Shout:
    """A middleware that a test adds to the app."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def louder(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-loud", b"yes"))
            await send(message)

        await self.app(scope, receive, louder)


async def test_a_layer_of_the_app_runs_for_every_route(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    @router.get("/v1/odd")
    async def odd(context: ContextDep) -> Response:
        """Answer nothing."""
        return Response(b"{}")

    app = await serve(router)
    app.add_middleware(Shout)
    assert (await caller(app, admin.token).get("/v1/odd")).headers["x-loud"] == "yes"
    assert (await caller(app, "").get("/v1/odd")).status_code == 401


def test_an_operation_that_is_not_in_the_table_refuses_to_start(settings: Settings) -> None:
    router = APIRouter()

    @router.get("/v1/odd")
    async def undecided(context: ContextDep) -> Response:
        """Answer nothing."""
        return Response()

    with pytest.raises(LookupError, match="undecided"):
        create_app(settings, routers=(router,))


async def test_a_public_route_needs_no_credential(serve: Serve) -> None:
    router = APIRouter()

    @router.post("/v1/odd")
    async def odd(request: Request) -> Response:
        """Answer what was sent."""
        return Response(json.dumps(request.scope["json"]))

    answer = await caller(await serve(router, public=True), "").post("/v1/odd", {"a": 1})
    assert (answer.status_code, answer.json()) == (200, {"a": 1})


async def test_a_route_has_a_size_of_its_own(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    @router.post("/v1/odd")
    @needs(Needs(max_bytes=20))
    async def odd(context: ContextDep, body: Colour) -> Response:
        """Answer nothing."""
        return Response()

    actor = caller(await serve(router), admin.token)
    assert (await actor.post("/v1/odd", {"name": "red"})).status_code == 200
    assert (await actor.post("/v1/odd", {"name": "r" * 20})).status_code == 413


def streaming() -> APIRouter:
    router = APIRouter()

    @router.post("/v1/odd")
    @needs(Needs(body=BodyKind.STREAM, max_bytes=1_000))
    async def odd(context: ContextDep) -> Response:
        """Count the body's bytes."""
        return Response(str(sum([len(piece) async for piece in context.stream()])))

    return router


async def pieces_of(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100):
        yield b"x" * 100


async def test_a_route_reads_a_stream_of_any_media_type(serve: Serve, admin: Actor) -> None:
    actor = caller(await serve(streaming()), admin.token)
    answer = await actor.call("POST", "/v1/odd", content=pieces_of(900), headers={"Content-Type": "text/csv"})
    assert answer.text == "900"


async def test_a_stream_is_bounded(serve: Serve, admin: Actor) -> None:
    actor = caller(await serve(streaming()), admin.token)
    answer = await actor.call("POST", "/v1/odd", content=pieces_of(1_100))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_request_has_a_deadline_and_a_route_one_of_its_own(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    @router.get("/v1/odd")
    @needs(Needs(seconds=0.05))
    async def odd(context: ContextDep) -> Response:
        """Wait for good."""
        await asyncio.Event().wait()
        return Response()

    answer = await caller(await serve(router), admin.token).get("/v1/odd")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_write_that_loses_to_others_each_time_leaves_a_log_line(
    serve: Serve, admin: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    router = APIRouter()

    async def lose(tx: Tx) -> None:
        await tx.session.execute(text("do $$ begin raise 'two at once' using errcode = '40001'; end $$"))

    @router.post("/v1/odd")
    async def odd(context: ContextDep) -> Response:
        """Lose to others."""
        return await write(context, lose)

    caplog.set_level(logging.WARNING, "fa.database")
    answer = await caller(await serve(router), admin.token).post("/v1/odd")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    [line] = [record.getMessage() for record in caplog.records if record.name == "fa.database"]
    assert line == "database_busy: SerializationError 40001: two at once"


async def test_an_answer_that_streams_outlives_the_deadline(serve: Serve, admin: Actor) -> None:
    router = APIRouter()

    async def slowly() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.4)
        yield b"late"

    @router.get("/v1/odd")
    @needs(Needs(streams=True))
    async def odd(context: ContextDep) -> Response:
        """Stream slowly."""
        return StreamingResponse(slowly())

    app: FastAPI = await serve(router, request_seconds=0.2)
    assert (await caller(app, admin.token).get("/v1/odd")).text == "late"
