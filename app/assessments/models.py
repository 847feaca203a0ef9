"""Assessments and their parts: seats, votes, consensus, ratings and the administration record."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, choice
from app.principal import SeatKind
from app.programs.models import Stage


class AssessmentState(StrEnum):
    """The states of an assessment."""

    DRAFT = "draft"
    COLLECTING = "collecting"
    CONSENSUS = "consensus"
    FINAL = "final"
    VOID = "void"


class AssessmentMode(StrEnum):
    """The visibility of votes after the close: in `open` the team sees them."""

    OPEN = "open"


class Perspective(StrEnum):
    """Where a respondent stands in or around the organization."""

    EXECUTIVE = "executive"
    MANAGER = "manager"
    SUPERVISOR = "supervisor"
    PRACTITIONER = "practitioner"
    HR = "hr"
    FINANCE = "finance"
    SERVICE_USER = "service_user"
    OTHER = "other"


class VoteValue(StrEnum):
    """The five answers of a respondent on a practice, as stored."""

    NOT_IN_PLACE = "0"
    PARTIALLY_IN_PLACE = "1"
    IN_PLACE = "2"
    DONT_KNOW = "dont_know"
    NOT_APPLICABLE = "not_applicable"


class Channel(StrEnum):
    """How a respondent's votes reach the service: cast with the seat's token, or entered from a paper ballot."""

    TOKEN = "token"  # noqa: S105  # a word, not a secret
    PAPER = "paper"


class SeatEvent(StrEnum):
    """The kind of a change of a seat. It never depends on votes."""

    INVITED = "invited"
    CLAIMED = "claimed"
    RE_INVITED = "re_invited"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # a word, not a secret
    WITHDRAWN = "withdrawn"


class ConsensusMethod(StrEnum):
    """How the team came to its consensus."""

    DISCUSSION = "discussion"
    REVOTE = "revote"
    MAJORITY = "majority"
    FACILITATOR = "facilitator"
    DOCUMENT = "document"


class Assessment(Versioned, table=True):
    """One team's rating of one implementation."""

    __tablename__ = "assessments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "implementation_id"], ["implementations.tenant_id", "implementations.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "instrument_version_id"], ["instrument_versions.tenant_id", "instrument_versions.id"]
        ),
        ForeignKeyConstraint(
            ["tenant_id", "scoring_profile_id"], ["scoring_profiles.tenant_id", "scoring_profiles.id"]
        ),
        Index("ix_assessments_organization", "tenant_id", "organization_id", "id"),
        Index("ix_assessments_implementation", "tenant_id", "implementation_id", "id"),
        Index("ix_assessments_updated", "tenant_id", "updated_at", "id"),
        Index("ix_assessments_administered", "tenant_id", "administered_on", "id"),
        Index("ix_assessments_instrument", "tenant_id", "instrument_version_id"),
        Index("ix_assessments_profile", "tenant_id", "scoring_profile_id"),
        ForeignKeyConstraint(["tenant_id", "supersedes_id"], ["assessments.tenant_id", "assessments.id"]),
        Index(
            "uq_assessments_successor",
            "tenant_id",
            "supersedes_id",
            unique=True,
            postgresql_where="supersedes_id is not null and state <> 'void'",
        ),
        Index("ix_assessments_supersedes", "tenant_id", "supersedes_id", postgresql_where="supersedes_id is not null"),
    )

    organization_id: UUID
    implementation_id: UUID
    instrument_version_id: UUID
    scoring_profile_id: UUID
    title: str = Field(max_length=200)
    mode: AssessmentMode = Field(default=AssessmentMode.OPEN, sa_type=choice(AssessmentMode, "mode"))
    state: AssessmentState = Field(default=AssessmentState.DRAFT, sa_type=choice(AssessmentState, "state"))
    stage: Stage | None = Field(default=None, sa_type=choice(Stage, "stage"))
    supersedes_id: UUID | None = Field(default=None, description="The final assessment this one corrects.")
    round: int = 1
    revealed_round: int = Field(default=0, description="The last round whose votes were revealed.")
    administered_on: date | None = None
    opens_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    closes_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    opened_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    closed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    finalized_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    signal_metric_ids: list[UUID] | None = Field(
        default=None, sa_type=ARRAY(Uuid), description="Of a final assessment: the figures that counted for its signal."
    )


class AssessmentChange(Record, table=True):
    """A transition of an assessment: who made it, when and why."""

    __tablename__ = "assessment_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        Index("ix_assessment_changes_assessment", "tenant_id", "assessment_id", "id"),
    )

    assessment_id: UUID
    from_state: AssessmentState | None = Field(default=None, sa_type=choice(AssessmentState, "from_state"))
    to_state: AssessmentState = Field(sa_type=choice(AssessmentState, "to_state"))
    reason: str | None = Field(default=None, max_length=10_000)
    actor_id: UUID
    actor_name: str = Field(max_length=200)


def _counter(default: int, description: str) -> Any:
    """Return an integer column with a default in the database, so that adding the column rewrites no row."""
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default))}, description=description)


