"""The needs of a route that the gateway serves, declared at the route."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

#: No route declares a longer deadline, in seconds.
LONGEST_SECONDS: Final = 120.0
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class BodyKind(StrEnum):
    """How the gateway treats the body of a request. Media types of SCIM are JSON by another name."""

    JSON = "json"
    CSV = "csv"
    SCIM = "scim"
    STREAM = "stream"
    MULTIPART = "multipart"


@dataclass(frozen=True, slots=True)
class Needs:
    """The limits of one route.

    Attributes:
        body: JSON, that of SCIM too, is read, bounded and parsed by the gateway; CSV is read and bounded. A stream or a
            multipart form reaches the route unread; the gateway counts its bytes.
        max_bytes: the largest body; None: the setting `max_body_bytes`.
        seconds: the deadline of a request; None: the setting `request_seconds`.
        streams: the answer is a stream, to which no deadline applies.
        public: no credential is needed.
        provisioning: the route is one of SCIM. It takes the tokens of identity providers, and no other route does.
    """

    body: BodyKind = BodyKind.JSON
    max_bytes: int | None = None
    seconds: float | None = None
    streams: bool = False
    public: bool = False
    provisioning: bool = False

    def __post_init__(self) -> None:
        if self.seconds is not None and self.seconds > LONGEST_SECONDS:
            raise ValueError(f"a request may take {LONGEST_SECONDS:.0f} seconds at most")


def needs(declared: Needs) -> Callable[[Endpoint], Endpoint]:
    """Declare the needs of a route's function."""

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.needs = declared  # type: ignore[attr-defined]
        return endpoint

    return declare


def needs_of(route: Any) -> Needs:
    """Return the needs that a route or its function declares, or the defaults."""
    declared = getattr(route, "needs", None) or getattr(getattr(route, "endpoint", None), "needs", None)
    return declared or Needs()
