"""Find the route of a path, and bind the request to the parameters of its function.

The framework searches its routes one by one and resolves the dependencies of a route for every request. With a hundred
routes that costs several times as much as the read itself. The index is built at the start. It makes a plan for each
route that uses only what a plan implements (see `_plan`). The framework serves the other routes.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from fastapi import Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.params import Body, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.routing import BaseRoute, Match

from app.errors import MethodNotAllowed, NotFound
from app.http.context import ContextDep, RequestContext
from app.http.head import Scope
from app.http.needs import BodyKind, Needs, needs_of
from app.http.problems import Faults, faults_of, of_faults
from app.http.query import check_names, parse_query, read_dry_run

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_NO_BODY = {"type": "missing", "loc": ("body",), "msg": "Field required"}


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a request: a route, its limits and its plan.

    Attributes:
        plan: None: the framework serves the route.
        reserved: literal steps of other routes that no parameter of this route takes, each with its position.
    """

    route: BaseRoute
    needs: Needs
    plan: "Plan | None"
    reserved: frozenset[tuple[int, str]]

    def is_reserved(self, steps: Sequence[str]) -> bool:
        """Return whether a parameter of this route would take the literal step of another route."""
        return any(step in self.reserved for step in enumerate(steps)) if self.reserved else False


class Plan:
    """The function of one route, and how its parameters are bound."""

    def __init__(self, route: APIRoute, parameters: Iterable[inspect.Parameter]) -> None:
        self.route = route
        self.steps = tuple(route.path.replace(":path}", "}").split("/"))
        self.takes_rest = route.path.endswith(":path}")
        # SCIM clients add parameters of their own, which are ignored (RFC 7644, 3.4.2).
        self._checks_query = not needs_of(route).provisioning
        self._literal = [(at, step) for at, step in enumerate(self.steps) if not step.startswith("{")]
        self._named = {step[1:-1]: at for at, step in enumerate(self.steps) if step.startswith("{")}
        self.function: Callable[..., Awaitable[Response]] = route.endpoint
        self._path: list[tuple[str, int, Any]] = []
        self._query: list[tuple[str, Any, Any]] = []
        self._query_model: tuple[str, Any] | None = None
        self._body: tuple[str, Any] | None = None
        for parameter in parameters:
            self._add(parameter)

    def _add(self, parameter: inspect.Parameter) -> None:
        name, annotation = parameter.name, parameter.annotation
        if name in self._named:
            self._path.append((name, self._named[name], TypeAdapter(annotation).validator))
        elif name in {field.name for field in self.route.dependant.body_params}:
            self._body = (name, TypeAdapter(annotation).validator)
        elif _is_model(get_args(annotation)[0]):
            self._query_model = (name, get_args(annotation)[0].__pydantic_validator__)
        else:
            self._query.append((name, TypeAdapter(get_args(annotation)[0]).validator, parameter.default))

    def fits(self, steps: Sequence[str]) -> bool:
        """Return whether a path with the same number of steps matches this route."""
        for at, wanted in self._literal:
            if steps[at] != wanted:
                return False
        # A parameter takes no empty step.
        return all(steps[at] for at in self._named.values())

    def bind(self, context: RequestContext, steps: Sequence[str]) -> dict[str, Any]:
        """Return the arguments of the function, without the context.

        Raises:
            AppError: a parameter is not valid.
        """
        arguments: dict[str, Any] = {}
        faults: Faults = []
        for name, at, validator in self._path:
            try:
                arguments[name] = validator.validate_python(steps[at])
            except ValidationError as refused:
                faults += faults_of(refused, "path", name)
        if self._checks_query and (self._query or self._query_model or context.scope["query_string"]):
            self._bind_query(context, arguments, faults)
        if self._body or "json" in context.scope:
            self._bind_body(context, arguments, faults)
        if faults:
            raise of_faults(faults)
        return arguments

    def _bind_query(self, context: RequestContext, arguments: dict[str, Any], faults: Faults) -> None:
        sent: dict[str, Any] = {}
        pairs = parse_query(context.scope["query_string"])
        if pairs:
            check_names(pairs, self.route)
            context.dry_run = read_dry_run(pairs)
        for name, value in pairs:
            if name in self.route.repeatable_names:  # type: ignore[attr-defined]
                sent.setdefault(name, []).append(value)
            else:
                sent[name] = value
        for name, validator, default in self._query:
            try:
                arguments[name] = validator.validate_python(sent[name]) if name in sent else default
            except ValidationError as refused:
                faults += faults_of(refused, "query", name)
        if self._query_model is not None:
            name, validator = self._query_model
            sent.pop("dry_run", None)
            try:
                arguments[name] = validator.validate_python(sent)
            except ValidationError as refused:
                faults += faults_of(refused, "query")

    def _bind_body(self, context: RequestContext, arguments: dict[str, Any], faults: Faults) -> None:
        if self._body is None:
            sent = context.scope["json"]
            places = [("body", name) for name in sent] if isinstance(sent, dict) else [("body",)] * (sent is not None)
            faults += [{"type": "extra_forbidden", "loc": place, "msg": "No such field is taken"} for place in places]
        elif "json" not in context.scope:
            faults.append(_NO_BODY)
        else:
            name, validator = self._body
            try:
                arguments[name] = validator.validate_python(context.scope["json"], from_attributes=True)
            except ValidationError as refused:
                faults += faults_of(refused, "body")


