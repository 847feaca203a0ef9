"""The day it is in a time zone, for Python and for PostgreSQL.

Both know time zones by name, each from its database. `check_zone` takes only names that both know, so a stored
name is known unless a server was replaced by one with an older database. The day then counts in UTC: a row with such a
name must not fail the list it is on.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, SQLColumnExpression, Text, bindparam, exists, func, select
from sqlalchemy.sql import column, table

from app.db.statement import Read, Reader
from app.errors import FieldError, Invalid

_KNOWN = Read(
    select(
        exists()
        .select_from(table("pg_timezone_names", column("name")))
        .where(column("name") == bindparam("name", type_=Text()))
        .label("known")
    )
)


class UnknownTimezone(Invalid):
    code = "unknown_timezone"
    title = "The database server does not know this time zone"


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # An unknown name is a KeyError too, but a malformed one is not.
        return ZoneInfo("UTC")
    except KeyError:
        return ZoneInfo("UTC")


def day_in(zone: str, instant: datetime) -> date:
    """Return the date at an instant in a time zone."""
    return instant.astimezone(zone_of(zone)).date()


def sql_day_in(zone: Any, instant: Any) -> SQLColumnExpression[date]:
    """Return `day_in` as an SQL expression."""
    return func.day_in_zone(zone, instant, type_=Date())


async def check_zone(reader: Reader, name: str | None) -> None:
    """Refuse a time zone that PostgreSQL does not know; the schemas check that Python knows it.

    Args:
        name: None: none was sent.

    Raises:
        UnknownTimezone: the server has no zone of this name.
    """
    if name is None:
        return
    row = await reader.fetch_one(_KNOWN, name=name)
    if row is None or not row["known"]:
        error = FieldError("/body/timezone", "unknown_timezone", "The database server does not know this time zone")
        raise UnknownTimezone(errors=[error])
