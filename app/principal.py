"""The caller as plain data, built once from a credential and passed down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from uuid import UUID


class Role(StrEnum):
    """What a grant allows on an organization and its subtree."""

    VIEWER = "viewer"
    RESPONDENT = "respondent"
    FACILITATOR = "facilitator"
    MANAGER = "manager"
    INTEGRATOR = "integrator"
    ADMIN = "admin"


#: Roles that read what lies in their subtree; a bare respondent only votes where invited.
READERS = frozenset({Role.VIEWER, Role.FACILITATOR, Role.MANAGER, Role.INTEGRATOR, Role.ADMIN})


#: The kind of a principal that is an identity provider: only the routes of SCIM know it.
PROVISIONING = "scim"
#: The kind of the principal of the command line. No tenant stores it.
OPERATOR = "operator"


class SeatKind(StrEnum):
    """What a participant does in an assessment; only respondents vote."""

    ADMINISTRATOR = "administrator"
    FACILITATOR = "facilitator"
    NOTE_TAKER = "note_taker"
    RESPONDENT = "respondent"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Grant:
    """One role on the subtree that begins at ``path``.

    Attributes:
        id: the stored grant; None where the role comes from another source.
        ends_at: when it ends, UTC; None: it does not.
    """

    role: Role
    organization_id: UUID
    path: str
    id: UUID | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsedKey:
    """The API key that a caller sent.

    Attributes:
        expires_at: when the secret that was sent stops working, UTC; None: it does not.
        networks: where it may be used from; empty: everywhere.
        secret_hash: the SHA-256 of the secret that was sent.
        is_former: a rotation has replaced the secret that was sent.
        person_id: the person whose principal it belongs to; None: a machine's.
        maker_id: the person who made the secret that was sent, or took over the key; None: an operator did.
    """

    id: UUID
    expires_at: datetime | None = None
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    secret_hash: bytes = field(default=b"", repr=False)
    is_former: bool = False
    person_id: UUID | None = None
    maker_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in one assessment, held by its token.

    Attributes:
        claim: the number of the claim that the token belongs to.
        sees_from: the first round whose votes this claim sees once they are revealed.
    """

    assessment_id: UUID
    participant_id: UUID
    kind: SeatKind
    claim: int
    sees_from: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person who signed in.

    Attributes:
        identity_id: the link between the person and the issuer's subject. It is never changed to another person.
    """

    person_id: UUID
    identity_id: UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller of one tenant: an API key with grants, a person who signed in, the holder of a seat, or SCIM.

    Attributes:
        held: the seats that the person who signed in has claimed, each as the principal that votes with it.
    """

    tenant_id: UUID
    id: UUID
    kind: str
    name: str
    tenant_secret: bytes = field(repr=False)
    grants: tuple[Grant, ...] = ()
    seat: Seat | None = None
    key: UsedKey | None = None
    signed_in: SignedIn | None = None
    held: tuple[Principal, ...] = ()
    visible_paths: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "visible_paths", outermost(g.path for g in self.grants if g.role in READERS))

    def holder_in(self, assessment_id: UUID) -> Principal | None:
        """Return the seat that the person who signed in holds in an assessment, as the principal to vote with."""
        return next((held for held in self.held if held.seat and held.seat.assessment_id == assessment_id), None)

    @property
    def person_id(self) -> UUID | None:
        """The person who signed in, or for whom the key's principal stands; None where that is not known."""
        if self.signed_in is not None:
            return self.signed_in.person_id
        return None if self.key is None else self.key.person_id

    @property
    def maker_id(self) -> UUID | None:
        """The person who answers for keys that this caller makes: the caller, or who made the key of a machine."""
        if self.person_id is not None:
            return self.person_id
        return None if self.key is None else self.key.maker_id

    def reads(self, path: str) -> bool:
        """Return whether the organization at ``path`` is visible to the caller."""
        return path.startswith(self.visible_paths)


def outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of these paths that lie below none of the others."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return tuple(found)
