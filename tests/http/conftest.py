"""An app with routes that a test defines, behind the gateway."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from app.access.operations import OPERATIONS, Access
from app.main import create_app
from app.settings import Settings
from tests.support.actors import Actor

Serve = Callable[..., Awaitable[FastAPI]]


@pytest.fixture
async def serve(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """Build an app of one router; every operation in it is open to any caller, or public."""
    async with AsyncExitStack() as stack:

        async def build(router: APIRouter, *, public: bool = False, **changed: Any) -> FastAPI:
            for route in router.routes:
                name = route.name.replace("_", "")  # type: ignore[attr-defined]
                monkeypatch.setitem(OPERATIONS, name, Access(anyone=not public, public=public))
            app = create_app(settings.model_copy(update=changed), routers=(router,))
            stack.push_async_callback(app.state.app_state.database.close)
            return app

        yield build


def caller(app: FastAPI, token: str) -> Actor:
    """Return a caller of an app that a test built."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return Actor(httpx.AsyncClient(transport=transport, base_url="http://test"), token)
