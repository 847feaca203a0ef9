"""What goes in and out of the routes that merge people."""

from uuid import UUID

from pydantic import ConfigDict

from app.schemas import Body


class PersonMerge(Body):
    """Another record of the same person."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"person_id": "0198c6f0-d4e5-7061-9273-84d5e6f70820"}]})

    person_id: UUID
    """Id of the person whose record is given up. It reads as merged afterwards."""
