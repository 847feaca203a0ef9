"""Routes."""

from fastapi import APIRouter

ROUTERS: tuple[APIRouter, ...] = ()
