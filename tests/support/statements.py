"""What the app sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from app.db.connection import Connection


@contextmanager
def record_statements(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the statements that the app sends, prepared ones and those of sessions."""
    sent: list[str] = []
    engine = app.state.app_state.database.engine.sync_engine

    def record(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        sent.append(statement)

    def recording(method: Any) -> Any:
        async def run(self: Connection, sql: str, arguments: Any) -> Any:
            sent.append(sql)
            return await method(self, sql, arguments)

        return run

    with monkeypatch.context() as patched:
        for name in ("fetch", "fetch_one"):
            patched.setattr(Connection, name, recording(getattr(Connection, name)))
        event.listen(engine, "before_cursor_execute", record)
        yield sent
        event.remove(engine, "before_cursor_execute", record)
