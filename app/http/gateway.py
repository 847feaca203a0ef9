"""The one path of a request, from the ASGI server to the route and back.

Read `Gateway.__call__` and `Gateway._serve` from top to bottom: request id, route, limits, authentication from the
head, body, binding, function, response, log line. A route that the gateway does not implement is served by the
framework behind the same authentication and the same limits. `docs/request-path.md` follows a request through it.
"""

import logging
import time
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import nullcontext

from fastapi import Response
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.deadline import Deadlines, RequestDeadline
from app.errors import AppError, RequestTimeout, Unauthorized, Unavailable
from app.http import body, problems
from app.http.client_address import client_address
from app.http.context import AppState, RequestContext
from app.http.delivery import CLOSE, complete_headers, deliver, is_whole
from app.http.head import read_head, request_id_of
from app.http.needs import BodyKind, Needs
from app.http.rate_limits import HEADERS, RateLimits
from app.http.refusals import RefusalRecorder
from app.http.route_index import RouteIndex, Target
from app.log import LogRequest, RequestLine
from app.principal import PROVISIONING, Principal
from app.telemetry.tracing import TRACEPARENT, RequestSpan, read_trace_id

_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: A body of up to this size is discarded after a refusal; the connection is closed before a larger one.
_DRAINED_BYTES = 65_536
#: What one process holds of bodies that are still arriving, with credentials and without.
_BODY_BYTES, _PUBLIC_BODY_BYTES = 67_108_864, 2_097_152
#: The caller of a body that takes longer is authenticated again: the credential may have been revoked meanwhile.
_PROMPT_SECONDS = 0.1
#: The bodies that the gateway reads as a whole.
_READ_HERE = frozenset({BodyKind.JSON, BodyKind.SCIM, BodyKind.CSV})
_NO_HEAD: Mapping[bytes, bytes] = {}
_log = logging.getLogger("fa.http")


class _Exchange:
    """The state of one request that its refusal and its log line need."""

    __slots__ = (
        "has_unread_body",
        "is_reading",
        "request_id",
        "route",
        "scope",
        "send",
        "size",
        "span",
        "started",
        "status",
    )

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.send = send
        self.request_id = scope["request_id"] = request_id_of(scope)
        self.route: BaseRoute | None = None
        self.span: RequestSpan | None = None
        self.status = self.size = 0
        self.is_reading = False
        self.has_unread_body = False

    async def send_completed(self, message: Message) -> None:
        """Send a message of the framework or of a streaming response, with the headers that every response has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = complete_headers(list(message["headers"]), self.request_id, self._more())
        else:
            self.size += len(message.get("body", b""))
        await self.send(message)

    def respond(self, response: Response) -> Awaitable[None]:
        """Send a response that is whole."""
        self.status, self.size = response.status_code, len(response.body)
        return deliver(response, self.request_id, self.send, self._more())

    def _more(self) -> Iterable[tuple[bytes, bytes]]:
        """Return the headers that say what is left of the caller's quota, where one applies."""
        headers: Iterable[tuple[bytes, bytes]] = self.scope.get(HEADERS, ())
        return headers