class RouteIndex:
    """Finds the route of a path.

    Args:
        routes: the app's, in the order the framework searches them.
        everything_by_framework: the app has middleware, which only the framework runs.
    """

    def __init__(self, routes: Iterable[BaseRoute], *, everything_by_framework: bool = False) -> None:
        self._by_key: dict[tuple[str, int, str, str], list[tuple[Plan, Target]]] = {}
        self._by_rest: list[tuple[str, Plan, Target]] = []
        self._by_framework: list[Target] = []
        listed = list(routes)
        paths = [getattr(route, "path", "").split("/") for route in listed]
        for route, path in zip(listed, paths, strict=True):
            plan = None if everything_by_framework else _plan(route)
            target = Target(route, needs_of(route), plan, _reserved(path, paths))
            if plan is None:
                self._by_framework.append(target)
                continue
            for method in plan.route.methods or ():
                if plan.takes_rest:
                    self._by_rest.append((method, plan, target))
                else:
                    self._by_key.setdefault((method, *_index_key(plan.steps)), []).append((plan, target))

    def find(self, scope: Scope, steps: list[str]) -> Target:
        """Return the target of a request. A HEAD is answered by the route of the GET.

        Args:
            steps: the path, split at its slashes. Where a route takes the rest of a path, its steps are joined in
                place.

        Raises:
            NotFound: no route has this path.
            MethodNotAllowed: some have, but not with this method.
        """
        method = scope["method"]
        planned = self._find("GET" if method == "HEAD" else method, steps)
        found = planned or self._find_by_framework(scope, method, steps)
        if found is not None:
            return found
        allowed = sorted(self._methods_at(scope, steps))
        if allowed:
            raise MethodNotAllowed(headers={"Allow": ", ".join(allowed)})
        raise NotFound

    def _find(self, method: str, steps: list[str]) -> Target | None:
        for plan, target in self._by_key.get((method, *_index_key(steps)), ()):
            if plan.fits(steps) and not target.is_reserved(steps):
                return target
        for wanted, plan, target in self._by_rest:
            last = len(plan.steps) - 1
            if wanted == method and len(steps) > last and plan.fits([*steps[:last], "rest"]):
                steps[last:] = ["/".join(steps[last:])]
                return target
        return None

    def _find_by_framework(self, scope: Scope, method: str, steps: list[str]) -> Target | None:
        ways = (method, "GET") if method == "HEAD" else (method,)
        for asked in ({**scope, "method": way} for way in ways):
            for target in self._by_framework:
                if target.route.matches(asked)[0] is Match.FULL and not target.is_reserved(steps):
                    return target
        return None

    def _methods_at(self, scope: Scope, steps: list[str]) -> set[str]:
        allowed = {method for method in _METHODS if self._find(method, list(steps))}
        for target in self._by_framework:
            if target.route.matches(dict(scope))[0] is not Match.NONE and not target.is_reserved(steps):
                allowed |= getattr(target.route, "methods", None) or set()
        return allowed | {"HEAD"} if "GET" in allowed else allowed