class Participant(Versioned, table=True):
    """A seat in an assessment and its present claim. Only the SHA-256 of the claim's token is stored.

    A claim stands for one holder of the seat, who has a token or signs in. Inviting again ends the present claim, and
    the next claim gets the next number.

    The claim of a person who signs in names the `Identity`. These rows never change, so linking another sign-in to the
    person opens no seat that was claimed before.
    """

    __tablename__ = "participants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        UniqueConstraint("tenant_id", "assessment_id", "id"),
        UniqueConstraint("tenant_id", "token_hash"),
        Index("ix_participants_person", "tenant_id", "person_id", postgresql_where="person_id is not null"),
        Index(
            "uq_participants_administrator",
            "tenant_id",
            "assessment_id",
            unique=True,
            postgresql_where="seat = 'administrator' and withdrawn_at is null",
        ),
        CheckConstraint("(seat = 'respondent') = (perspective is not null)", name="perspective_of_respondents"),
        CheckConstraint("channel = 'token' or seat = 'respondent'", name="paper_of_respondents"),
    )

    assessment_id: UUID
    seat: SeatKind = Field(sa_type=choice(SeatKind, "seat"))
    channel: Channel = Field(
        default=Channel.TOKEN,
        sa_type=choice(Channel, "channel"),
        sa_column_kwargs={"server_default": Channel.TOKEN.value},
    )
    perspective: Perspective | None = Field(default=None, sa_type=choice(Perspective, "perspective"))
    label: str | None = Field(default=None, max_length=200)
    person_id: UUID | None = None
    first_round: int = _counter(1, "The first round whose votes this seat could cast.")
    claims: int = _counter(0, "How often the seat was claimed: the number of its last claim.")
    claimed_at: datetime | None = Field(
        default=None, sa_type=DateTime(timezone=True), description="When the present claim was made."
    )
    sees_from: int = _counter(1, "The first round whose votes the present claim sees once they are revealed.")
    former_round: int = _counter(0, "The last round in which a former claim could vote; 0: none could.")
    token_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    holder_id: UUID | None = Field(
        default=None, description="The identity that holds the present claim by signing in; None: a token does."
    )
    token_revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    withdrawn_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    withdrawn_round: int = _counter(0, "The round at the withdrawal; 0: not withdrawn, or withdrawn from a draft.")
    counted_round: int = _counter(0, "Of a withdrawn seat: the last round that was revealed before it was withdrawn.")


class SeatChange(Record, table=True):
    """A change of a seat: who made it and when."""

    __tablename__ = "seat_changes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id", "participant_id"],
            ["participants.tenant_id", "participants.assessment_id", "participants.id"],
            ondelete="CASCADE",
        ),
        Index("ix_seat_changes_participant", "tenant_id", "assessment_id", "participant_id", "id"),
    )

    assessment_id: UUID
    participant_id: UUID
    event: SeatEvent = Field(sa_type=choice(SeatEvent, "event"))
    actor_id: UUID
    actor_name: str = Field(max_length=200)


class InvitationCode(SQLModel, table=True):
    """An open invitation, found by the public part of its code.

    A person who claims a seat has no credential yet, so the tenant is unknown until the code is found. Therefore the
    primary key is the selector and does not begin with the tenant.
    """

    __tablename__ = "invitation_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id", "participant_id"],
            ["participants.tenant_id", "participants.assessment_id", "participants.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("tenant_id", "assessment_id", "participant_id"),
    )

    selector: str = Field(primary_key=True, max_length=4)
    verifier_hash: bytes = Field(sa_type=LargeBinary)
    tenant_id: UUID
    assessment_id: UUID
    participant_id: UUID
    expires_at: datetime = Field(sa_type=DateTime(timezone=True))
    attempts: int = 0


class Vote(Versioned, table=True):
    """One vote of one claim of a seat on a practice in a round."""

    __tablename__ = "votes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id", "participant_id"],
            ["participants.tenant_id", "participants.assessment_id", "participants.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint(
            "tenant_id", "assessment_id", "participant_id", "practice", "round", "claim", name="uq_votes_of_claim"
        ),
    )

    assessment_id: UUID
    participant_id: UUID
    practice: str = Field(max_length=40)
    round: int
    claim: int = _counter(
        1,
        "The number of the claim that cast it; of a paper ballot, the first round in which its key entered it.",
    )
    deferred: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": false()},
        description="A former claim could vote in the same round: no count includes this vote before the close.",
    )
    value: VoteValue = Field(sa_type=choice(VoteValue, "value"))
    comment: str | None = Field(default=None, max_length=10_000)
    entered_by: UUID | None = Field(default=None, description="Who entered a paper ballot; null: the seat itself.")


class Consensus(Versioned, table=True):
    """The level that the team agreed on for a practice."""

    __tablename__ = "consensus"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "assessment_id", "practice"),
        CheckConstraint("value <> 'dont_know'", name="consensus_knows"),
    )

    assessment_id: UUID
    practice: str = Field(max_length=40)
    value: VoteValue = Field(sa_type=choice(VoteValue, "value"))
    note: str | None = Field(default=None, max_length=10_000)
    method: ConsensusMethod = Field(sa_type=choice(ConsensusMethod, "method"))
    dissent: str | None = Field(default=None, max_length=10_000)
    recorded_by: UUID


class PracticeRating(Versioned, table=True):
    """The importance and feasibility of a practice to this team, or the reason it stays unscored."""

    __tablename__ = "practice_ratings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "assessment_id", "practice"),
        CheckConstraint("importance between 1 and 5", name="importance"),
        CheckConstraint("feasibility between 1 and 5", name="feasibility"),
    )

    assessment_id: UUID
    practice: str = Field(max_length=40)
    importance: int | None = None
    feasibility: int | None = None
    left_unscored: str | None = Field(default=None, max_length=10_000)


class AdministrationRecord(Versioned, table=True):
    """How the session was run; shown with the score."""

    __tablename__ = "administration_records"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "assessment_id"], ["assessments.tenant_id", "assessments.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "assessment_id"),
        CheckConstraint("duration_minutes between 1 and 10080", name="duration"),
    )

    assessment_id: UUID
    roles_present: list[dict[str, Any]] = Field(sa_type=JSONB)
    checklist: list[dict[str, Any]] = Field(sa_type=JSONB)
    evidence_reviewed: bool
    duration_minutes: int | None = None
    deviations: str | None = Field(default=None, max_length=10_000)
    recorded_by: UUID
