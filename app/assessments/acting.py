"""Let a person who signed in vote as the holder of a seat."""

from dataclasses import replace
from uuid import UUID

from app.access.policy import allowed_below
from app.http.context import RequestContext


def act_as_seat(context: RequestContext, assessment_id: UUID, *participants: UUID) -> RequestContext:
    """Make the caller the holder of the seat that the caller claimed in the assessment by signing in.

    From here on the context and the scope know the seat and not the person, as with a seat token. So no audit row,
    history or stored answer can show that the person has voted.

    Args:
        participants: the seats that the request names. If one is another seat, and a role of the person allows entering
            paper ballots, the person acts by that role.

    Returns:
        The context of the seat; the same context if the caller has claimed no seat here, or acts by a role.
    """
    holder = context.principal.holder_in(assessment_id)
    if holder is None:
        return context
    names_others = any(participant != holder.id for participant in participants)
    if names_others and allowed_below(context.principal, "castVote"):
        return context
    context.scope["principal"] = holder
    return replace(context, principal=holder)
