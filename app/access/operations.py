"""The one table of operations and the roles that may perform them.

It decides in the code, is published in the OpenAPI document as ``x-required-role`` and ``x-role-conditions``, and is
the oracle of the access matrix test. A role counts where it was granted and everywhere below.
"""

from dataclasses import dataclass
from typing import Final

from app.principal import READERS, Role

_ADMIN = frozenset({Role.ADMIN})
_RUN = frozenset({Role.FACILITATOR, Role.ADMIN})
_PLAN = frozenset({Role.MANAGER, Role.ADMIN})
_SET_UP = frozenset({Role.FACILITATOR, Role.MANAGER, Role.ADMIN})
_FEED = frozenset({Role.INTEGRATOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Access:
    """Who may perform an operation.

    Attributes:
        roles: any one of them on the organization concerned is enough.
        seat: the holder of a seat's token may too, for that seat's assessment only.
        proposer: so may the key that proposed an action item, as long as the item is proposed and the key may propose.
        creator: so may the caller that created it, as long as they may read it, or create it where the table says so.
        anyone: any valid credential may; nothing of an organization is touched.
        public: no credential is needed.
        oneself: so may the person whom it is about, signed in.
        linked: an integrator may only within what an admin linked to an external source.
    """

    roles: frozenset[Role] = frozenset()
    seat: bool = False
    proposer: bool = False
    creator: bool = False
    anyone: bool = False
    public: bool = False
    linked: bool = False
    oneself: bool = False

    def published(self) -> list[str]:
        """Return the form of ``x-required-role``: any one of these is enough."""
        if self.public:
            return ["public"]
        if self.anyone:
            return ["authenticated"]
        others = [name for name in ("seat", "proposer", "creator", "oneself") if getattr(self, name)]
        return [role.value for role in Role if role in self.roles] + others

    def conditions(self) -> dict[str, str]:
        """Return the form of ``x-role-conditions``: what else must hold where a caller relies on a role.

        Returns:
            By role, one of: ``linked`` (only within what an admin linked to an external source).
        """
        return {Role.INTEGRATOR.value: "linked"} if self.linked else {}


_PUBLIC = Access(public=True)
_ANYONE = Access(anyone=True)
_READ = Access(READERS)
_READ_OR_SEAT = Access(READERS, seat=True)
# An integrator only where an admin linked organizations to an external source: see `app.organizations.integrators`.
_LINKED = Access(_FEED, linked=True)

#: The operations of `/scim/v2`: only an identity provider performs them, with a SCIM token. They are not in the OpenAPI
#: document: RFC 7644 and the schemas at `/scim/v2/Schemas` describe them.
SCIM_OPERATIONS: Final = frozenset(
    {
        "scimSearch",
        "scimListUsers",
        "scimSearchUsers",
        "scimCreateUser",
        "scimGetUser",
        "scimReplaceUser",
        "scimPatchUser",
        "scimDeleteUser",
        "scimListGroups",
        "scimSearchGroups",
        "scimCreateGroup",
        "scimGetGroup",
        "scimReplaceGroup",
        "scimPatchGroup",
        "scimDeleteGroup",
        "scimBulk",
        "scimGetServiceProviderConfig",
        "scimListResourceTypes",
        "scimGetResourceType",
        "scimListSchemas",
        "scimGetSchema",
    }
)

OPERATIONS: Final[dict[str, Access]] = {
    "getLiveness": _PUBLIC,
    "getReadyState": _PUBLIC,
    "getMe": _ANYONE,
    "listApiKeys": Access(_ADMIN),
    "createApiKey": Access(_ADMIN),
    "getApiKey": Access(_ADMIN),
    "rotateApiKey": Access(_ADMIN),
    "adoptApiKey": Access(_ADMIN),
    "revokeApiKey": Access(_ADMIN),
    "listRoleGrants": Access(_ADMIN),
    "createRoleGrant": Access(_ADMIN),
    "getRoleGrant": Access(_ADMIN),
    "updateRoleGrant": Access(_ADMIN),
    "deleteRoleGrant": Access(_ADMIN),
    "listPrincipals": Access(_ADMIN),
    "createPrincipal": Access(_ADMIN),
    "getPrincipal": Access(_ADMIN),
    "updatePrincipal": Access(_ADMIN),
    "transitionPrincipal": Access(_ADMIN),
    "createPrincipalKey": Access(_ADMIN),
    "listOrganizations": _READ,
    "createOrganization": _LINKED,
    "getOrganization": _READ,
    "updateOrganization": _LINKED,
    "deleteOrganization": Access(_ADMIN),
    "transitionOrganization": Access(_ADMIN),
    "listOrganizationDescendants": _READ,
    "moveOrganization": _LINKED,
    "listOrganizationMoves": _READ,
    "upsertOrganization": _LINKED,
    "listPrograms": _READ,
    "createProgram": Access(_PLAN),
    "getProgram": _READ,
    "updateProgram": Access(_PLAN),
    "handOverProgram": Access(_PLAN),
    "deleteProgram": Access(_PLAN),
    "listImplementations": _READ,
    "createImplementation": Access(_SET_UP),
    "getImplementation": _READ,
    "deleteImplementation": Access(_SET_UP),
    "transitionImplementation": Access(_SET_UP),
    "listImplementationStages": _READ,
    "listPeople": _READ,
    "createPerson": Access(_FEED),
    "getPerson": _READ,
    "updatePerson": Access(_FEED),
    "upsertPerson": Access(_FEED),
    "deletePerson": Access(_FEED),
    # Only an admin of the whole tenant: it ends rights everywhere.
    "erasePerson": Access(_ADMIN),
    # Everything that is stored of a person lies anywhere in the tenant.
    "exportPerson": Access(_ADMIN, oneself=True),
    "listFormerEmployments": Access(_FEED),
    "mergePeople": Access(_FEED),
    "importRoster": Access(_FEED),
    "getRosterErrors": Access(_FEED),
    "listMetrics": _READ,
    "recordMetrics": Access(_FEED),
    "recordMetricsFromCsv": Access(_FEED),
    "getMetric": _READ,
    "transitionMetric": Access(_FEED),
    "listDrivers": _ANYONE,
    "getDriver": _ANYONE,
    "listInstruments": _ANYONE,
    "getInstrument": _ANYONE,
    "listInstrumentVersions": _ANYONE,
    "getInstrumentVersion": _ANYONE,
    "listScoringProfiles": _ANYONE,
    "getScoringProfile": _ANYONE,
    "createScoringProfile": Access(_ADMIN),
    "listAssessments": _READ,
    "createAssessment": Access(_RUN),
    "getAssessment": _READ_OR_SEAT,
    "updateAssessment": Access(_RUN),
    "deleteAssessment": Access(_RUN),
    "transitionAssessment": Access(_RUN),
    "reviseAssessment": Access(_RUN),
    "listAssessmentHistory": _READ_OR_SEAT,
    "listParticipants": _READ_OR_SEAT,
    "addParticipant": Access(_RUN),
    "addParticipants": Access(_RUN),
    "getParticipant": _READ_OR_SEAT,
    "updateParticipant": Access(_RUN),
    "withdrawParticipant": Access(_RUN),
    "listParticipantHistory": _READ_OR_SEAT,
    "inviteParticipant": Access(_RUN),
    "claimSeat": Access(public=True, seat=True),
    "claimOwnSeat": Access(seat=True),
    "revokeSeatToken": Access(_RUN),
    "listVotes": Access(seat=True),
    "castVote": Access(_RUN, seat=True),
    "castVotes": Access(_RUN, seat=True),
    "listConsensus": _READ_OR_SEAT,
    "getConsensus": _READ_OR_SEAT,
    "recordConsensus": Access(_RUN),
    "recordAllConsensus": Access(_RUN),
    "removeConsensus": Access(_RUN),
    "listPracticeRatings": _READ_OR_SEAT,
    "getPracticeRating": _READ_OR_SEAT,
    "ratePractice": Access(_RUN),
    "getAdministration": _READ_OR_SEAT,
    "recordAdministration": Access(_RUN),
    "getReadiness": _READ_OR_SEAT,
    "computeReadiness": _ANYONE,
    "listActionItems": _READ,
    "createActionItem": Access(_SET_UP),
    "createActionItems": Access(_SET_UP),
    "updateActionItems": Access(_PLAN, proposer=True),
    "transitionActionItems": Access(_PLAN),
    "getActionItem": _READ,
    "updateActionItem": Access(_PLAN, proposer=True),
    "deleteActionItem": Access(_PLAN),
    "transitionActionItem": Access(_PLAN),
    "listActionItemNotes": _READ,
    "addActionItemNote": Access(_PLAN),
    "listActionItemHistory": _READ,
    "listEvents": _READ,
    "listWebhooks": Access(_FEED),
    "createWebhook": Access(_FEED),
    "getWebhook": Access(_FEED),
    "updateWebhook": Access(_ADMIN, creator=True),
    "deleteWebhook": Access(_ADMIN, creator=True),
    "rotateWebhookSecret": Access(_ADMIN, creator=True),
    "revokeFormerWebhookSecret": Access(_ADMIN, creator=True),
    "testWebhook": Access(_ADMIN, creator=True),
    "replayWebhook": Access(_ADMIN, creator=True),
    "listWebhookDeliveries": Access(_ADMIN, creator=True),
    "listCalendarFeeds": _READ,
    "createCalendarFeed": _READ,
    "getCalendarFeed": _READ,
    "deleteCalendarFeed": Access(_ADMIN, creator=True),
    # Who knows the address.
    "downloadCalendar": _PUBLIC,
    # The list decides. An export that is kept belongs to the caller that created it.
    "exportList": _ANYONE,
    "listExports": _ANYONE,
    "createExport": _ANYONE,
    "getExport": Access(creator=True),
    "downloadExport": Access(creator=True),
    "deleteExport": Access(creator=True),
    "listConnectors": Access(_FEED),
    "createConnector": Access(_FEED),
    "getConnector": Access(_FEED),
    "updateConnector": Access(_ADMIN, creator=True),
    "deleteConnector": Access(_ADMIN, creator=True),
    "startConnectorRun": Access(_ADMIN, creator=True),
    "listConnectorRuns": Access(_FEED),
    # An identity provider acts for the whole tenant.
    "listScimTokens": Access(_ADMIN),
    "createScimToken": Access(_ADMIN),
    "getScimToken": Access(_ADMIN),
    "revokeScimToken": Access(_ADMIN),
    "listScimGroupMappings": Access(_ADMIN),
    "createScimGroupMapping": Access(_ADMIN),
    "getScimGroupMapping": Access(_ADMIN),
    "deleteScimGroupMapping": Access(_ADMIN),
    "listJobs": _READ,
    "getJob": _READ,
    "cancelJob": Access(_ADMIN, creator=True),
    "listAuditEvents": Access(_ADMIN),
    "verifyAuditEvents": Access(_ADMIN),
}
