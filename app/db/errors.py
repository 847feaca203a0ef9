"""What a failure of the database means: to the caller, and to whoever might try again."""

import asyncpg

from app.errors import AppError, Conflict, Invalid, Unavailable

# Serialization failure and deadlock.
_AGAIN = frozenset({"40001", "40P01"})
_BUSY_CODES = frozenset({"57014", "55P03"})
_BUSY_CLASSES = frozenset({"08", "53", "57"})
_DATA_CLASS = "22"


class AlreadyExists(Conflict):
    code = "already_exists"
    title = "There is one already"


class InUse(Conflict):
    code = "in_use"
    title = "Other records refer to this one, or one it refers to is gone"


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of a failure, or an empty string; whether SQLAlchemy or the driver raised it."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def may_try_again(error: BaseException) -> bool:
    """Whether the whole transaction may be tried again: it lost to others, or a table has another shape by now."""
    # SQLAlchemy wraps the driver's error twice, and the second wrapper forgets what it was.
    wrapped = getattr(getattr(error, "orig", None), "__cause__", None)
    anew = asyncpg.InvalidCachedStatementError
    return sqlstate(error) in _AGAIN or isinstance(error, anew) or isinstance(wrapped, anew)


def of_database(error: BaseException) -> AppError | None:
    """What a database failure means to the caller; None where it is a fault of ours."""
    state = sqlstate(error)
    if state == "23505":
        return AlreadyExists()
    if state in {"23503", "23001"}:
        return InUse()
    if state[:2] == _DATA_CLASS:
        return Invalid("A value cannot be stored as it was sent.")
    if state in _AGAIN | _BUSY_CODES or state[:2] in _BUSY_CLASSES or not state:
        return Unavailable("The database is busy or restarting. Try again; send a POST with the same Idempotency-Key.")
    return None


#: What a read can fail with: the driver's errors, a refused or lost connection, a connection that is not made in time.
OF_READS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
