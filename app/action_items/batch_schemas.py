"""The shapes of requests and answers that are about many action items."""

from uuid import UUID

from pydantic import ConfigDict, Field

from app.action_items.schemas import (
    EXAMPLE,
    ActionItemCreate,
    ActionItemPatch,
    ActionItemRead,
    ActionItemTransition,
    Version,
)
from app.schemas import Body, ResponseModel


class ActionItemsCreate(Body):
    """Many new action items, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                            "title": "Cost a role-by-role plan",
                            "practices": ["P1"],
                        }
                    ]
                }
            ]
        }
    )

    items: list[ActionItemCreate] = Field(min_length=1, max_length=200)
    """The action items to propose."""


class ActionItemChange(Body):
    """Changes of one of many action items."""

    id: UUID
    """Id of the action item."""
    version: Version = Field(description="The version you read; 412 if it has changed since.")
    changes: ActionItemPatch
    """The fields to change."""


class ActionItemsPatch(Body):
    """Changes of many action items, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8",
                            "version": 2,
                            "changes": {"due_on": "2027-03-31"},
                        }
                    ]
                }
            ]
        }
    )

    items: list[ActionItemChange] = Field(min_length=1, max_length=200)
    """The changes; each item once."""


class ActionItemMove(ActionItemTransition):
    """The next status of one of many action items."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8", "version": 2, "to": "in_progress"}]
        }
    )

    id: UUID = Field(description="Id of the action item.", examples=["0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8"])
    version: Version = Field(description="The version you read; 412 if it has changed since.", examples=[2])


class ActionItemsTransition(Body):
    """The next statuses of many action items, all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"id": "0198c6f2-4d5e-7f60-8172-93a4b5c6d7e8", "version": 2, "to": "open"},
                        {
                            "id": "0198c6f2-5e6f-7071-8283-a4b5c6d7e8f9",
                            "version": 1,
                            "to": "dismissed",
                            "reason": "Covered by the first",
                        },
                    ]
                }
            ]
        }
    )

    items: list[ActionItemMove] = Field(min_length=1, max_length=200, description="The transitions; each item once.")


class ActionItemBatch(ResponseModel):
    """The action items as they were stored, in the order sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EXAMPLE]}]})

    items: list[ActionItemRead]
    """The action items, in the order sent."""
