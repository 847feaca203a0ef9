"""Errors of computing readiness."""

from app.errors import Invalid


class UnknownInstrument(Invalid):
    code = "unknown_instrument"
    title = "There is no such instrument version"


class UnknownProfile(Invalid):
    code = "unknown_profile"
    title = "There is no such scoring profile"
