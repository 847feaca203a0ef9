"""The short way of a request: straight from the path to the route's own function.

The framework searches its routes one by one and solves each route's dependencies anew for every request; behind a
hundred routes that costs several times what a read itself does. Here the search is an index made at the start, and the
parameters are bound by the same validators the framework would use. Whatever is not a plain request to a known route
falls through to the framework, so that nothing is answered in two ways: a test compares the two for every operation.

Reads leave before the guard, whose work is mostly about bodies and deadlines: a plain GET has no body, and what it
waits for, the read pool, has a deadline of its own. Everything else passes the guard first.
"""

import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from fastapi import Response
from fastapi._compat import ModelField
from fastapi.params import Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.deadline import RequestDeadline
from app.errors import AppError, Internal
from app.http import problems
from app.http.context import AppState, ContextDep, RequestContext, check_names, header, query_pairs, request_context
from app.http.hot import deliver, request_id_of
from app.log import LogRequest

_Faults = list[dict[str, Any]]
_Bound = tuple[dict[str, Any], _Faults]
#: Of so many bytes a query is kept: what is kept is bounded, and anybody may send anything of any length.
_SHORT = 256
_NO_BODY = {"type": "missing", "loc": ("body",), "msg": "Field required"}
_log = logging.getLogger("fa.http")


class _Plan:
    """One route: how to bind its parameters, and its function."""

    def __init__(self, route: APIRoute, parameters: Iterable[inspect.Parameter]) -> None:
        self.route = route
        self.steps = tuple(route.path.split("/"))
        self.names = tuple(step[1:-1] if step.startswith("{") else None for step in self.steps)
        self._literal = [(at, step) for at, step in enumerate(self.steps) if self.names[at] is None]
        self._named = [at for at, name in enumerate(self.names) if name is not None]
        self._function: Callable[..., Awaitable[Response]] = route.endpoint
        self._path: list[tuple[str, int, Any]] = []
        self._query: list[tuple[str, Any, Any]] = []
        self._model: tuple[str, type[BaseModel]] | None = None
        self._body = route.dependant.body_params[0] if route.dependant.body_params else None
        for parameter in parameters:
            if self._body is None or parameter.name != self._body.name:
                self._add(parameter)

    def _add(self, parameter: inspect.Parameter) -> None:
        name, annotation = parameter.name, parameter.annotation
        if name in self.names:
            self._path.append((name, self.names.index(name), TypeAdapter(annotation).validator))
            return
        inner: Any = get_args(annotation)[0]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            self._model = (name, inner)
        else:
            self._query.append((name, TypeAdapter(inner).validator, parameter.default))

    def fits(self, steps: list[str]) -> bool:
        """Whether a path of as many steps is this route's."""
        for at, wanted in self._literal:
            if steps[at] != wanted:
                return False
        return all(map(steps.__getitem__, self._named))

    async def answer(self, context: RequestContext, steps: list[str], query: _Bound) -> Response:
        """Bind the path's parameters and run the function.

        Args:
            query: what `bind_query` made of the query's.

        Raises:
            AppError: a parameter is not valid, or what the function raises.
        """
        arguments: dict[str, Any] = {}
        faults: _Faults = []
        for name, at, validator in self._path:
            try:
                arguments[name] = validator.validate_python(steps[at])
            except ValidationError as refused:
                faults += _placed(refused, "path", name)
        bound, found = query
        if found:
            faults += found
        if self._body is not None:
            self._bind_body(self._body, context.scope, arguments, faults)
        if faults:
            raise problems.of_validation(faults)
        return await self._function(context, **arguments, **bound)

    @staticmethod
    def _bind_body(field: ModelField, scope: Scope, arguments: dict[str, Any], faults: _Faults) -> None:
        if "json" in scope:
            arguments[field.name], found = field.validate(scope["json"], {}, loc=("body",))
            faults += found
        else:
            faults.append(_NO_BODY)

    def bind_query(self, query_string: bytes) -> _Bound:
        """The arguments that these query parameters make, and what is wrong with them.

        Raises:
            Invalid: the route does not take one of them, or takes it once.
        """
        pairs = query_pairs(query_string)
        check_names(pairs, self.route)
        arguments: dict[str, Any] = {}
        faults: _Faults = []
        sent: dict[str, Any] = {}
        for name, value in pairs:
            if name in self.route.repeatable_names:  # type: ignore[attr-defined]
                sent.setdefault(name, []).append(value)
            else:
                sent[name] = value
        for name, validator, default in self._query:
            try:
                arguments[name] = validator.validate_python(sent[name]) if name in sent else default
            except ValidationError as refused:
                faults += _placed(refused, "query", name)
        if self._model is not None:
            name, model = self._model
            try:
                arguments[name] = model.__pydantic_validator__.validate_python(sent)
            except ValidationError as refused:
                faults += _placed(refused, "query")
        return arguments, faults


