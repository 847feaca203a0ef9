"""Errors of SCIM and its tokens."""

from app.errors import AppError, Conflict


class TooManyScimTokens(Conflict):
    code = "too_many_scim_tokens"
    title = "Two SCIM tokens work already; revoke one first"


class ScimGroupMappingExists(Conflict):
    code = "scim_group_mapping_exists"
    title = "The group has this mapping already"


class ScimRefused(AppError):
    """A failure that the SCIM protocol names by its own status and type.

    Args:
        status: the HTTP status.
        scim_type: the type of RFC 7644, 3.12; None: the status has none.
    """

    status = 400
    code = "scim_refused"
    title = "The SCIM request was refused"

    def __init__(self, status: int, detail: str, *, scim_type: str | None, headers: dict[str, str]) -> None:
        super().__init__(detail, headers=headers, scim_type=scim_type)
        self.__dict__["status"] = status
