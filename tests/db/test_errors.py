"""What each failure of the database means, and what the log says of it."""

import logging

import asyncpg
import pytest

from app.db.errors import AlreadyExists, InUse, Reason, get_reason, is_connection_lost, may_try_again, to_app_error
from app.db.failures import FailureLog
from app.errors import AppError, Invalid, Unavailable


def failure(state: str, severity: str = "ERROR") -> asyncpg.PostgresError:
    """Return what the driver raises for a SQLSTATE."""
    made: asyncpg.PostgresError = asyncpg.PostgresError.new({"S": severity, "V": severity, "C": state, "M": "so"})
    return made


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("08006", Reason.UNREACHABLE),
        ("57P01", Reason.UNREACHABLE),
        ("57P03", Reason.UNREACHABLE),
        ("28P01", Reason.REFUSED),
        ("28000", Reason.REFUSED),
        ("3D000", Reason.REFUSED),
        ("42501", Reason.REFUSED),
        ("0A000", Reason.REFUSED),
        ("25006", Reason.READ_ONLY),
        ("42P01", Reason.SCHEMA),
        ("3F000", Reason.SCHEMA),
        ("40001", Reason.BUSY),
        ("55P03", Reason.BUSY),
        ("57014", Reason.BUSY),
        ("25P04", Reason.BUSY),
        ("53100", Reason.FAILING),
        ("53300", Reason.FAILING),
        ("58030", Reason.FAILING),
        ("F0001", Reason.FAILING),
        ("XX001", Reason.FAILING),
    ],
)
def test_a_failure_of_the_environment_is_unavailable_with_a_reason(state: str, reason: Reason) -> None:
    error = to_app_error(failure(state))
    assert type(error) is Unavailable
    assert error.reason == reason
    assert int(error.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("state", "kind"), [("23505", AlreadyExists), ("23503", InUse), ("23001", InUse), ("22003", Invalid)]
)
def test_a_failure_of_the_request_is_the_callers(state: str, kind: type[AppError]) -> None:
    assert type(to_app_error(failure(state))) is kind
    assert get_reason(failure(state)) is None


@pytest.mark.parametrize("error", [failure("42601"), failure("23502"), failure("P0001"), ValueError()])
def test_an_unknown_failure_is_a_fault_of_the_service(error: Exception) -> None:
    assert to_app_error(error) is None


@pytest.mark.parametrize(
    "error",
    [
        failure("57P01", "FATAL"),
        failure("25P03", "FATAL"),
        failure("08003"),
        asyncpg.InternalClientError("got an unexpected message"),
        asyncpg.InterfaceError("the underlying connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_every_lost_connection_is_known_as_lost(error: Exception) -> None:
    assert is_connection_lost(error)
    assert isinstance(to_app_error(error), Unavailable)


@pytest.mark.parametrize("error", [failure("23505"), failure("57014"), asyncpg.DataError("value out of range")])
def test_a_failed_statement_is_not_a_lost_connection(error: Exception) -> None:
    assert not is_connection_lost(error)


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_transaction_that_lost_to_another_may_run_again(state: str) -> None:
    assert may_try_again(failure(state))


def test_a_cause_is_logged_once_a_minute_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "fa")
    clock: list[float] = [0.0]
    log = FailureLog(lambda: clock[0])

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    for _ in range(3):
        log.record(failure("53100"), Reason.FAILING)
    log.record(failure("57P03"), Reason.UNREACHABLE)
    assert lines() == [
        "database_failing: DiskFullError 53100: so",
        "database_unreachable: CannotConnectNowError 57P03: so",
    ]
    clock[0] = 61.0
    log.record(failure("53100"), Reason.FAILING)
    assert lines()[2:] == ["database_failing: DiskFullError 53100: so (2 more since the last line)"]
