"""The operations that an archived organization and an ended implementation still allow, for all domains.

An organization is archived by itself or by one above it. It keeps its history and takes nothing new; what runs in it
may end. The same holds for an implementation that has ended. `RULES` names every operation that changes something in
an organization, and `RULES_WHEN_ENDED` those that concern an implementation; docs/concepts.md shows them as a table.
"""

from typing import Final

from app.errors import Conflict
from app.tree.models import Organization

ALLOWED, REFUSED = True, False


class OrganizationArchived(Conflict):
    code = "organization_archived"
    title = "The organization, or one above it, is archived and takes nothing new"


class ImplementationEnded(Conflict):
    code = "implementation_ended"
    title = "The implementation has ended and takes nothing new"


#: What both tables say of assessments.
_OF_ASSESSMENTS: Final[dict[str, bool]] = {
    "createAssessment": REFUSED,
    "updateAssessment": ALLOWED,
    "deleteAssessment": ALLOWED,
    "transitionAssessment: open": REFUSED,
    "transitionAssessment: close": ALLOWED,
    "transitionAssessment: reopen": REFUSED,
    "transitionAssessment: finalize": ALLOWED,
    "transitionAssessment: void": ALLOWED,
    "reviseAssessment": REFUSED,
    "addParticipant": REFUSED,
    "addParticipants": REFUSED,
    "updateParticipant": ALLOWED,
    "withdrawParticipant": ALLOWED,
    "inviteParticipant": ALLOWED,
    "claimSeat": ALLOWED,
    "claimOwnSeat": ALLOWED,
    "revokeSeatToken": ALLOWED,
    "castVote": ALLOWED,
    "castVotes": ALLOWED,
    "recordConsensus": ALLOWED,
    "recordAllConsensus": ALLOWED,
    "removeConsensus": ALLOWED,
    "ratePractice": ALLOWED,
    "recordAdministration": ALLOWED,
}

#: Each changing operation, and for some of its forms after a colon, whether an archived organization allows it.
RULES: Final[dict[str, bool]] = {
    # Access to what is archived can still be given and must be taken away.
    "createApiKey": ALLOWED,
    "rotateApiKey": ALLOWED,
    "adoptApiKey": ALLOWED,
    "revokeApiKey": ALLOWED,
    "createRoleGrant": ALLOWED,
    "updateRoleGrant": ALLOWED,
    "deleteRoleGrant": ALLOWED,
    "createPrincipal": ALLOWED,
    "updatePrincipal": ALLOWED,
    "transitionPrincipal": ALLOWED,
    "createPrincipalKey": ALLOWED,
    "createWebhook": REFUSED,
    "updateWebhook": ALLOWED,
    "deleteWebhook": ALLOWED,
    "rotateWebhookSecret": ALLOWED,
    "revokeFormerWebhookSecret": ALLOWED,
    "testWebhook": ALLOWED,
    "replayWebhook": ALLOWED,
    "createConnector": REFUSED,
    "updateConnector": ALLOWED,
    "deleteConnector": ALLOWED,
    "startConnectorRun": ALLOWED,
    "createOrganization": REFUSED,
    "updateOrganization": ALLOWED,
    "transitionOrganization": ALLOWED,
    "moveOrganization: out of it": ALLOWED,
    "moveOrganization: below it": REFUSED,
    "upsertOrganization: create below it": REFUSED,
    "upsertOrganization: update": ALLOWED,
    "deleteOrganization": ALLOWED,
    "createProgram": REFUSED,
    "updateProgram": ALLOWED,
    "handOverProgram: from it": ALLOWED,
    "handOverProgram: to it": REFUSED,
    "deleteProgram": ALLOWED,
    "createImplementation": REFUSED,
    "transitionImplementation: to a stage": REFUSED,
    "transitionImplementation: end": ALLOWED,
    "transitionImplementation: resume": REFUSED,
    "deleteImplementation": ALLOWED,
    "createPerson": REFUSED,
    "updatePerson": ALLOWED,
    "updatePerson: move into it": REFUSED,
    "upsertPerson: create": REFUSED,
    "upsertPerson: update": ALLOWED,
    "upsertPerson: move into it": REFUSED,
    "deletePerson": ALLOWED,
    "erasePerson": ALLOWED,
    "mergePeople": ALLOWED,
    # An archived organization takes nobody new: the rows say so.
    "importRoster": ALLOWED,
    "recordMetrics": REFUSED,
    "recordMetricsFromCsv": REFUSED,
    "transitionMetric": ALLOWED,
    **_OF_ASSESSMENTS,
    "createActionItem": REFUSED,
    "createActionItems": REFUSED,
    "updateActionItems": ALLOWED,
    "updateActionItem": ALLOWED,
    "deleteActionItem": ALLOWED,
    "transitionActionItem: open or start": REFUSED,
    "transitionActionItem: block, finish, verify or dismiss": ALLOWED,
    "transitionActionItems: open or start": REFUSED,
    "transitionActionItems: block, finish, verify or dismiss": ALLOWED,
    "addActionItemNote": ALLOWED,
}


#: The same for an implementation that has ended.
RULES_WHEN_ENDED: Final[dict[str, bool]] = {
    "transitionImplementation: to a stage": REFUSED,
    "transitionImplementation: end": REFUSED,
    "transitionImplementation: resume": ALLOWED,
    "deleteImplementation": ALLOWED,
    **_OF_ASSESSMENTS,
}


def rules_table() -> str:
    """Return both tables in Markdown, as docs/concepts.md shows them."""
    words = {ALLOWED: "allowed", REFUSED: "refused", None: ""}
    rows = [
        f"| {operation} | {words[rule]} | {words[RULES_WHEN_ENDED.get(operation)]} |"
        for operation, rule in RULES.items()
    ]
    return "\n".join(["| operation | archived organization | ended implementation |", "|---|---|---|", *rows])


def check_archived(organization: Organization, operation: str) -> None:
    """Refuse what an archived organization does not allow.

    Args:
        organization: as it was loaded in this transaction.
        operation: a key of `RULES`.

    Raises:
        OrganizationArchived: it is archived, or one above it is.
    """
    check_archived_by(organization.archived_by_id, operation)


def check_archived_by(archived_by_id: object | None, operation: str) -> None:
    """Do what `check_archived` does, for a statement that read only ``archived_by_id``.

    Raises:
        OrganizationArchived: as there.
    """
    if archived_by_id is not None and RULES[operation] is REFUSED:
        raise OrganizationArchived


def check_ended(ended_at: object | None, operation: str) -> None:
    """Refuse what an implementation that has ended does not allow.

    Raises:
        ImplementationEnded: it has ended.
    """
    if ended_at is not None and RULES_WHEN_ENDED[operation] is REFUSED:
        raise ImplementationEnded
