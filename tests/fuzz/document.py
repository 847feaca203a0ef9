"""Reading the OpenAPI document: its operations, and every place in them where a caller can put a value."""

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_RAW = "@@raw@@"
_NAMES_IN_MAPS = ("P1", "en")


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    said: Schema = field(repr=False)
    document: Schema = field(repr=False)

    @property
    def name(self) -> str:
        """Its operationId."""
        return str(self.said["operationId"])

    @property
    def parameters(self) -> list[Schema]:
        return [resolved(one, self.document) for one in self.said.get("parameters", ())]

    @property
    def body(self) -> Schema | None:
        """The body's media type object, as JSON."""
        content: Schema = self.said.get("requestBody", {}).get("content", {})
        return content.get("application/json")

    @property
    def writes(self) -> bool:
        return any(one["name"] == "dry_run" for one in self.parameters)


def operations(document: Schema) -> Iterator[Operation]:
    for path, entry in document["paths"].items():
        for method in _METHODS:
            if method in entry:
                yield Operation(method.upper(), path, entry[method], document)


def resolved(schema: Schema, document: Schema) -> Schema:
    """Return the schema that a reference names, or the schema itself."""
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


@dataclass(frozen=True)
class Place:
    """A place in a body: the steps down to it, each with the schema of what is stepped into, and its own schemas."""

    steps: tuple[str | int, ...]
    containers: tuple[Schema, ...]
    schemas: tuple[Schema, ...]

    @property
    def takes_text(self) -> bool:
        return any(one.get("type") == "string" for one in self.schemas)

    @property
    def is_map(self) -> bool:
        return any(True for one in self.schemas for _ in _maps(one))

    @property
    def longest(self) -> int | None:
        return max((one["maxLength"] for one in self.schemas if "maxLength" in one), default=None)


def places(schema: Schema, document: Schema) -> list[Place]:
    """Return every place in a body of this schema, the whole body left out."""
    found: dict[tuple[str | int, ...], Place] = {}

    def visit(schema: Schema, steps: tuple[str | int, ...], containers: tuple[Schema, ...]) -> None:
        choices = alternatives(schema, document)
        if steps:
            known = found.get(steps)
            found[steps] = Place(steps, containers, (*(known.schemas if known else ()), *choices))
        for choice in choices:
            inner = (*containers, choice)
            for name, part in choice.get("properties", {}).items():
                visit(part, (*steps, name), inner)
            if isinstance(choice.get("items"), dict):
                visit(choice["items"], (*steps, 0), inner)
            for name, part in _maps(choice):
                visit(part, (*steps, name), inner)

    visit(schema, (), ())
    return list(found.values())


def _maps(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Of a map: a name it takes, and what is under it."""
    for pattern, part in schema.get("patternProperties", {}).items():
        yield next(name for name in _NAMES_IN_MAPS if re.search(pattern, name)), part
    if isinstance(schema.get("additionalProperties"), dict):
        yield _NAMES_IN_MAPS[0], schema["additionalProperties"]


def alternatives(schema: Schema, document: Schema) -> list[Schema]:
    """Return the schemas a value may follow, none of them a choice itself."""
    schema = resolved(schema, document)
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [one for choice in choices for one in alternatives(choice, document)] or [schema]


def sample(schema: Schema, document: Schema) -> Any:
    """Return a small value of a schema."""
    schema = alternatives(schema, document)[0]
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    if "enum" in schema:
        return schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: sample(properties[name], document) for name in schema.get("required", ())}
    if kind == "array":
        return [sample(schema["items"], document) for _ in range(schema.get("minItems", 0))]
    return {"string": "A", "integer": schema.get("minimum", 0), "number": 0, "boolean": True}.get(str(kind))


def with_raw(body: Any, place: Place, raw: str, document: Schema) -> str:
    """Return the body as JSON text with this raw text at the place. Missing parents are made."""
    body = copy.deepcopy(body)
    at = body
    for step, container, following in zip(place.steps, place.containers, [*place.containers[1:], None], strict=True):
        if isinstance(step, int) and not at:
            at.append(copy.deepcopy(sample(container["items"], document)))
        if following is None:
            at[step] = _RAW
        else:
            wanted = list if following.get("type") == "array" else dict
            present = at[step] if isinstance(step, int) else at.get(step)
            if not isinstance(present, wanted):
                # A sample may be an example of the document, which is the app's own.
                at[step] = copy.deepcopy(sample(following, document))
            at = at[step]
    return json.dumps(body).replace(f'"{_RAW}"', raw)


def pointer(steps: Sequence[str | int]) -> str:
    """Return the JSON Pointer of a place."""
    return "/" + "/".join(str(step) for step in steps)
