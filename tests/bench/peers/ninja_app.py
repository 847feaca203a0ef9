"""A minimal django-ninja app with the same three reads, on the service's tables. It runs in a separate environment.

Rows go through Django's models and django-ninja's schemas as its documentation shows, and one bearer token is compared.
There are no roles, no access by tree, no ETags, no cursors. Readiness is computed in Python from the votes, and is a
small part of what the service computes: of each practice its votes, mean, lower median and r_wg, and from the medians 0
to 100.
"""

import os
from collections import defaultdict
from datetime import date
from statistics import fmean, median_low, variance
from typing import Any
from uuid import UUID

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ["BENCH_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["BENCH_DATABASE"],
            "USER": os.environ["BENCH_USER"],
            "HOST": os.environ["BENCH_HOST"],
            "PORT": os.environ["BENCH_PORT"],
            "CONN_MAX_AGE": None,
            # Row-level security shows the rows of the tenant that a session names.
            "OPTIONS": {"options": f"-c app.tenant={os.environ['BENCH_TENANT']}"},
        }
    },
)
django.setup()

from django.contrib.postgres.fields import ArrayField
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import ModelSchema, NinjaAPI, Schema
from ninja.security import HttpBearer

TENANT = UUID(os.environ["BENCH_TENANT"])
_SETTLED = {"done", "verified", "dismissed"}


class ActionItem(models.Model):
    """The service's own table."""

    id = models.UUIDField(primary_key=True)
    tenant_id = models.UUIDField()
    version = models.IntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    organization_id = models.UUIDField()
    assessment_id = models.UUIDField(null=True)
    practices = ArrayField(models.TextField())
    title = models.TextField()
    description = models.TextField(null=True)
    status = models.TextField()
    owner_id = models.UUIDField(null=True)
    due_on = models.DateField(null=True)
    effort = models.TextField(null=True)
    expected_level = models.IntegerField(null=True)
    gap_score = models.IntegerField(null=True)
    verified_by = models.UUIDField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "action_items"

    @property
    def overdue(self) -> bool:
        """Due before today, and neither done nor dismissed."""
        return self.due_on is not None and self.status not in _SETTLED and self.due_on < date.today()


class Vote(models.Model):
    """The service's own table."""

    id = models.UUIDField(primary_key=True)
    tenant_id = models.UUIDField()
    assessment_id = models.UUIDField()
    practice = models.TextField()
    value = models.TextField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "votes"


class ItemRead(ModelSchema):
    """An action item."""

    overdue: bool

    class Meta:
        model = ActionItem
        exclude = ("tenant_id",)


class ItemPage(Schema):
    """A page of action items."""

    items: list[ItemRead]


class PracticeRead(Schema):
    """What was voted on a practice."""

    code: str
    votes: int
    mean: float | None
    score: int | None
    agreement: float | None


class ReadinessRead(Schema):
    """A part of the service's readiness."""

    assessment_id: UUID
    readiness: float | None
    practices: list[PracticeRead]


class _Token(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        return token if token == os.environ["BENCH_KEY"] else None


api = NinjaAPI(auth=_Token())


@api.get("/action-items/{item_id}", response=ItemRead)
def get_item(request: HttpRequest, item_id: UUID) -> ActionItem:
    """One action item."""
    return get_object_or_404(ActionItem, tenant_id=TENANT, id=item_id)


@api.get("/action-items", response=ItemPage)
def list_items(request: HttpRequest) -> dict[str, Any]:
    """The first page."""
    return {"items": ActionItem.objects.filter(tenant_id=TENANT).order_by("id")[:50]}


@api.get("/assessments/{assessment_id}/readiness", response=ReadinessRead)
def get_readiness(request: HttpRequest, assessment_id: UUID) -> dict[str, Any]:
    """Readiness from the votes."""
    votes: dict[str, list[str]] = defaultdict(list)
    cast = Vote.objects.filter(tenant_id=TENANT, assessment_id=assessment_id)
    for practice, value in cast.values_list("practice", "value"):
        votes[practice].append(value)
    practices = [_practice(code, votes[code]) for code in sorted(votes)]
    scores = [one["score"] for one in practices if one["score"] is not None]
    return {
        "assessment_id": assessment_id,
        "readiness": 50 * fmean(scores) if scores else None,
        "practices": practices,
    }


def _practice(code: str, values: list[str]) -> dict[str, Any]:
    numbers = [int(value) for value in values if value != "dont_know"]
    return {
        "code": code,
        "votes": len(values),
        "mean": fmean(numbers) if numbers else None,
        "score": median_low(numbers) if numbers else None,
        # Against votes spread evenly over 0, 1 and 2, whose variance is 2/3.
        "agreement": max(0.0, 1 - variance(numbers) * 3 / 2) if len(numbers) > 2 else None,
    }


urlpatterns = [path("v1/", api.urls)]
application = get_wsgi_application()
