"""One ASGI layer before the framework: request ids, size, deadline, media type, well-formed JSON, the last resort."""

import asyncio
import json
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.deadline import RequestDeadline
from app.errors import AppError, Internal, MalformedBody, PayloadTooLarge, Unavailable, UnsupportedMediaType
from app.http import problems
from app.http.context import header
from app.http.hot import completed, deliver, request_id_of
from app.log import LogRequest

_JSON = re.compile(r"application/(?:[\w.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_DEEPEST = 32
_log = logging.getLogger("fa.http")


class _DuplicateKey(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _DuplicateKey
    return made


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse(_constant: str) -> None:
    raise ValueError


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def read_json(body: bytes) -> Any:
    """What the body says, without what JSON parsers disagree about: NaN, infinities, duplicate names, great depth.

    Raises:
        MalformedBody: with a sentence that repeats nothing of the body.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_pairs, parse_float=_finite, parse_constant=_refuse)
    except _DuplicateKey:
        raise MalformedBody("An object names the same field twice.") from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply.") from None
    except ValueError:
        raise MalformedBody from None
    if isinstance(value, (dict, list)) and _too_deep(value):
        raise MalformedBody("The body is nested too deeply.")
    return value


class Guard:
    """What stands before the framework.

    Args:
        app: the framework.
        answer: makes the response without the framework, or None where it cannot; absent: never.
        max_body_bytes: the largest body taken.
        seconds: the deadline of a request, reading its body included.
        tell: logs one request: method, route, status, milliseconds, request id; None: requests are not logged.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        seconds: float,
        answer: Callable[[Scope], Awaitable[Response | None]] | None = None,
        log_request: LogRequest | None = None,
    ) -> None:
        self.app = app
        self.answer = answer
        self.log_request = log_request
        self.max_body_bytes = max_body_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["request_id"] = request_id = request_id_of(header(scope, b"x-request-id"))
        started = time.perf_counter()
        status = 0

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = completed(list(message["headers"]), request_id)
            await send(message)

        async def fail(error: AppError) -> None:
            if not status:
                await problems.render(error, instance=scope["path"], request_id=request_id)(scope, receive, tagged)

        try:
            with RequestDeadline(self.seconds):
                async with asyncio.timeout(self.seconds):
                    if scope["method"] in _WITH_BODY:
                        receive = await self._body(scope, receive)
                    response = None if self.answer is None else await self.answer(scope)
                    if response is None:
                        await self.app(scope, receive, tagged)
                    else:
                        status = response.status_code
                        await deliver(response, request_id, send)
        except AppError as error:
            await fail(error)
        except TimeoutError:
            await fail(Unavailable("The request took too long and was given up."))
        except Exception:
            _log.exception("unhandled", extra={"request_id": request_id, "method": scope["method"]})
            await fail(Internal(problems.INTERNAL_DETAIL))
        finally:
            if self.log_request is not None:
                self.log_request(
                    scope["method"],
                    getattr(scope.get("route"), "path", None),
                    status,
                    (time.perf_counter() - started) * 1000,
                    request_id,
                )

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        headers = Headers(scope=scope)
        too_large = PayloadTooLarge(f"At most {self.max_body_bytes} bytes are taken.")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_body_bytes:
            raise too_large
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_body_bytes:
                raise too_large
            chunks.append(chunk)
            more = message.get("more_body", False)
        scope["body"] = body = b"".join(chunks)
        if body:
            if headers.get("content-encoding", "identity") != "identity":
                raise UnsupportedMediaType("Bodies must not be compressed.")
            if not _JSON.fullmatch(headers.get("content-type", "")):
                raise UnsupportedMediaType("Send application/json, or application/merge-patch+json to PATCH.")
            scope["json"] = read_json(body)
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        return replay
