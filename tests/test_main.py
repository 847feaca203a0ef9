"""The end of the app."""

from typing import Any

import pytest
from fastapi import FastAPI

from app.main import _Background


class Part:
    """A part of the app that fails at everything it does."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self.name, self.ended = name, ended

    async def run(self) -> None:
        raise OSError(self.name)

    def begin_stop(self) -> None:
        self.ended.append(self.name)

    async def close(self) -> None:
        self.ended.append(self.name)
        raise OSError(self.name)

    write = close


async def test_each_part_is_closed_though_the_others_fail() -> None:
    ended: list[str] = []
    names = ("tracing", "database", "sealer", "credential_uses", "sign_ins", "webhooks", "worker")
    parts: dict[str, Any] = {name: Part(name, ended) for name in names}
    with pytest.raises(OSError, match="tracing"):
        async with _Background(**parts, runs_jobs=True).run(FastAPI()):
            pass
    assert ended == ["worker", "webhooks", "credential_uses", "sign_ins", "sealer", "database", "tracing"]
