"""Reading assessments."""

from sqlalchemy import LargeBinary, Uuid, bindparam, or_, select
from sqlmodel import col

from app.assessments.models import Participant
from app.db.reads import Read
from app.tree.models import Tenant

SEAT_BY_TOKEN = Read(
    select(
        col(Participant.id),
        col(Participant.assessment_id),
        col(Participant.seat),
        col(Participant.label),
        col(Tenant.secret),
        or_(col(Participant.withdrawn_at).is_not(None), col(Participant.token_revoked_at).is_not(None)).label(
            "revoked"
        ),
    )
    .join(Tenant, col(Tenant.id) == col(Participant.tenant_id))
    .where(
        col(Participant.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(Participant.token_hash) == bindparam("secret_hash", type_=LargeBinary()),
    )
)
