"""Errors of changes to people."""

from app.errors import Conflict, Invalid


class PersonExternalIdTaken(Conflict):
    code = "person_external_id_taken"
    title = "Another person has this external id"


class PersonMerged(Conflict):
    code = "person_merged"
    title = "The person was merged with another one; change that one"


class PersonErased(Conflict):
    code = "person_erased"
    title = "The person was erased"


class UnknownManager(Invalid):
    code = "unknown_manager"
    title = "No such person is visible to these credentials to manage another"


class ManagerCycle(Invalid):
    code = "manager_cycle"
    title = "A person cannot be managed by themselves, directly or through others"


class LeftBeforeHired(Invalid):
    code = "left_before_hired"
    title = "A person cannot leave before they are hired"
