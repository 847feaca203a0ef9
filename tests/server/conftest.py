import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.settings import Settings
from tests.support.database import Urls
from tests.support.processes import open_folder
from tests.support.services import Service, serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command: its exit status, and what it said on stdout and stderr."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fa-readiness", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    for name in [f"FA_{field.upper()}" for field in Settings.model_fields] + ["FA_TEST_DATABASE_URL"]:
        monkeypatch.delenv(name, raising=False)
    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def given(urls: Urls, monkeypatch: pytest.MonkeyPatch, fa: Run) -> Run:
    """The command on the run's database."""
    monkeypatch.setenv("FA_DATABASE_URL", urls.service)
    if urls.separate:
        monkeypatch.setenv("FA_OWNER_DATABASE_URL", urls.owner)
    return fa


def made(done: tuple[int, str, str]) -> Any:
    status, out, err = done
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service after its very first start, for tests that only look or call."""
    with open_folder() as folder, serving(folder / "data") as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account can enter."""
    with open_folder() as path:
        yield path
