"""Traces of real processes."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.collector import collecting
from tests.support.services import serving

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_service_sends_its_last_spans_before_it_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with collecting() as collector:
        with serving(folder / "data", FA_OTEL_ENDPOINT=collector.url, FA_WORKERS="2") as service:
            headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            assert httpx.get(f"{service.address}/healthz/live", headers=headers, trust_env=False).status_code == 200
            assert service.end(signal.SIGTERM) == 0
            assert service.err.read_text() == service.announcement
        assert collector.wait_for(lambda span: span.trace_id == TRACE).name == "GET /healthz/live"
