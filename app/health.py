"""Liveness and readiness of the process, for its operators and their load balancers."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ConfigDict, Field

from app.errors import Unavailable
from app.http.context import AppState, check_query
from app.http.problems import problems
from app.http.responses import JSON, to_bytes
from app.schemas import ResponseModel

router = APIRouter(prefix="/healthz", tags=["health"], dependencies=[Depends(check_query)])


class NotReady(Unavailable):
    code = "not_ready"
    title = "The service is not ready"


class Live(ResponseModel):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"]
    """Always `live`."""


class Ready(ResponseModel):
    """The process can serve: the database answers and has this release's schema."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ready", "revision": "0001"}]})

    status: Literal["ready"]
    """Always `ready`; otherwise the answer is 503."""
    revision: str = Field(description="The schema's revision.")


@router.get("/live", response_model=Live)
async def get_liveness() -> Response:
    """Report that the process answers.

    Call it to decide whether to restart the process. It needs no credentials and does not touch the database, so it
    answers 200 while the database is unavailable. Use `/healthz/ready` to decide whether to send requests here.
    """
    return Response(b'{"status":"live"}', media_type=JSON)


@router.get("/ready", response_model=Ready, responses=problems(NotReady))
async def get_ready_state(request: Request) -> Response:
    """Report whether the service can serve requests.

    Call it to decide whether to send requests to this process. The database must answer, have this release's schema,
    take changes and let the service work on its tables. Otherwise the answer is 503 `not_ready`, whatever is wrong:
    operators find the reason in the log and on the operations listener. While the service stops the answer is 503 too.
    It still serves requests, the last one on each connection, for as long as `FA_DRAIN_SECONDS` says. The answer is at
    most a second old and does not wait behind other requests.
    """
    app_state: AppState = request.app.state.app_state
    if getattr(request.state, "draining", False):
        raise NotReady("The service does not take requests at present.")
    health = await app_state.database.health.get()
    if health.reason is not None:
        raise NotReady("The service does not take requests at present.")
    return Response(to_bytes(Ready(status="ready", revision=health.revision)), media_type=JSON)
