"""Every record is one line of the log, from any logger, and a failure shows its traceback only."""

import json
import logging
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from app import log
from app.settings import Settings

NASTY = 'two\nlines, "quotes" and key=value'


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root, ours = logging.getLogger(), logging.getLogger("fa")
    kept = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], root.level, ours.level = kept


def fail() -> None:
    """Log a failure as the last resort does."""
    try:
        raise RuntimeError(NASTY)
    except RuntimeError:
        logging.getLogger("fa.http").exception("unhandled", extra={"request_id": "r-1", "method": "GE T"})


def test_json_lines_hold_one_object_each(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"))
    fail()
    logging.getLogger("library").warning("odd: %s", NASTY)
    logging.getLogger("library").info("chatter")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["level"], first["event"], first["logger"]) == ("error", "unhandled", "fa.http")
    assert (first["request_id"], first["method"]) == ("r-1", "GE T")
    assert first["timestamp"].endswith("Z")
    assert first["exception"].endswith("builtins.RuntimeError")
    assert " in fail" in first["exception"]
    assert (second["level"], second["event"]) == ("warning", f"odd: {NASTY}")
    assert "request_id" not in second


def test_text_lines_quote_what_would_end_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="text"))
    logging.getLogger("library").warning(NASTY)
    fail()
    first, second = capsys.readouterr().out.splitlines()
    assert f" level=warning event={json.dumps(NASTY)} logger=library" in first
    assert ' level=error event=unhandled logger=fa.http method="GE T" request_id=r-1 exception="  File ' in second


def test_what_a_failure_says_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json"))
    comment = "my comment"
    refused = asyncpg.CheckViolationError(f"new row violates a check\nDETAIL:  Failing row contains (2, {comment}).")
    try:
        try:
            raise refused
        except asyncpg.CheckViolationError as error:
            raise DBAPIError("insert into votes", {"comment": comment}, error) from error
    except DBAPIError:
        logging.getLogger("fa.http").exception("unhandled")
    [line] = capsys.readouterr().out.splitlines()
    assert comment not in line
    lines = json.loads(line)["exception"]
    assert lines.index("asyncpg.exceptions.CheckViolationError (23514)") < lines.index("sqlalchemy.exc.DBAPIError")


@pytest.mark.parametrize("value", ["esc\x1b[2J", "bell\x07", "del\x7f", "nel\x85", "caf\xe9"])
def test_text_lines_hold_nothing_a_terminal_would_obey(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="text"))
    logging.getLogger("library").warning(value)
    assert f" event={json.dumps(value)} " in capsys.readouterr().out


@pytest.mark.parametrize(("level", "lines"), [("debug", ["ours"]), ("info", ["ours"]), ("warning", []), ("error", [])])
def test_our_lines_follow_the_level(level: str, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(log_format="json", log_level=level))
    logging.getLogger("fa.anything").info("ours")
    logging.getLogger("library").info("chatter")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == lines


def test_lines_of_requests_reach_a_pipe_in_whole_lines() -> None:
    lines = [f"{number:0300}\n" for number in range(40)]
    texts = list(log._joined(lines))
    assert "".join(texts) == "".join(lines)
    assert all(text.endswith("\n") and len(text) <= 4_096 for text in texts)
