"""What the app sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from app.db.connection import Connection

#: The sealer works in the background, outside the context of the requests.
_IS_RECORDED = ContextVar("_IS_RECORDED", default=False)


@contextmanager
def record_statements(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the statements of requests that are made meanwhile, prepared ones and those of sessions."""
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

    with monkeypatch.context() as patched:
        for name in ("fetch", "fetch_one"):
            patched.setattr(Connection, name, recording(getattr(Connection, name)))
        event.listen(engine, "before_cursor_execute", record)
        before = _IS_RECORDED.set(True)
        yield sent
        _IS_RECORDED.reset(before)
        event.remove(engine, "before_cursor_execute", record)
