"""A BambooHR on loopback, and a connector that pulls from it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.actors import Actor, Tenancy
from tests.support.connectors import (
    CONNECTORS,
    BambooServer,
    a_connector,
    pulling,
)


@pytest.fixture
async def bamboo(tenancy: Tenancy) -> AsyncIterator[BambooServer]:
    """A BambooHR with a coach and her manager, and a worker that pulls from it."""
    async with BambooServer() as made, pulling(tenancy, made):
        made.put("1", jobTitle="Coach", department="North", hireDate="2024-03-01", supervisorEId="2")
        made.put("2", firstName="Max", lastName="Boss", workEmail="max@agency.example", supervisorEId=None)
        yield made


@pytest.fixture
async def connector(tenancy: Tenancy, admin: Actor, bamboo: BambooServer) -> dict[str, Any]:
    """A connector that places people by their department."""
    settings = bamboo.settings(organization_field="department", leave_statuses=["Parental leave"])
    return await admin.made(CONNECTORS, a_connector(tenancy.root_id, settings=settings))
