"""The meaning of database failures for the caller, the pool and the operator."""

from collections.abc import Callable
from enum import StrEnum

import asyncpg
from sqlalchemy.exc import DBAPIError

from app.errors import AppError, Conflict, Invalid, Unavailable

#: Everything that the database, the driver or the network below it raises. A connection that is not made in time is
#: a TimeoutError, which is an OSError.
DATABASE_ERRORS = (
    DBAPIError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


class AlreadyExists(Conflict):
    code = "already_exists"
    title = "There is one already"


class InUse(Conflict):
    code = "in_use"
    title = "Other records refer to this one, or one it refers to is gone"


class Reason(StrEnum):
    """The reason the database does not serve. The values are stable and safe to publish."""

    UNREACHABLE = "database_unreachable"
    REFUSED = "database_refused"
    READ_ONLY = "database_read_only"
    SCHEMA = "schema_mismatch"
    BUSY = "database_busy"
    FAILING = "database_failing"


#: What a caller is advised. Only a lost commit leaves the outcome open.
_DETAILS = {
    Reason.UNREACHABLE: "The database cannot be reached or is restarting. Nothing was changed; try again.",
    Reason.REFUSED: "The database does not let the service work at present. Nothing was changed; try again later.",
    Reason.READ_ONLY: "The database takes no changes at present. Nothing was changed; try again later.",
    Reason.SCHEMA: "The database's schema is not this release's. Nothing was changed; try again later.",
    Reason.BUSY: "The database is busy. Nothing was changed; try again.",
    Reason.FAILING: "The database server has a problem. Nothing was changed; try again later.",
}
_OUTCOME_UNKNOWN = (
    "The database was lost during the commit, so the change may or may not have been made. "
    "Repeat a POST with the same Idempotency-Key; read a resource again before you change it."
)
_SECONDS_TO_WAIT = {Reason.UNREACHABLE: 1, Reason.BUSY: 1}
_SECONDS_TO_WAIT_FOR_OPERATOR = 10

#: The meaning of each SQLSTATE. The longest prefix decides; a state that is not listed is a fault of the service.
_MEANINGS: dict[str, Reason | Callable[[], AppError]] = {
    "23505": AlreadyExists,
    "23503": InUse,
    "23001": InUse,
    "22": lambda: Invalid("A value cannot be stored as it was sent."),
    "25006": Reason.READ_ONLY,
    "25P03": Reason.BUSY,
    "25P04": Reason.BUSY,
    "40": Reason.BUSY,
    "55P03": Reason.BUSY,
    "57014": Reason.BUSY,
    "08": Reason.UNREACHABLE,
    "57": Reason.UNREACHABLE,
    "0A": Reason.REFUSED,
    "28": Reason.REFUSED,
    "3D": Reason.REFUSED,
    "42501": Reason.REFUSED,
    "3F": Reason.SCHEMA,
    "42P01": Reason.SCHEMA,
    "42703": Reason.SCHEMA,
    "53": Reason.FAILING,
    "58": Reason.FAILING,
    "F0": Reason.FAILING,
    "XX": Reason.FAILING,
}
#: A refusal by a policy has the SQLSTATE of a missing privilege. The names of the server's functions differ, in any
#: language that it reports in. Privileges are the operator's; a row that a policy refuses is a fault of the service.
_REFUSED_BY_POLICY = frozenset({"ExecWithCheckOptions", "check_enable_rls"})
_SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})
_ANOTHER_SHAPE = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
_LAST_WORDS = frozenset({"FATAL", "PANIC"})


def get_cause(error: BaseException) -> BaseException:
    """Return the driver's own error, whether SQLAlchemy wrapped it or not."""
    wrapped = getattr(error, "orig", None)
    return error if wrapped is None else wrapped.__cause__ or wrapped


def get_sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a failure, or an empty string."""
    return str(getattr(get_cause(error), "sqlstate", None) or "")


def may_try_again(error: BaseException) -> bool:
    """Return whether the whole transaction may run again: after a conflict, or after a table changed its shape."""
    return get_sqlstate(error) in _SERIALIZATION_FAILURES or is_of_another_shape(error)


def is_of_another_shape(error: BaseException) -> bool:
    """Return whether a table changed its shape after the statement was prepared."""
    return isinstance(get_cause(error), _ANOTHER_SHAPE)


def may_run_again(error: BaseException) -> bool:
    """Return whether a statement that begins a use of a connection did not run, so that it may run again."""
    return is_connection_lost(error) or isinstance(error, asyncpg.InvalidCachedStatementError)


def is_connection_lost(error: BaseException) -> bool:
    """Return whether this failure is the end of its connection, however the driver noticed."""
    cause = get_cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        state = get_sqlstate(cause)
        return getattr(cause, "severity_en", None) in _LAST_WORDS or state[:2] == "08" or state[:3] == "57P"
    return isinstance(error, DATABASE_ERRORS) and not isinstance(cause, asyncpg.DataError)


def leaves_connection_usable(error: BaseException) -> bool:
    """Return whether the connection can serve others after this failure.

    A server that has become read-only is left as well: the next connection may find the one that takes writes.
    """
    cause = get_cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        return not is_connection_lost(cause) and get_reason(cause) is not Reason.READ_ONLY
    return isinstance(cause, asyncpg.DataError)


def get_reason(error: BaseException) -> Reason | None:
    """Return the reason the database did not serve, or None if the request or the service is at fault."""
    meaning = _get_meaning(error)
    return meaning if isinstance(meaning, Reason) else None


def to_app_error(error: BaseException) -> AppError | None:
    """Translate a database failure for the caller; None if it is a fault of the service."""
    meaning = _get_meaning(error)
    if meaning is None:
        return None
    return unavailable(meaning) if isinstance(meaning, Reason) else meaning()


def unavailable(reason: Reason) -> Unavailable:
    """Return the error of a database that does not serve for this reason."""
    seconds = _SECONDS_TO_WAIT.get(reason, _SECONDS_TO_WAIT_FOR_OPERATOR)
    return Unavailable(_DETAILS[reason], retry_after=seconds, reason=reason)


def out_of_time() -> Unavailable:
    """Return the error of a database that did not answer before the deadline."""
    return Unavailable(
        "The database did not answer in time. Nothing was changed; try again.", reason=Reason.UNREACHABLE
    )


def outcome_unknown() -> Unavailable:
    """Return the error of a commit whose reply was lost."""
    return Unavailable(_OUTCOME_UNKNOWN, reason=Reason.UNREACHABLE)


def _get_meaning(error: BaseException) -> Reason | Callable[[], AppError] | None:
    cause = get_cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        state = get_sqlstate(cause)
        if getattr(cause, "server_source_function", None) in _REFUSED_BY_POLICY:
            return None
        return next((_MEANINGS[state[:end]] for end in range(len(state), 1, -1) if state[:end] in _MEANINGS), None)
    if isinstance(cause, asyncpg.DataError):
        return _MEANINGS["22"]
    return Reason.UNREACHABLE if is_connection_lost(error) else None
