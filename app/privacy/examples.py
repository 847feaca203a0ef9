"""The examples of an export of a person."""

from typing import Any

PERSON, ROOT = "0198c6f0-d4e5-7061-9273-84d5e6f70819", "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70"
ASSESSMENT, SEAT = "0198c6f1-1a2b-7c3d-8e4f-506172839405", "0198c6f1-2b3c-7d4e-8f50-617283940516"
ITEM, PRINCIPAL = "0198c6f2-1a2b-7c3d-8e4f-5061728394a5", "0198c6ef-3333-7444-8555-666677778888"
ROW, AT = "0198c6f3-1a2b-7c3d-8e4f-5061728394a5", "2026-10-05T13:00:00Z"
PLACE = {"organization_id": ROOT, "organization_name": "North County"}
PERSON_EXAMPLE: dict[str, Any] = {
    "id": PERSON,
    "version": 1,
    "created_at": "2026-09-01T09:00:00Z",
    "updated_at": "2026-09-01T09:00:00Z",
    **PLACE,
    "name": "Coach, North County",
    "active": True,
    "email": "coach.north@agency.example",
    "employee_number": "10442",
    "position": "Coach",
    "department": "Family support",
    "manager_id": None,
    "on_leave": False,
    "hired_on": "2024-03-01",
    "left_on": None,
    "merged_into_id": None,
    "erased_at": None,
    "external_ids": [{"source": "hr", "external_id": "4711"}],
}
SEAT_EXAMPLE: dict[str, Any] = {
    "id": SEAT,
    "version": 2,
    "created_at": "2026-09-20T09:00:00Z",
    "updated_at": "2026-10-01T09:00:00Z",
    "assessment_id": ASSESSMENT,
    "assessment_title": "Autumn session",
    **PLACE,
    "person_id": PERSON,
    "seat": "respondent",
    "channel": "token",
    "perspective": "practitioner",
    "label": "Practitioner, day shift",
    "has_token": True,
    "claimed_at": "2026-10-01T09:00:00Z",
    "withdrawn_at": None,
}
