"""The lists that can be exported: every route that answers pages, read page by page through the route itself.

An export calls the function of the list's route again and again, as a caller would who follows the cursor. So it has
the filters, the rights and the hidden fields of the list, and a new list can be exported as soon as it has a route.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self, get_args
from urllib.parse import unquote, urlencode

import msgspec
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import BaseRoute

from app.db.deadline import RequestDeadline
from app.errors import AppError, FieldError, Invalid
from app.exports.errors import InvalidFilters, UnknownList
from app.exports.rosters import RosterItem, to_roster
from app.exports.trees import TreeItem, to_tree
from app.http.context import AppState, RequestContext
from app.http.query import parse_query
from app.http.route_index import Plan, RouteIndex
from app.principal import Principal

#: The largest page of every list.
_ROWS: Final = 200
#: What pages a list. An export has no pages.
_OF_PAGES: Final = frozenset({"limit", "cursor", "wait"})
#: How a caller reads on: the parameter, by the field of the page that has its value.
_FOLLOWING: Final = {"next_cursor": "cursor", "next_after": "after"}


class _Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next_cursor: str | None = None
    next_after: str | None = None
    has_more: bool = False


#: By the operation of a list that can be imported again: the model of an item, and the function that makes such items.
_IMPORTABLE: Final[Mapping[str, tuple[type[BaseModel], Callable[..., Awaitable[list[bytes]]]]]] = {
    "listPeople": (RosterItem, to_roster),
    "listOrganizations": (TreeItem, to_tree),
}
_read_page = msgspec.json.Decoder(_Page).decode


@dataclass(frozen=True, slots=True)
class ListAddress:
    """A list and its filters.

    Attributes:
        path: such as ``/v1/people``.
        filters: the query parameters in the order sent.
        model: of one item.
        parameter: the query parameter that reads on.
        source: items are shown as an import of this source reads them; None: as the list has them.
    """

    path: str
    filters: tuple[tuple[str, str], ...]
    plan: Plan
    model: type[BaseModel]
    parameter: str
    source: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the list, for files and sheets."""
        return self.path.rpartition("/")[2]

    @property
    def operation(self) -> str:
        """Return the operationId of the list."""
        operation: str = self.plan.route.operation_id or ""
        return operation

    @property
    def filter_names(self) -> list[str]:
        """Return the names of the filters, without their values."""
        return sorted({name for name, _ in self.filters})

    async def pages(
        self, app_state: AppState, get_principal: Callable[[], Awaitable[Principal]], request_id: str
    ) -> AsyncGenerator[Sequence[bytes]]:
        """Yield the items of the list, each as JSON, page by page. No connection is held while a page is used.

        Args:
            get_principal: returns the caller as of now; called before each page.

        Raises:
            AppError: what the list answers, also in the middle where the caller has lost the right meanwhile.
        """
        following: str | None = ""
        while following is not None:
            principal = await get_principal()
            with RequestDeadline(app_state.settings.request_seconds):
                page = await self._read(app_state, principal, request_id, following)
            items = [bytes(item) for item in page.items]
            if self.source is not None:
                _, show = _IMPORTABLE[self.operation]
                items = await show(app_state.database.reads, principal, self.source, items)
            yield items
            following = page.next_cursor if self.parameter == "cursor" else page.next_after if page.has_more else None

    def as_importable(self, source: str, pointer: str) -> Self:
        """Return the same list in the form that an import of the source reads: a roster of people, or a tree.

        Args:
            pointer: where the caller sent the source.

        Raises:
            InvalidFilters: no import reads such a list.
        """
        if self.operation not in _IMPORTABLE:
            error = FieldError(pointer, "not_importable", "Only people and organizations have the form of an import")
            raise InvalidFilters("Only /v1/people and /v1/organizations have this form.", errors=[error])
        model, _ = _IMPORTABLE[self.operation]
        return replace(self, model=model, source=source)

    async def check(self, app_state: AppState, principal: Principal, request_id: str) -> None:
        """Check that the caller may read the list with these filters.

        Raises:
            InvalidFilters: the list does not take them.
            AppError: what else the list answers.
        """
        await self._read(app_state, principal, request_id, "", rows=1)

    async def _read(
        self, app_state: AppState, principal: Principal, request_id: str, following: str, *, rows: int = _ROWS
    ) -> _Page:
        sent = [pair for pair in self.filters if not (following and pair[0] == self.parameter)]
        sent.append(("limit", str(rows)))
        if following:
            sent.append((self.parameter, following))
        route = self.plan.route
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": self.path,
            "query_string": urlencode(sent).encode("ascii"),
            "route": route,
            "head": {},
            "headers": [],
            "principal": principal,
            "request_id": request_id,
        }
        context = RequestContext(scope, principal, app_state)
        try:
            arguments = self.plan.bind(context, self.path.split("/"))
        except Invalid as refused:
            raise InvalidFilters(refused.detail, errors=refused.errors) from None
        response = await self.plan.function(context, **arguments)
        return _read_page(bytes(response.body))


class ListRoutes:
    """The lists of the app, by their addresses."""

    def __init__(self) -> None:
        self._index = RouteIndex(())

    def add(self, routes: Iterable[BaseRoute]) -> None:
        """Take over the lists among the app's routes."""
        self._index = RouteIndex([route for route in routes if get_item_model(route) is not None])

    def find(self, address: str, source: str | None = None, *, within: str = "/body") -> ListAddress:
        """Return the list at an address such as ``/v1/people?status=active``.

        Args:
            source: show items as an import of this source reads them; None: show them as the list has them.
            within: where the caller sent the address, as ``list``, and the source.

        Raises:
            UnknownList: there is no list at this path.
            InvalidFilters: it has parameters of pages, which an export has not, or an import cannot read it.
        """
        pointer = f"{within}/list"
        path, _, query = address.partition("?")
        path = unquote(path)
        try:
            target = self._index.find({"method": "GET", "path": path}, path.split("/"))
        except AppError:
            target = None
        if target is None or target.plan is None:
            raise UnknownList(
                "Send the path of a list, with its filters as its query.",
                errors=[FieldError(pointer, "unknown_list", "There is no list at this path")],
            )
        model = get_item_model(target.plan.route)
        assert model is not None  # noqa: S101  # only lists are in the index
        filters = tuple(parse_query(query.encode("latin-1", "replace")))
        if paging := sorted({name for name, _ in filters} & _OF_PAGES):
            raise InvalidFilters(
                "An export has all items.",
                errors=[FieldError(pointer, "not_in_export", f"An export takes no {name}") for name in paging],
            )
        found = ListAddress(path, filters, target.plan, model, _get_parameter(target.plan.route))
        return found if source is None else found.as_importable(source, f"{within}/source")


def get_item_model(route: BaseRoute) -> type[BaseModel] | None:
    """Return the model of the items of a list; None: the route is not one."""
    if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
        return None
    answer = route.response_model
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)) or "items" not in answer.model_fields:
        return None
    if not _FOLLOWING.keys() & answer.model_fields.keys():
        return None
    (item,) = get_args(answer.model_fields["items"].annotation)
    return item if isinstance(item, type) and issubclass(item, BaseModel) else None


def _get_parameter(route: APIRoute) -> str:
    return next(parameter for field, parameter in _FOLLOWING.items() if field in route.response_model.model_fields)
