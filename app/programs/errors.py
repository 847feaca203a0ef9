"""Errors of changes to programs and implementations."""

from app.errors import Conflict, Invalid


class ImplementationExists(Conflict):
    code = "implementation_exists"
    title = "The organization uses this program already"


class UnknownProgram(Invalid):
    code = "unknown_program"
    title = "No such program is visible to these credentials"


class ProgramOutOfReach(Invalid):
    code = "program_out_of_reach"
    title = "The program belongs to neither the organization nor one above it"


class NotAboveOwner(Invalid):
    code = "not_above_owner"
    title = "A program is handed to an organization above its owner"
