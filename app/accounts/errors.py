"""Errors of changes to principals, keys and grants."""

from app.errors import Conflict, Forbidden, Invalid


class BeyondOwnRights(Forbidden):
    code = "beyond_own_rights"
    title = "Nobody gives more rights than they have"


class PrincipalInactive(Conflict):
    code = "principal_inactive"
    title = "The principal is deactivated"


class PersonHasPrincipal(Conflict):
    code = "person_has_principal"
    title = "Another principal stands for this person"


class PersonSignsIn(Conflict):
    code = "person_signs_in"
    title = "The person of this principal signs in; an operator has to unlink them first"


class GrantExists(Conflict):
    code = "grant_exists"
    title = "The principal has this role on this organization; change its period instead"


class UnknownPerson(Invalid):
    code = "unknown_person"
    title = "No such person is visible to these credentials"


class PersonOfMachine(Invalid):
    code = "person_of_machine"
    title = "Only a principal of kind person stands for a person"


class UnknownPrincipal(Invalid):
    code = "unknown_principal"
    title = "No such principal is visible to these credentials"


class InvalidPeriod(Invalid):
    code = "invalid_period"
    title = "The period has passed, or ends before it starts"
