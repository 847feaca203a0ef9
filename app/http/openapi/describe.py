"""Finishing touches of parameters and tuples: descriptions, examples, and what generators of clients need."""

from collections.abc import Mapping
from typing import Any, Final

_ID = "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
_DAY = "2026-10-05"
_INSTANT = "2026-10-05T13:00:00Z"

#: What a path parameter names.
PATH_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "action_item_id": "Id of the action item.",
    "api_key_id": "Id of the API key.",
    "assessment_id": "Id of the assessment.",
    "calendar_feed_id": "Id of the calendar feed.",
    "export_id": "Id of the export.",
    "external_id": "Id or name in the other system.",
    "implementation_id": "Id of the implementation.",
    "job_id": "Id of the job.",
    "key": "Stable key, as the list shows it.",
    "metric_id": "Id of the figure.",
    "organization_id": "Id of the organization.",
    "participant_id": "Id of the seat.",
    "person_id": "Id of the person.",
    "practice": "Code of the practice, such as `P1`.",
    "principal_id": "Id of the principal.",
    "profile_id": "Id of the scoring profile.",
    "program_id": "Id of the program.",
    "role_grant_id": "Id of the role grant.",
    "source": "Name of the other system.",
    "token": "Token in the address of the calendar.",
    "version": "Semantic version of the instrument.",
    "webhook_id": "Id of the webhook.",
    "connector_id": "Id of the connector.",
    "scim_token_id": "Id of the SCIM token.",
    "scim_group_mapping_id": "Id of the mapping.",
}

_EXAMPLES: Final[Mapping[str, Any]] = {
    "action": "person.updated",
    "administered_after": "2026-01-01",
    "administered_before": "2026-12-31",
    "after": "latest",
    "as_of": _DAY,
    "column": ["external_id=Employee ID"],
    "cursor": "q1Yq2kPz0b7Hn3vXw8sTRA",
    "driver_key": "facilitative_administration",
    "email": "coach.north@agency.example",
    "employee_number": "10442",
    "external_id": "county-017",
    "external_source": "hr-system",
    "group": "organization",
    "metric": "training_coverage",
    "object_type": "person",
    "operation": "updatePerson",
    "owner_id": "none",
    "key": "facilitative-administration",
    "kind": "purge_expired",
    "list": "/v1/people?sort=name",
    "practice": "P1",
    "q": "coaching",
    "sheet": "Staff",
    "source": "hr-system",
    "token": "fc_00000000000000000000000000000000_" + "x" * 43,
    "version": "1.0.0",
    "If-None-Match": '"3.5f0c2a9b41de"',
    "Idempotency-Key": "5f0c2a9b-41de-4b7a-9c1d-2e3f40516273",
}
_SCHEMAS = "#/components/schemas/"


def describe_tuples(node: Any) -> None:
    """Give every array with `prefixItems` the `items` that generators look for; its length is bounded already."""
    if isinstance(node, dict):
        if "prefixItems" in node:
            kinds = [kind for at, kind in enumerate(node["prefixItems"]) if kind not in node["prefixItems"][:at]]
            node.setdefault("items", kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            describe_tuples(part)


def describe_parameters(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Describe each parameter, give it an example, and leave out null, which a query cannot carry."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
        if choices and len(choices) < len(schema["anyOf"]):
            rest = {key: value for key, value in schema.items() if key != "anyOf"}
            schema = parameter["schema"] = {**rest, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}
        if parameter["in"] == "path":
            parameter.setdefault("description", PATH_DESCRIPTIONS[parameter["name"]])
        if "example" not in parameter:
            inner = schema.get("items", schema)
            resolved = schemas[inner["$ref"].removeprefix(_SCHEMAS)] if "$ref" in inner else inner
            shown = {**schema, "items": resolved} if "items" in schema else {**resolved, **schema}
            parameter["example"] = _give_example({**parameter, "schema": shown})


def _give_example(parameter: Mapping[str, Any]) -> Any:
    """Choose an example of a parameter: by its name, or else by its schema.

    Raises:
        LookupError: there is none for this name, and the schema does not show one.
    """
    name, schema = parameter["name"], parameter["schema"]
    if name in _EXAMPLES and "enum" not in schema and schema.get("format") != "uuid":
        return _EXAMPLES[name]
    if schema.get("type") == "array":
        return [_of_schema(name, schema["items"])]
    return _of_schema(name, schema)


def _of_schema(name: str, schema: Mapping[str, Any]) -> Any:
    for key in ("default", "const"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    by_format = {"uuid": _ID, "date": _DAY, "date-time": _INSTANT}
    by_type = {"boolean": True, "integer": schema.get("minimum", 1)}
    found = by_format.get(schema.get("format", ""), by_type.get(schema.get("type", "")))
    if found is None:
        raise LookupError(f"the parameter {name} needs an example in {__name__}")
    return found
