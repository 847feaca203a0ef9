"""All routes of the assessments domain."""

from fastapi import APIRouter

from app.assessments import decision_router, router, seat_router, vote_router

ROUTERS: tuple[APIRouter, ...] = (
    router.router,
    vote_router.router,
    decision_router.router,
    seat_router.router,
)