def _index_key(steps: Sequence[str]) -> tuple[int, str, str]:
    """Return the index key of a path such as /v1/<resource>/<id>/<part>/<id>: its length, resource and part.

    A path of SCIM begins with /scim/v2 instead of /v1.
    """
    count = len(steps)
    at = 3 if count > 1 and steps[1] == "scim" else 2
    return (count, steps[at] if count > at else "", steps[at + 2] if count > at + 2 else "")


def _reserved(path: Sequence[str], others: Iterable[Sequence[str]]) -> frozenset[tuple[int, str]]:
    """Return the literal steps of other routes that a parameter of this path would take, each with its position.

    They belong to those routes. `PATCH /things/bulk` is 405 where `/things/bulk` takes only POST; it does not change a
    thing with the id `bulk`.
    """
    reserved = set()
    for other in others:
        if len(other) == len(path) and not path[-1].endswith(":path}"):
            differing = [at for at, (own, its) in enumerate(zip(path, other, strict=True)) if own != its]
            if len(differing) == 1 and path[differing[0]].startswith("{") and not other[differing[0]].startswith("{"):
                reserved.add((differing[0], other[differing[0]]))
    return frozenset(reserved)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _plan(route: BaseRoute) -> Plan | None:
    """Return the plan of a route, or None if the route uses something that a plan does not implement."""
    if type(route) is not APIRoute or not _is_plain(route):
        return None
    parameters = list(inspect.signature(route.endpoint, eval_str=True).parameters.values())
    if not parameters or parameters[0].annotation != ContextDep or needs_of(route).public:
        return None
    bodies = {field.name for field in route.dependant.body_params if _is_plain_body(field.field_info)}
    if len(bodies) > 1 or not all(_is_bindable(parameter, route, bodies) for parameter in parameters[1:]):
        return None
    return Plan(route, parameters[1:])


def _is_plain(route: APIRoute) -> bool:
    """Return whether the route is one coroutine that returns a response and depends on the request context only."""
    endpoint = route.endpoint
    returned = inspect.signature(endpoint, eval_str=True).return_annotation
    answers_itself = isinstance(returned, type) and issubclass(returned, Response)
    plain_class = isinstance(route.response_class, DefaultPlaceholder) or route.response_class is Response
    has_literal_key = not any(step.startswith("{") for step in _index_key(route.path.split("/"))[1:])
    return (
        inspect.iscoroutinefunction(endpoint)
        and answers_itself
        and plain_class
        and not route.dependencies
        and len(route.dependant.dependencies) == 1
        and needs_of(route).body is not BodyKind.MULTIPART
        and (has_literal_key or route.path.endswith(":path}"))
        and route.path.count(":") == route.path.endswith(":path}")
    )


def _is_plain_body(field: Any) -> bool:
    return type(field) is Body and field.is_required() and not field.embed


def _is_bindable(parameter: inspect.Parameter, route: APIRoute, bodies: set[str]) -> bool:
    if parameter.name in route.param_convertors or parameter.name in bodies:
        return True
    marks = get_args(parameter.annotation)[1:] if get_origin(parameter.annotation) is Annotated else ()
    if not any(isinstance(mark, Query) and mark.alias in {None, parameter.name} for mark in marks):
        return False
    return _is_model(get_args(parameter.annotation)[0]) or parameter.default is not inspect.Parameter.empty
