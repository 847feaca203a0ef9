from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from app.http.context import AppState
from app.main import create_app
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.operations import operations_app
from tests.support.actors import Actor, Tenancy
from tests.support.collector import Collector, collecting


@dataclass
class Measured:
    """An app with metrics, a caller of it, and its operations listener."""

    app: FastAPI
    admin: Actor
    operations: httpx.AsyncClient

    @property
    def state(self) -> AppState:
        state: AppState = self.app.state.app_state
        return state

    @property
    def metrics(self) -> Metrics:
        assert self.state.metrics is not None
        return self.state.metrics

    async def text(self) -> str:
        """What a scrape returns."""
        answer = await self.operations.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    async def value(self, name: str, **labels: str) -> float | None:
        """The value of one series, or None where there is none."""
        for family in text_string_to_metric_families(await self.text()):
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return float(sample.value)
        return None


def client(app: object, name: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url=f"http://{name}", timeout=300)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that no proxy of the environment stands before."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with collecting() as running:
        yield running


@pytest.fixture
async def measured(settings: Settings, tenancy: Tenancy) -> AsyncIterator[Measured]:
    """An app of the test's own, because metrics count what a process did since its start."""
    app = create_app(settings.model_copy(update={"metrics_port": 0, "pool_size": 1, "pool_seconds": 0.05}))
    state: AppState = app.state.app_state
    assert state.metrics is not None
    listener = operations_app(state.metrics, state.database.health, lambda: False)
    async with client(app, "test") as http, client(listener, "operations") as operations:
        yield Measured(app, Actor(http, tenancy.admin.token), operations)
    await app.state.app_state.database.close()