def _place(steps: Sequence[str]) -> tuple[int, str, str]:
    """Where a path stands in the index: /v1/<resource>/<id>/<part>/<id> by its length, its resource and its part."""
    count = len(steps)
    return (count, steps[2] if count > 2 else "", steps[4] if count > 4 else "")


def _placed(refused: ValidationError, *place: str) -> _Faults:
    found = refused.errors(include_url=False, include_input=False, include_context=False)
    return [{**fault, "loc": (*place, *fault["loc"])} for fault in found]


def _plan(route: APIRoute) -> _Plan | None:
    parameters = list(inspect.signature(route.endpoint, eval_str=True).parameters.values())
    if not parameters or parameters[0].annotation != ContextDep:
        return None
    if any(step.startswith("{") for step in _place(route.path.split("/"))[1:]) or ":" in route.path:
        return None
    bodies = {field.name for field in route.dependant.body_params if field.field_info.is_required()}
    for parameter in parameters[1:]:
        marks = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
        known = parameter.name in route.param_convertors or parameter.name in bodies
        if not known and not any(isinstance(mark, Query) for mark in marks):
            return None
    return _Plan(route, parameters[1:]) if len(bodies) < 2 else None


class Index:
    """Finds the route of a path.

    Args:
        routes: the app's, in the order the framework searches them.
    """

    def __init__(self, routes: Iterable[APIRoute]) -> None:
        self._plans: dict[tuple[str, int, str, str], list[_Plan]] = {}
        for plan in filter(None, map(_plan, routes)):
            for method in plan.route.methods or ():
                self._plans.setdefault((method, *_place(plan.steps)), []).append(plan)

    def find(self, method: str, steps: list[str]) -> _Plan | None:
        """The plan for this method at this path, split at its slashes; None where the framework has to look."""
        for plan in self._plans.get((method, *_place(steps)), ()):
            if plan.fits(steps):
                return plan
        return None


class Reads:
    """Serves plain GETs; everything else goes on.

    Args:
        app: what serves everything else.
        service: what calls are made with.
        index: of the app's routes.
        tell: logs one request; None: requests are not logged.
    """

    def __init__(self, app: ASGIApp, *, service: AppState, index: Index, log_request: LogRequest | None = None) -> None:
        self.app = app
        self._service = service
        self._index = index
        self._tell = log_request
        self._kept = lru_cache(maxsize=1024)(_Plan.bind_query)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            steps = scope["path"].split("/")
            plan = self._index.find("GET", steps)
            if plan is not None:
                await self._serve(plan, steps, scope, send)
                return
        await self.app(scope, receive, send)

    async def _serve(self, plan: _Plan, steps: list[str], scope: Scope, send: Send) -> None:
        started = time.perf_counter()
        scope["route"] = plan.route
        scope["request_id"] = request_id = request_id_of(header(scope, b"x-request-id"))
        with RequestDeadline(self._service.settings.request_seconds):
            response = await self._answer(plan, scope, steps)
        await deliver(response, request_id, send)
        if self._tell is not None:
            milliseconds = (time.perf_counter() - started) * 1000
            self._tell("GET", plan.route.path, response.status_code, milliseconds, request_id)

    async def _answer(self, plan: _Plan, scope: Scope, steps: list[str]) -> Response:
        try:
            principal = await self._service.authenticate(header(scope, b"authorization"))
            query_string: bytes = scope["query_string"]
            query = self._kept(plan, query_string) if len(query_string) <= _SHORT else plan.bind_query(query_string)
            return await plan.answer(RequestContext(scope, principal, self._service), steps, query)
        except AppError as error:
            failed = error
        except Exception:
            _log.exception("unhandled", extra={"request_id": scope["request_id"], "method": "GET"})
            failed = Internal(problems.INTERNAL_DETAIL)
        return problems.render(failed, instance=scope["path"], request_id=scope["request_id"])


class Writes:
    """Answers what has passed the guard.

    Args:
        service: what calls are made with.
        index: of the app's routes.
    """

    def __init__(self, *, service: AppState, index: Index) -> None:
        self._service = service
        self._index = index

    async def __call__(self, scope: Scope) -> Response | None:
        """The response to a request; None where the framework has to look for its route."""
        steps = scope["path"].split("/")
        plan = None if scope["method"] == "GET" else self._index.find(scope["method"], steps)
        if plan is None:
            return None
        scope["route"] = plan.route
        try:
            context = await request_context(self._service, scope)
            return await plan.answer(context, steps, plan.bind_query(scope["query_string"]))
        except AppError as error:
            return problems.answer(scope, error)
