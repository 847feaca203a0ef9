"""What the app sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from app.db.connection import Connection
from tests.support.actors import Actor

#: The sealer and the workers use the same pool in the background, outside the context of the requests.
_IS_RECORDED = ContextVar("_IS_RECORDED", default=False)


@contextmanager
def record_statements(app: FastAPI) -> Iterator[list[str]]:
    """Yield the statements of requests that the caller makes meanwhile, prepared ones and those of sessions."""
    sent: list[str] = []
    engine = app.state.app_state.database.engine.sync_engine

    def record(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if _IS_RECORDED.get():
            sent.append(statement)

    def recording(method: Any) -> Any:
        async def run(self: Connection, sql: str, arguments: Any) -> Any:
            if _IS_RECORDED.get():
                sent.append(sql)
            return await method(self, sql, arguments)

        return run

    with pytest.MonkeyPatch.context() as patched:
        for name in ("fetch", "fetch_one"):
            patched.setattr(Connection, name, recording(getattr(Connection, name)))
        event.listen(engine, "before_cursor_execute", record)
        before = _IS_RECORDED.set(True)
        yield sent
        _IS_RECORDED.reset(before)
        event.remove(engine, "before_cursor_execute", record)


async def count_statements(actor: Actor, app: FastAPI, path: str) -> int:
    """Return how many statements a read takes whose credential has to be looked up."""
    app.state.app_state.authenticate.invalidate()
    with record_statements(app) as statements:
        answer = await actor.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return len(statements)
