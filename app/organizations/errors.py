"""Errors of changes to the tree."""

from app.errors import Conflict, Forbidden, Invalid


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    title = "Another organization has this external id"


class HasChildren(Conflict):
    code = "has_children"
    title = "The organization has organizations below it"


class RootOrganization(Conflict):
    code = "root_organization"
    title = "The tenant's root can be neither moved, archived nor deleted"


class UnknownOrganization(Invalid):
    code = "unknown_organization"
    title = "No such organization is visible to these credentials"


class TooDeep(Invalid):
    code = "tree_too_deep"
    title = "The tree may not grow deeper"


class OrganizationCycle(Invalid):
    code = "organization_cycle"
    title = "An organization cannot be moved below itself"


class AlreadyThere(Conflict):
    code = "already_there"
    title = "The organization belongs to this parent already"


class MovedOnInFuture(Invalid):
    code = "moved_on_in_future"
    title = "The day of the move is in the future"


class MovedOnTooEarly(Invalid):
    code = "moved_on_too_early"
    title = "The organization was moved again on a later day"


class NotMaintained(Forbidden):
    code = "not_maintained"
    title = "An integrator may not make this change of an organization"
