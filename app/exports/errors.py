"""Errors of exports."""

from app.errors import Invalid, TooManyRequests


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
