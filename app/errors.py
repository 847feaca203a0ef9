"""All failures that a caller can get, as plain exceptions.

    AppError
    ├── BadRequest 400 ─────────── InvalidCursor, MalformedBody, RepeatedHeader
    ├── Unauthorized 401
    ├── Forbidden 403
    ├── NotFound 404 ───────────── MethodNotAllowed 405
    ├── RequestTimeout 408
    ├── Conflict 409 ───────────── InvalidTransition, and a class for each rule of a domain
    ├── PreconditionFailed 412
    ├── PayloadTooLarge 413
    ├── UnsupportedMediaType 415
    ├── Invalid 422 ────────────── ReasonRequired, and a class for each rule of a domain
    ├── Frozen 423
    ├── PreconditionRequired 428
    ├── TooManyRequests 429
    ├── Internal 500
    ├── TransferCodingUnsupported 501
    └── Unavailable 503

A class is a kind of failure: its ``code`` is stable and documented, its ``title`` is the same for every
occurrence. The ``detail`` of an occurrence never repeats what the caller sent. Nothing here knows HTTP beyond the
status number; ``app.http.problems`` renders these as ``application/problem+json``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self


class FieldError(dict[str, str]):
    """One entry of a problem's ``errors``: where (JSON pointer), a stable code, and a sentence."""

    def __init__(self, pointer: str, code: str, message: str) -> None:
        super().__init__(pointer=pointer, code=code, message=message)


class AppError(Exception):
    """The root of the tree; never raised itself."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = extra

    def within(self, pointer: str) -> Self:
        """Return the same failure for one entry of a list in the body. Its errors point below ``pointer``."""
        own = [str(error["pointer"]).removeprefix("/body") for error in self.errors]
        self.errors = [FieldError(f"{pointer}{place}", self.code, self.title) for place in own or [""]]
        self.headers.pop("ETag", None)
        return self


class BadRequest(AppError):
    status = 400
    code = "bad_request"
    title = "The request could not be understood"


class MalformedBody(BadRequest):
    code = "malformed_body"
    title = "The body is not well-formed JSON"


class RepeatedHeader(BadRequest):
    code = "repeated_header"
    title = "A header that has one value was sent twice"


class InvalidCursor(BadRequest):
    code = "invalid_cursor"
    title = "The cursor is not valid for this list"


class Unauthorized(AppError):
    status = 401
    code = "unauthorized"
    title = "Valid credentials are required"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(AppError):
    status = 403
    code = "forbidden"
    title = "These credentials may not do this"


class NotFound(AppError):
    status = 404
    code = "not_found"
    title = "There is no such resource"


class MethodNotAllowed(AppError):
    status = 405
    code = "method_not_allowed"
    title = "This resource does not take that method"


class RequestTimeout(AppError):
    status = 408
    code = "request_timeout"
    title = "The body did not arrive in time"


class Conflict(AppError):
    status = 409
    code = "conflict"
    title = "The request conflicts with the present state"


class InvalidTransition(Conflict):
    code = "invalid_transition"
    title = "This transition is not possible from the present state"

    def __init__(self, state: str, allowed: Sequence[str]) -> None:
        super().__init__(f"From '{state}' this move is not possible.", state=state, allowed=list(allowed))


class PreconditionFailed(AppError):
    status = 412
    code = "precondition_failed"
    title = "The resource has changed since it was read"


class PayloadTooLarge(AppError):
    status = 413
    code = "payload_too_large"
    title = "The body is too large"


class UnsupportedMediaType(AppError):
    status = 415
    code = "unsupported_media_type"
    title = "The body's media type is not supported"


class Invalid(AppError):
    status = 422
    code = "invalid"
    title = "The request is not valid"


class ReasonRequired(Invalid):
    code = "reason_required"
    title = "This transition needs a reason"


class Frozen(AppError):
    status = 423
    code = "frozen"
    title = "The resource is final and can no longer change"


class PreconditionRequired(AppError):
    status = 428
    code = "precondition_required"
    title = "If-Match is required"


class TooManyRequests(AppError):
    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Internal(AppError):
    pass


class TransferCodingUnsupported(AppError):
    status = 501
    code = "transfer_coding_unsupported"
    title = "The only transfer coding is chunked"


class Unavailable(AppError):
    status = 503
    code = "unavailable"
    title = "The service is busy or starting; try again"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1, reason: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
        #: A stable word for what does not serve, where that is known. Only the readiness probe shows it.
        self.reason = reason


class OperatorError(Exception):
    """A failure that the operator can fix, reported as one line on the command line and never over HTTP."""


def catalogue() -> Iterator[type[AppError]]:
    """Yield every kind of failure, each class once, in the order of the tree."""
    pending: list[type[AppError]] = [AppError]
    while pending:
        kind = pending.pop(0)
        if kind is not AppError:
            yield kind
        pending[:0] = kind.__subclasses__()
