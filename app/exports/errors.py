"""Errors of exports."""

from app.errors import AppError, Conflict, Forbidden, Invalid, TooManyRequests


class UnknownList(Invalid):
    code = "unknown_list"
    title = "There is no list at this address"


class InvalidFilters(Invalid):
    code = "invalid_filters"
    title = "The list does not take these filters"


class ExportTooLarge(Invalid):
    code = "export_too_large"
    title = "The list is too long for this format"


class TooManyExports(TooManyRequests):
    code = "too_many_exports"
    title = "Too many exports are running"


class ExportNotReady(Conflict):
    code = "export_not_ready"
    title = "The export has not finished, has failed or was canceled"


class ExportRightsChanged(Forbidden):
    code = "export_rights_changed"
    title = "The caller has lost rights with which the export was made"


class ExportRightsEnded(Forbidden):
    code = "export_rights_ended"
    title = "The caller that created the export may call no more"


class ExportGone(AppError):
    status = 410
    code = "export_gone"
    title = "The export was deleted while it was made"
