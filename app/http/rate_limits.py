"""How many requests a caller and an address may make, in this process.

The headers are those of the IETF draft "RateLimit header fields for HTTP": `RateLimit-Policy` names each quota and the
seconds in which it fills up again, `RateLimit` what is left of one of them.
"""

import math

from app.errors import TooManyRequests
from app.http.address_limits import AddressLimit
from app.http.client_address import client_address
from app.http.head import Scope
from app.http.token_buckets import TokenBuckets
from app.principal import Principal
from app.settings import Settings

_WINDOW = 60
#: The key in the scope under which the headers of the response wait.
HEADERS = "rate_limit_headers"


class TooManyFailures(TooManyRequests):
    code = "too_many_failures"
    title = "Too many requests without valid credentials"


class RateLimits:
    """The buckets of callers, of addresses, and of requests without valid credentials.

    A setting of 0 turns its limit off.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        per_principal, per_address = settings.rate_per_principal, settings.rate_per_address
        self._principals = TokenBuckets(burst=per_principal, seconds=_WINDOW / per_principal) if per_principal else None
        self._addresses = _by_address(per_address)
        self._failures = _by_address(settings.failures_per_address)
        quotas = (("principal", per_principal), ("address", per_address))
        policies = ", ".join(f'"{name}";q={quota};w={_WINDOW}' for name, quota in quotas if quota)
        self._policy = (b"ratelimit-policy", policies.encode()) if policies else None

    def count(self, scope: Scope, principal: Principal) -> None:
        """Count a request of an authenticated caller, and set the headers of its response.

        Raises:
            TooManyRequests: the caller or its address has made too many.
        """
        if self._policy is None:
            return
        # The caller's own quota is first: a caller beyond it takes nothing from the others at its address.
        if self._principals is not None:
            self._answer(scope, b"principal", self._principals, *self._principals.spend(principal.id.int))
        if self._addresses is not None:
            spent = self._addresses.take(client_address(scope, self._settings))
            if spent[0] or self._principals is None:
                self._answer(scope, b"address", self._addresses.buckets, *spent)

    def count_failure(self, scope: Scope) -> None:
        """Count a request without valid credentials.

        Raises:
            TooManyFailures: its address has made too many.
        """
        if self._failures is None:
            return
        wait = self._failures.spend(client_address(scope, self._settings))
        if wait:
            raise TooManyFailures("Wait before trying other credentials.", retry_after=math.ceil(wait))

    def _answer(self, scope: Scope, name: bytes, buckets: TokenBuckets, wait: float, reset: float) -> None:
        left = b'"%b";r=%d;t=%d' % (name, buckets.remaining(reset), math.ceil(reset))
        scope[HEADERS] = (self._policy, (b"ratelimit", left))
        if wait:
            whose = "These credentials have" if name == b"principal" else "This address has"
            raise TooManyRequests(f"{whose} sent too many requests.", retry_after=math.ceil(wait))


def _by_address(per_minute: int) -> AddressLimit | None:
    return AddressLimit(burst=per_minute, seconds=_WINDOW / per_minute) if per_minute else None