class Gateway:
    """Serves every request of the app.

    Args:
        framework: serves the lifespan, and the routes that the gateway does not implement.
        app_state: what requests are served with.
        routes: the app's, in the order the framework searches them.
        everything_by_framework: the app has layers that only the framework runs.
        log_request: logs one request; None: requests are not logged.
    """

    def __init__(
        self,
        framework: ASGIApp,
        *,
        app_state: AppState,
        routes: Iterable[BaseRoute],
        everything_by_framework: bool = False,
        log_request: LogRequest | None = None,
    ) -> None:
        self._framework = framework
        self._app_state = app_state
        self._index = RouteIndex(routes, everything_by_framework=everything_by_framework)
        self._log_request = log_request
        self._counts = app_state.metrics.requests if app_state.metrics else None
        self._tracing = app_state.tracing
        self._refusals = RefusalRecorder()
        self._seconds = app_state.settings.request_seconds
        self._max_bytes = app_state.settings.max_body_bytes
        self._deadlines = Deadlines()
        self._limits = RateLimits(app_state.settings)
        self._budget = body.BodyBudget(_BODY_BYTES)
        self._public_budget = body.BodyBudget(_PUBLIC_BODY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        if self._counts is not None:
            self._counts.in_flight += 1
        if self._tracing is not None:
            exchange.span = self._tracing.begin(scope)
        try:
            await self._serve(exchange, receive)
        except Exception as error:
            await self._refuse(exchange, error)
        finally:
            self._report(exchange)
            if exchange.span is not None:
                self._end_span(exchange, exchange.span)

    def _report(self, exchange: _Exchange) -> None:
        """Count and log a request that has ended."""
        if self._log_request is None and self._counts is None:
            return
        scope, status = exchange.scope, exchange.status
        path = getattr(exchange.route, "path", None)
        seconds = time.perf_counter() - exchange.started
        if self._counts is not None:
            self._counts.in_flight -= 1
            self._counts.add(scope["method"], path, status, seconds)
            if "problem" in scope:
                self._counts.add_problem(scope["problem"])
        if self._log_request is not None:
            principal: Principal | None = scope.get("principal")
            key = principal.key if principal else None
            self._log_request(
                RequestLine(
                    method=scope["method"],
                    route=path,
                    status=status,
                    milliseconds=seconds * 1000,
                    size=0 if scope["method"] == "HEAD" else exchange.size,
                    problem=scope.get("problem"),
                    address=client_address(scope, self._app_state.settings),
                    tenant_id=principal.tenant_id if principal else None,
                    key_id=key.id if key else None,
                    request_id=exchange.request_id,
                    trace_id=exchange.span.trace_id
                    if exchange.span
                    else read_trace_id(scope.get("head", _NO_HEAD).get(TRACEPARENT)),
                )
            )

    @staticmethod
    def _end_span(exchange: _Exchange, span: RequestSpan) -> None:
        scope = exchange.scope
        principal: Principal | None = scope.get("principal")
        span.end(
            route=getattr(exchange.route, "path", None),
            status=exchange.status,
            problem=scope.get("problem"),
            tenant_id=principal.tenant_id if principal else None,
        )

    async def _serve(self, exchange: _Exchange, receive: Receive) -> None:
        scope = exchange.scope
        head = scope["head"] = read_head(scope)
        carries_body = exchange.has_unread_body = scope["method"] not in _WITHOUT_BODY and body.has_body(head)
        steps = scope["path"].split("/")
        target = self._index.find(scope, steps)
        exchange.route = scope["route"] = target.route
        needs = target.needs
        with nullcontext() if needs.streams else RequestDeadline(needs.seconds or self._seconds, self._deadlines):
            max_bytes = needs.max_bytes or self._max_bytes
            if carries_body:
                body.check_head(head, scope["method"], needs.body, max_bytes)
            if not needs.public:
                await self._authenticate(scope, needs)
            if carries_body:
                receive = await self._read_body(exchange, target, max_bytes, receive)
            if target.plan is None:
                await self._serve_by_framework(exchange, receive)
                return
            context = RequestContext(scope, scope["principal"], self._app_state)
            response = await target.plan.function(context, **target.plan.bind(context, steps))
            if is_whole(response):
                await exchange.respond(response)
            else:
                await response(scope, receive, exchange.send_completed)

    async def _authenticate(self, scope: Scope, needs: Needs) -> None:
        """Sign the caller in, and count the request for the caller whose credential may be used from here."""
        try:
            principal = await self._sign_in(scope, needs)
        except Unauthorized:
            self._limits.count_failure(scope)
            raise
        self._limits.count(scope, principal)
        if principal.key is not None:
            self._app_state.note_use(principal)

    async def _sign_in(self, scope: Scope, needs: Needs) -> Principal:
        """Return the caller.

        Raises:
            Unauthorized: the credential does not work, or not at this route: an identity provider's opens the routes of
                SCIM, and only these.
        """
        principal = await self._app_state.sign_in(scope)
        if (principal.kind == PROVISIONING) != needs.provisioning:
            del scope["principal"]
            raise Unauthorized("Send a SCIM token." if needs.provisioning else "A SCIM token opens /scim/v2 only.")
        return principal

    async def _read_body(self, exchange: _Exchange, target: Target, max_bytes: int, receive: Receive) -> Receive:
        """Read the body, or leave it to the route within its size."""
        scope, needs = exchange.scope, target.needs
        if needs.body not in _READ_HERE:
            if not needs.public:
                receive = self._authenticated_at_the_end(scope, needs, receive)
            receive = body.bounded(receive, max_bytes)
            scope["stream"] = body.stream(receive, max_bytes)
            return receive
        exchange.is_reading, since = True, time.monotonic()
        content = await body.read(receive, max_bytes, self._public_budget if needs.public else self._budget)
        exchange.is_reading = exchange.has_unread_body = False
        if not needs.public:
            await self._authenticate_again(scope, needs, since)
        if needs.body is BodyKind.CSV:
            scope["content"] = content
        elif content:
            scope["json"] = body.parse_json(content)
        return body.replay(content, receive) if target.plan is None else receive

    def _authenticated_at_the_end(self, scope: Scope, needs: Needs, receive: Receive) -> Receive:
        """Return the same channel, which ends only for a caller who is authenticated then."""
        since = time.monotonic()

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                await self._authenticate_again(scope, needs, since)
            return message

        return received

    async def _authenticate_again(self, scope: Scope, needs: Needs, since: float) -> None:
        """Authenticate the caller of a body that took long. The limits have counted the request already.

        Raises:
            Unauthorized: the credential does not work any more.
        """
        if time.monotonic() - since > _PROMPT_SECONDS:
            await self._sign_in(scope, needs)

    async def _serve_by_framework(self, exchange: _Exchange, receive: Receive) -> None:
        scope = exchange.scope
        if scope["method"] == "HEAD" and "HEAD" not in (getattr(exchange.route, "methods", None) or ()):
            # The server leaves the body out; it decides by the scope it made, not by this copy.
            scope = {**scope, "method": "GET"}
        await self._framework(scope, receive, exchange.send_completed)

    async def _refuse(self, exchange: _Exchange, error: Exception) -> None:
        """Log a failure and answer it, unless an answer has begun or the caller went away."""
        if isinstance(error, ClientDisconnect):
            return
        failed = self._failure(exchange, error)
        # 501 refuses what the service does not offer, such as sorting over SCIM: it is no fault of the service.
        if failed.status >= 500 and failed.status != 501 and not isinstance(failed, Unavailable):
            # Why the database does not serve is logged by its pool, once a minute.
            extra = {"request_id": exchange.request_id, "method": exchange.scope["method"]}
            _log.error("unhandled", exc_info=error, extra=extra)
        if exchange.status:
            return
        await self._refusals.record(self._app_state, exchange.scope, failed)
        response = problems.answer(exchange.scope, failed)
        if exchange.has_unread_body and not self._is_small(exchange):
            response.raw_headers.append(CLOSE)
        await exchange.respond(response)

    @staticmethod
    def _failure(exchange: _Exchange, error: Exception) -> AppError:
        if not isinstance(error, TimeoutError):
            return problems.as_app_error(error)
        if exchange.is_reading:
            return RequestTimeout("The body did not arrive before the deadline of the request.")
        return Unavailable("The request took too long and was given up.")

    @staticmethod
    def _is_small(exchange: _Exchange) -> bool:
        length = exchange.scope.get("head", {}).get(b"content-length", b"")
        return len(length) < 10 and length.isdigit() and int(length) <= _DRAINED_BYTES and not exchange.is_reading
