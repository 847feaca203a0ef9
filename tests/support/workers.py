"""Spreads the tests over the cores: file by file, and folders with expensive fixtures as a whole."""

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share a started service: one worker runs all of them.
TOGETHER = ("tests/demo/", "tests/embedded_postgres/", "tests/server/")
#: What takes longest, the longest first, so that no worker is left alone with it at the end.
FIRST = (
    "tests/state/",
    "tests/fuzz/",
    "tests/docs/test_page.py",
    "tests/backup/",
    "tests/server/",
    "tests/clients/",
    "tests/embedded_postgres/",
    "tests/faults/",
    "tests/demo/",
    "tests/access/test_access_matrix.py",
)


class ByPlace(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out whole files, and some folders as a whole; see --dist=loadfile."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


def put_longest_first(items: list[pytest.Item]) -> None:
    """Order the tests for several workers."""

    def rank(item: pytest.Item) -> int:
        return next((place for place, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    items.sort(key=rank)
