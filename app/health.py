"""Liveness and readiness of the process, for whoever operates it."""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy import text

from app.db.schema.migrate import head
from app.db.statement import Read as Statement
from app.errors import AppError, Unavailable
from app.http.context import AppState, check_query
from app.http.responses import JSON, to_bytes
from app.schemas import Read

router = APIRouter(prefix="/healthz", tags=["health"], dependencies=[Depends(check_query)])
_REVISION = Statement(text("select version_num from alembic_version"))


class Live(Read):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"]


class Ready(Read):
    """The process can serve: the database answers and has this release's schema."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ready", "revision": "0001"}]})

    status: Literal["ready"]
    revision: str = Field(description="The schema's revision.")


@router.get("/live", response_model=Live)
async def get_liveness() -> Response:
    """Say that the process answers; touches nothing."""
    return Response(b'{"status":"live"}', media_type=JSON)


@router.get("/ready", response_model=Ready)
async def get_ready_state(request: Request) -> Response:
    """Say whether the database answers and its schema is this release's."""
    service: AppState = request.app.state.app_state
    try:
        row = await service.database.reads.fetch_one(_REVISION)
    except AppError:
        raise
    except Exception:
        raise Unavailable("The database does not answer.") from None
    if row is None or row["version_num"] != head():
        raise Unavailable("The database's schema is not this release's; run fa-readiness migrate.")
    return Response(to_bytes(Ready(status="ready", revision=row["version_num"])), media_type=JSON)
