"""All routes of the assessments domain."""

from fastapi import APIRouter

from app.assessments import router
from app.assessments.consensus import router as consensus_router
from app.assessments.participants import claim_router, own_seat_router
from app.assessments.participants import router as participant_router
from app.assessments.votes import router as vote_router

ROUTERS: tuple[APIRouter, ...] = (
    router.router,
    vote_router.router,
    consensus_router.router,
    participant_router.router,
    claim_router.router,
    own_seat_router.router,
)
