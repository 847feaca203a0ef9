"""The storage keeps the contract of the library that reads and writes through it."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from scim2_models import ScimProvider
from scim2_server.storage import AsyncScimStorage, SearchPage
from scim2_server.testing import SEARCH_FILTERS, SEARCH_USERS, AsyncScimStorageContract
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.integrations.scim.resources import create_provider
from app.integrations.scim.store import PeopleStore
from app.provisioning import create_tenant, operators_transaction
from tests.support.database import Urls
from tests.support.scim import provisioner_of

#: An instant is compared, not searched.
REFUSED_FILTERS = {'meta.created co "20"'}


def connect(urls: Urls) -> AsyncEngine:
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))


class CommittingStore(AsyncScimStorage):
    """Runs each call in a transaction of its own, in the loop of the caller."""

    def __init__(self, urls: Urls, tenant_id: UUID, root_id: UUID) -> None:
        self._urls = urls
        self._principal = provisioner_of(tenant_id, root_id)

    async def _run(self, method: str, *args: Any, **kwargs: Any) -> Any:
        engine = connect(self._urls)
        try:
            async with operators_transaction(engine, self._principal.tenant_id) as tx:
                tx.principal = self._principal
                store = PeopleStore(tx, writes=method in {"create", "update", "delete"})
                return await getattr(store, method)(*args, **kwargs)
        finally:
            await engine.dispose()

    async def get(self, *args: Any, response_parameters: Any = None) -> Any:
        return await self._run("get", *args, response_parameters=response_parameters)

    async def search(self, *args: Any, position: Any = None) -> SearchPage:
        page: SearchPage = await self._run("search", *args, position=position)
        return page

    async def create(self, *args: Any) -> Any:
        return await self._run("create", *args)

    async def update(self, *args: Any, expected_version: str | None = None) -> Any:
        return await self._run("update", *args, expected_version=expected_version)

    async def delete(self, *args: Any, expected_version: str | None = None) -> None:
        await self._run("delete", *args, expected_version=expected_version)


@pytest.fixture(scope="module")
def place(urls: Urls) -> tuple[UUID, UUID]:
    """A tenant and its root, for all tests of this file."""

    async def make() -> tuple[UUID, UUID]:
        engine = connect(urls)
        tenant, root, _ = await create_tenant(engine, slug=f"t-{uuid4().hex[:16]}", name="Contract")
        await engine.dispose()
        return tenant.id, root.id

    return asyncio.run(make())


class TestPeopleStore(AsyncScimStorageContract):
    """The contract, on the resources that are served, without the optional sorting and cursors."""

    test_search_sorted: Any = None
    test_search_sorts_as_search_request_sort: Any = None
    test_cursor_pages_every_resource_once: Any = None
    test_cursor_pages_in_sort_order: Any = None
    test_cursor_pages_equal_sort_values_once: Any = None
    test_cursor_pages_back: Any = None
    test_cursor_gives_stable_pages_when_a_resource_of_the_page_is_deleted: Any = None
    test_cursor_gives_stable_pages_when_a_resource_is_created: Any = None
    test_cursor_pages_back_after_a_deletion: Any = None
    test_cursor_with_count_zero: Any = None
    test_cursor_at_the_root: Any = None

    @pytest.mark.parametrize("scim_filter", [one for one in SEARCH_FILTERS if one not in REFUSED_FILTERS])
    def test_search_filters_as_the_filter_evaluator(
        self, storage: Any, provider: ScimProvider, user_type: Any, user_model: Any, scim_filter: str
    ) -> None:
        super().test_search_filters_as_the_filter_evaluator(storage, provider, user_type, user_model, scim_filter)

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return create_provider()

    @pytest.fixture(autouse=True)
    def _policy(self, provider: ScimProvider) -> Iterator[None]:
        # What is not declared is dropped, as in a request.
        with provider:
            yield

    @pytest.fixture
    def async_storage(self, urls: Urls, place: tuple[UUID, UUID]) -> Iterator[AsyncScimStorage]:
        yield CommittingStore(urls, *place)
        asyncio.run(self._empty(urls, place[0]))

    @staticmethod
    async def _empty(urls: Urls, tenant_id: UUID) -> None:
        engine = connect(urls)
        async with engine.begin() as connection:
            await connection.execute(text("delete from scim_groups where tenant_id = :tenant"), {"tenant": tenant_id})
            await connection.execute(text("delete from scim_users where tenant_id = :tenant"), {"tenant": tenant_id})
        await engine.dispose()

    def search_users(self) -> list[dict[str, Any]]:
        # A blank title is none here.
        return [{name: value for name, value in one.items() if value != ""} for one in SEARCH_USERS]
