"""seat claims

A seat is claimed with an invitation instead of being handed a token. New columns have defaults in the database: no row
is rewritten, and the release before can still insert. A legacy seat whose ballot was entered from paper alone becomes
a paper seat; every other seat keeps its token as its first claim.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_CHANNEL = sa.Enum("token", "paper", name="channel", native_enum=False, create_constraint=True, length=40)
_EVENT = sa.Enum(
    "invited", "claimed", "re_invited", "token_revoked", "withdrawn",
    name="event", native_enum=False, create_constraint=True, length=40,
)  # fmt: skip


def upgrade() -> None:
    op.add_column("participants", sa.Column("channel", _CHANNEL, server_default="token", nullable=False))
    for name, default in (
        ("first_round", "1"),
        ("claims", "0"),
        ("sees_from", "1"),
        ("former_round", "0"),
        ("withdrawn_round", "0"),
        ("counted_round", "0"),
    ):
        op.add_column("participants", sa.Column(name, sa.Integer(), server_default=sa.text(default), nullable=False))
    op.add_column("participants", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("ck_participants_paper_of_respondents"), "participants", "channel = 'token' or seat = 'respondent'"
    )
    op.add_column("votes", sa.Column("claim", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("votes", sa.Column("deferred", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_unique_constraint(
        "uq_votes_of_claim", "votes", ["tenant_id", "assessment_id", "participant_id", "practice", "round", "claim"]
    )
    op.drop_constraint("uq_votes_tenant_id_assessment_id_participant_id_practice_round", "votes", type_="unique")
    _keep_seats()
    op.create_table(
        "seat_changes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("event", _EVENT, nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "assessment_id", "participant_id"],
            ["participants.tenant_id", "participants.assessment_id", "participants.id"],
            name=op.f("fk_seat_changes_tenant_id_assessment_id_participant_id_participants"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_seat_changes_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_seat_changes")),
    )
    op.create_index(
        "ix_seat_changes_participant",
        "seat_changes",
        ["tenant_id", "assessment_id", "participant_id", "id"],
        unique=False,
    )
    op.create_table(
        "invitation_codes",
        sa.Column("selector", sa.String(length=4), nullable=False),
        sa.Column("verifier_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "assessment_id", "participant_id"],
            ["participants.tenant_id", "participants.assessment_id", "participants.id"],
            name=op.f("fk_invitation_codes_tenant_id_assessment_id_participant_id_participants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("selector", name=op.f("pk_invitation_codes")),
        sa.UniqueConstraint(
            "tenant_id",
            "assessment_id",
            "participant_id",
            name=op.f("uq_invitation_codes_tenant_id_assessment_id_participant_id"),
        ),
    )


def _keep_seats() -> None:
    op.execute(
        """
        update participants p set channel = 'paper', token_hash = null, token_revoked_at = null
        from (
            select tenant_id, participant_id from votes
            group by tenant_id, participant_id having bool_and(entered_by is not null)
        ) entered
        where p.tenant_id = entered.tenant_id and p.id = entered.participant_id and p.seat = 'respondent'
        """
    )
    # A token that may have been issued after the last close does not open what that close revealed.
    op.execute(
        """
        update participants p
        set claims = 1, claimed_at = case when p.token_revoked_at is null then p.created_at end,
            sees_from = case when a.closed_at is null or p.updated_at <= a.closed_at then 1
                else a.revealed_round + 1 end
        from assessments a
        where a.tenant_id = p.tenant_id and a.id = p.assessment_id and p.token_hash is not null
        """
    )
    # What the last close counted stays counted.
    op.execute(
        """
        update participants p
        set claimed_at = null, withdrawn_round = a.revealed_round,
            counted_round = case when p.withdrawn_at > a.closed_at then a.revealed_round else 0 end
        from assessments a
        where a.tenant_id = p.tenant_id and a.id = p.assessment_id and p.withdrawn_at is not null
        """
    )


def downgrade() -> None:
    op.drop_table("invitation_codes")
    op.drop_index("ix_seat_changes_participant", table_name="seat_changes")
    op.drop_table("seat_changes")
    # Only the vote that counts fits the older key.
    op.execute(
        """
        delete from votes v using votes w
        where w.tenant_id = v.tenant_id and w.assessment_id = v.assessment_id
            and w.participant_id = v.participant_id and w.practice = v.practice and w.round = v.round
            and w.claim < v.claim
        """
    )
    op.create_unique_constraint(
        op.f("uq_votes_tenant_id_assessment_id_participant_id_practice_round"),
        "votes",
        ["tenant_id", "assessment_id", "participant_id", "practice", "round"],
    )
    op.drop_constraint("uq_votes_of_claim", "votes", type_="unique")
    op.drop_column("votes", "deferred")
    op.drop_column("votes", "claim")
    op.drop_constraint(op.f("ck_participants_paper_of_respondents"), "participants", type_="check")
    for name in (
        "claimed_at",
        "counted_round",
        "withdrawn_round",
        "former_round",
        "sees_from",
        "claims",
        "first_round",
        "channel",
    ):
        op.drop_column("participants", name)
