"""The modes of a run, and the tests that belong to some of them only.

A test that does not apply to the mode is deselected. A skip says that something was not tested that should have been.
"""

import asyncio
import os
from functools import cache

import asyncpg
import pytest

MARKERS = (
    "with_pooler: the test needs a pooler before the database, as make test-pgbouncer has",
    "without_pooler: the test needs a connection for each session of the service",
    "postgres(version): the test needs this major version of PostgreSQL, or a newer one",
    "two_logins: the test needs separate logins of the owner and the service, which a given server does not have",
)
_NEWEST = 99


@cache
def _server_version() -> int:
    """Return the major version of the server of this run."""
    given = os.environ.get("FA_TEST_DATABASE_URL")
    return asyncio.run(_ask(given)) if given else int(os.environ.get("FA_TEST_POSTGRES") or _NEWEST)


async def _ask(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        major: int = connection.get_server_version().major
        return major
    finally:
        await connection.close()


def _applies(item: pytest.Item) -> bool:
    has_pooler = bool(os.environ.get("FA_TEST_POOLER"))
    return (
        (has_pooler or item.get_closest_marker("with_pooler") is None)
        and not (has_pooler and item.get_closest_marker("without_pooler"))
        and not ("FA_TEST_DATABASE_URL" in os.environ and item.get_closest_marker("two_logins"))
        and all(_server_version() >= mark.args[0] for mark in item.iter_markers("postgres"))
    )


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that do not apply to the mode of this run."""
    left_out = [item for item in items if not _applies(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
