"""Decide whether a person who signed in votes as the holder of a seat, or by a role."""

from dataclasses import replace
from uuid import UUID

from app.access.policy import allowed_below
from app.http.context import RequestContext


def act_as_seat(context: RequestContext, assessment_id: UUID, *participants: UUID) -> RequestContext:
    """Return the context of the seat that a person who signed in holds in the assessment, or the context as it is.

    A person who holds a seat and may enter paper ballots acts by the role where the request names another seat.

    What follows knows the seat and not the person, as with a token: no event, history or stored answer may show who
    has voted.
    """
    holder = context.principal.holder_in(assessment_id)
    if holder is None:
        return context
    names_others = any(participant != holder.id for participant in participants)
    if names_others and allowed_below(context.principal, "castVote"):
        return context
    context.scope["principal"] = holder
    return replace(context, principal=holder)
