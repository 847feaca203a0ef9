"""The shipped documents, a fresh copy for each test, and a way to spoil them."""

from collections.abc import Callable
from typing import Any

import pytest

from app.instruments.shipped import shipped_drivers, shipped_instruments, shipped_profiles

Document = dict[str, Any]
#: Sets what a path such as ("practices", 0, "title") leads to and returns the document; without a value, removes it.
Change = Callable[..., Document]


@pytest.fixture
def instrument() -> Document:
    return shipped_instruments()[0].document


@pytest.fixture
def drivers() -> Document:
    return shipped_drivers().document


@pytest.fixture
def profile() -> Document:
    return shipped_profiles()[0].document


@pytest.fixture
def change() -> Change:
    def at(document: Document, path: tuple[str | int, ...], *value: Any) -> Document:
        target: Any = document
        for step in path[:-1]:
            target = target[step]
        if value:
            target[path[-1]] = value[0]
        else:
            del target[path[-1]]
        return document

    return at
