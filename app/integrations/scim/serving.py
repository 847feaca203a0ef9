"""Serve a request of SCIM: the library reads the protocol, `store` reads and writes people.

Only requests of SCIM load this module: the library takes 30 MB.
"""

import json
from typing import Any, Final
from urllib.parse import quote

from fastapi import Response
from scim2_models import BulkOperation, Error, Resource, SCIMException
from scim2_server.errors import MethodNotAllowedException
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.service import ScimService

from app.db.transaction import Tx
from app.errors import AppError
from app.http import scim_errors
from app.integrations.scim.errors import ScimRefused
from app.integrations.scim.resources import create_provider
from app.integrations.scim.store import PeopleStore

#: What a failure is called, where the library's own text could repeat what was sent.
_DETAILS: Final = {
    "invalidFilter": "The filter is not well-formed, or uses an attribute or an operator that is not supported.",
    "invalidPath": "The path of a PATCH is not well-formed, or names no attribute of the resource.",
    "invalidSyntax": "The body is not a request as RFC 7644 describes it.",
    "invalidValue": "A required value is missing, or a value does not fit its attribute.",
    "mutability": "An attribute that cannot be changed would be.",
    "noTarget": "The path of a PATCH selects nothing.",
    "tooMany": "The filter finds more than can be returned.",
    "uniqueness": "Another resource has this userName or externalId.",
}
_OF_STATUS: Final = {
    404: "There is no such resource.",
    409: "The request conflicts with the present state.",
    412: "The resource has changed since it was read.",
    413: "The request is too large.",
    415: "Send application/scim+json or application/json.",
    501: "This is not supported; see /scim/v2/ServiceProviderConfig.",
}


class Service(ScimService):
    """The protocol, with the bodies of PATCH answers and errors that this service promises."""

    def patch_response(self, base_url: str, resource: Resource[Any], response_parameters: Any) -> Any:
        """Answer a PATCH with the resource, as clients expect, where the specification allows an empty answer."""
        return self.replacement_response(base_url, resource, response_parameters)

    def bulk_failure(self, outcome: dict[str, Any], exception: Exception) -> dict[str, Any]:
        """Report the failure of one operation; one that is not the client's fails the whole request.

        Raises:
            Exception: the service or the database is at fault.
        """
        error = _error_of(exception)
        if error is None:
            raise exception
        return {**outcome, "status": error.status, "response": error}

    @staticmethod
    def bulk_validation_failure(
        operation: BulkOperation[Resource[Any]], outcome: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Report an operation whose data are not valid, without repeating them."""
        failed = operation.response
        if not isinstance(failed, Error):
            return None
        return {**outcome, "status": operation.status, "response": _bare(failed.status or 400, failed.scim_type)}


SERVICE: Final = Service(create_provider())


async def handle(tx: Tx, request: ScimRequest) -> Response:
    """Serve a request in a transaction.

    Raises:
        ScimRefused: the request is refused by the protocol.
        AppError: a rule of the product refuses it.
    """
    handler = AsyncScimHandler(SERVICE, PeopleStore(tx, writes=_writes(request)))
    try:
        answer = await handler.handle(request)
    except SCIMException as error:
        headers = {}
        if isinstance(error, MethodNotAllowedException):
            headers["Allow"] = ", ".join(error.allowed)
        scim_type = error.scim_type or None
        raise ScimRefused(
            error.status, _detail(error.status, scim_type), scim_type=scim_type, headers=headers
        ) from error
    body = b"" if answer.body is None else json.dumps(answer.body).encode("ascii")
    headers = {name: quote(value, safe="!#$%&'()*+,/:;=?@[]~\" ") for name, value in answer.headers.items()}
    if answer.body is None:
        headers.pop("Content-Type", None)
    return Response(body, status_code=int(answer.status), headers=headers)


def _writes(request: ScimRequest) -> bool:
    return request.method not in {"GET", "HEAD"} and not request.path.endswith("/.search")


def _error_of(exception: Exception) -> Error | None:
    """Return what a bulk request says of a failure; None: the failure is not the client's."""
    if isinstance(exception, SCIMException):
        return _bare(exception.status, exception.scim_type or None)
    if isinstance(exception, AppError) and exception.status < 500:
        return Error.model_validate(json.loads(bytes(scim_errors.render(exception).body)))
    return None


def _bare(status: int, scim_type: str | None) -> Error:
    return Error(status=status, scim_type=scim_type, detail=_detail(status, scim_type))


def _detail(status: int, scim_type: str | None) -> str:
    return _DETAILS.get(scim_type or "", _OF_STATUS.get(status, "The request was refused."))
