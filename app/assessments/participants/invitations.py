"""Create and end open invitations, and count attempts to use them."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.assessments.models import Participant, SeatChange, SeatEvent
from app.assessments.participants.codes import Code, InvitationTerms
from app.assessments.participants.schemas import Invitation
from app.db.connection import Connection
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import Unavailable

_MOST_DRAWS = 32
_INSERT = Read(
    text(
        """
        insert into invitation_codes
            (selector, verifier_hash, tenant_id, assessment_id, participant_id, expires_at, attempts)
        select made.selector, made.verifier_hash, :tenant_id, :assessment_id, made.participant_id, :expires_at, 0
        from unnest(cast(:selectors as text[]), cast(:hashes as bytea[]), cast(:seats as uuid[]))
            as made (selector, verifier_hash, participant_id)
        on conflict (selector) do nothing
        returning selector
        """
    )
)
# The expired invitations may belong to another tenant. So a function with more rights removes them.
_REMOVE_EXPIRED = Read(text("select remove_expired_invitations(cast(:selectors as text[]), :now)"))
_REMOVE = Read(
    text(
        """
        delete from invitation_codes
        where tenant_id = :tenant_id and assessment_id = :assessment_id and participant_id = :participant_id
        returning selector, verifier_hash, expires_at
        """
    )
)
_SPEND = Read(
    text(
        """
        select tenant_id, assessment_id, participant_id
        from spend_invitation_attempt(cast(:selector as text), cast(:verifier_hash as bytea), :now)
        """
    )
)


class OpenInvitation:
    """The seat that a correct code opens."""

    __slots__ = ("assessment_id", "participant_id", "tenant_id")

    def __init__(self, tenant_id: UUID, assessment_id: UUID, participant_id: UUID) -> None:
        self.tenant_id = UUID(int=tenant_id.int)
        self.assessment_id = UUID(int=assessment_id.int)
        self.participant_id = UUID(int=participant_id.int)


async def invite(tx: Tx, assessment_id: UUID, seats: Sequence[UUID], terms: InvitationTerms) -> dict[UUID, Invitation]:
    """Make an invitation for each of these seats, which have none. The codes are shown once.

    Raises:
        Unavailable: open invitations use nearly all selectors.
    """
    expires_at, waiting = terms.expires_at(tx.now), list(seats)
    made: dict[UUID, Invitation] = {}
    for _ in range(_MOST_DRAWS):
        if not waiting:
            return made
        # If two codes have the same selector, the seat that comes later waits for the next draw.
        drawn = {code.selector: (code, seat) for seat in reversed(waiting) for code in (Code.draw(),)}
        for selector in await _insert(tx, assessment_id, drawn, expires_at):
            code, seat = drawn[selector]
            made[seat] = Invitation(
                code=code.text, code_reason=None, expires_at=expires_at, join_url=terms.join_url(code.text)
            )
        waiting = [seat for seat in waiting if seat not in made]
    raise Unavailable("Too many invitations are open at present.", retry_after=60)


async def _insert(
    tx: Tx, assessment_id: UUID, drawn: Mapping[str, tuple[Code, UUID]], expires_at: datetime
) -> set[str]:
    """Store the codes whose selectors no open invitation uses. Return these selectors."""
    stored: set[str] = set()
    for _ in range(2):
        left = {selector: found for selector, found in drawn.items() if selector not in stored}
        rows = await tx.fetch(
            _INSERT,
            selectors=list(left),
            hashes=[code.verifier_hash for code, _ in left.values()],
            seats=[seat for _, seat in left.values()],
            tenant_id=tx.tenant_id,
            assessment_id=assessment_id,
            expires_at=expires_at,
        )
        stored |= {row["selector"] for row in rows}
        if len(stored) == len(drawn):
            break
        await tx.fetch(_REMOVE_EXPIRED, selectors=[one for one in left if one not in stored], now=tx.now)
    return stored


async def remove_invitation(tx: Tx, seat: Participant) -> bool:
    """End the open invitation of a seat. Return whether there was one."""
    names = {"tenant_id": tx.tenant_id, "assessment_id": seat.assessment_id, "participant_id": seat.id}
    return await tx.fetch_one(_REMOVE, **names) is not None


async def take_invitation(tx: Tx, seat: Participant, code: Code) -> bool:
    """Use the invitation of a locked seat. Return False if it is no longer open or has another code."""
    names = {"tenant_id": tx.tenant_id, "assessment_id": seat.assessment_id, "participant_id": seat.id}
    taken = await tx.fetch_one(_REMOVE, **names)
    return (
        taken is not None
        and taken["selector"] == code.selector
        and hmac.compare_digest(taken["verifier_hash"], code.verifier_hash)
        and taken["expires_at"] > tx.now
    )


async def spend_attempt(connection: Connection, code: Code, now: datetime) -> OpenInvitation | None:
    """Count an attempt, then compare the code. Return the seat it opens, or None.

    The attempt is counted first, so that attempts at the same time cannot exceed the limit. A wrong code and an
    unknown one take the same statements.
    """
    values = {"selector": code.selector, "verifier_hash": code.verifier_hash, "now": now}
    found = await connection.fetch_one(_SPEND.sql, _SPEND.arguments(values))
    return OpenInvitation(found["tenant_id"], found["assessment_id"], found["participant_id"]) if found else None


def record_change(tx: Tx, seat: Participant, event: SeatEvent, *, actor_name: str | None = None) -> None:
    """Add an entry to the seat's history.

    Args:
        actor_name: a name to record instead of the caller's.
    """
    tx.insert(
        SeatChange,
        assessment_id=seat.assessment_id,
        participant_id=seat.id,
        event=event,
        actor_id=tx.principal.id,
        actor_name=actor_name or tx.principal.name,
    )
