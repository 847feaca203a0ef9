"""Every class of hostile value at every place of an operation, as requests."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from tests.fuzz.document import Operation, places, pointer, with_raw
from tests.fuzz.examples import with_known_ids
from tests.fuzz.hostile import MARKER, NAMES, NOT_JSON, NOT_TEXT, quoted, refused, texts, values

_KNOWN = {
    "key": "facilitative-administration",
    "version": "1.0.0",
    "practice": "P1",
    "source": "hr",
    "external_id": "42",
}
#: Headers the service reads, whatever the document says of them; the same code does so for every operation of a method.
_EVERYWHERE = ("X-Request-Id", "Authorization", "Content-Type", "Content-Encoding", "Accept", "If-None-Match", "Cookie")
_WITH_EVERY_HEADER = {
    *("getLiveness", "getMe", "getOrganization", "listOrganizations"),
    *("createOrganization", "updateOrganization", "ratePractice", "deleteOrganization", "computeReadiness"),
}


Some = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Input:
    """One hostile request; `refused` where it may not be taken."""

    where: str
    what: str
    path: str
    query: str
    headers: Mapping[str, bytes]
    body: bytes | None
    refused: bool = False


class _Form:
    """A good request of an operation, to be spoilt in one place."""

    def __init__(self, operation: Operation, known: Mapping[str, str], some: Some) -> None:
        self.operation = operation
        self.some = some
        self.names = {
            one["name"]: _KNOWN.get(one["name"]) or known.get(one["name"].removesuffix("_id"), "x")
            for one in operation.parameters
        }
        if operation.path.startswith("/v1/drivers"):
            self.names["key"] = "coaching"
        self.path = operation.path.format(**self.names)
        self.headers = {"Content-Type": b"application/json"}
        if any(one["name"] == "If-Match" for one in operation.parameters):
            self.headers["If-Match"] = b"*"
        self.rehearse = "dry_run=true" if operation.writes else ""
        self.body: Any = with_known_ids(operation.body["example"], known) if operation.body else None
        self.content = json.dumps(self.body).encode() if operation.body else None

    def spoilt(self, where: str, what: str, **changes: Any) -> Input:
        """This request with something else in it. Where it may be taken it is a rehearsal."""
        fields = {"path": self.path, "query": self.rehearse, "headers": self.headers, "body": self.content, **changes}
        if changes.get("refused"):
            fields["query"] = changes.get("query", "")
        return Input(where, what, **fields)


def inputs(operation: Operation, known: Mapping[str, str], some: Some) -> Iterator[Input]:
    """Yield every class of hostile value at every place of an operation.

    Args:
        known: an id of each kind of thing that exists.
        some: picks those of the values at one place that are worth sending.
    """
    form = _Form(operation, known, some)
    yield from _headers(form)
    yield from _path_and_query(form)
    if operation.body:
        yield from _fields(form)
        yield from _whole_bodies(form)


def _headers(form: _Form) -> Iterator[Input]:
    names = [one["name"] for one in form.operation.parameters if one["in"] == "header"]
    if form.operation.name in _WITH_EVERY_HEADER:
        names += _EVERYWHERE
    for name in dict.fromkeys(names):
        for what, value in form.some(texts()):
            yield form.spoilt(f"header {name}", what, headers={**form.headers, name: value})


def _path_and_query(form: _Form) -> Iterator[Input]:
    for one in form.operation.parameters:
        name = one["name"]
        for what, value in form.some(texts()):
            if one["in"] == "path":
                other = form.operation.path.format(**{**form.names, name: quoted(value)})
                yield form.spoilt(f"path {name}", what, path=other)
            elif one["in"] == "query":
                query = "&".join(part for part in (form.rehearse, f"{name}={quoted(value)}") if part)
                yield form.spoilt(f"query {name}", what, query=query)
    for what, query in {
        "unknown parameter": f"surprise={MARKER}",
        # The name of an unknown parameter is named in the refusal, its value never.
        "unknown parameter without a value": "surprise",
        "unknown parameter, not UTF-8": f"%ff%fe={MARKER}",
        "2,000 parameters": "&".join(f"{MARKER}{number}=1" for number in range(2_000)),
    }.items():
        yield form.spoilt("query", what, query=query, refused=True)


def _validity(operation: Operation) -> Callable[[Any], bool]:
    """Return whether a body is valid, by the document alone."""
    assert operation.body is not None
    schema = {**operation.body["schema"], "components": operation.document["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True).is_valid


def _fields(form: _Form) -> Iterator[Input]:
    operation = form.operation
    assert operation.body is not None
    valid = _validity(operation)
    assert valid(form.body), operation
    for place in places(operation.body["schema"], operation.document):
        where = "body " + pointer(place.steps)
        for what, raw in form.some(refused(place)):
            sent = with_raw(form.body, place, raw, operation.document)
            yield form.spoilt(where, what, body=sent.encode(), refused=True)
        for what, raw in form.some(values(place)):
            sent = with_raw(form.body, place, raw, operation.document)
            yield form.spoilt(where, what, body=sent.encode(), refused=not valid(json.loads(sent)))


def _whole_bodies(form: _Form) -> Iterator[Input]:
    valid = _validity(form.operation)
    assert form.content is not None
    for what, raw in form.some([*NOT_JSON.items(), *NOT_TEXT.items()]):
        yield form.spoilt("body", what, body=raw.encode(), refused=True)
    bodies = [None, True, 1, [], {}, MARKER, [form.body], {**form.body, "surprise": MARKER}]
    for body in bodies:
        sent = json.dumps(body)
        yield form.spoilt("body", sent[:40], body=sent.encode(), refused=not valid(body))
    separator = ", " if form.body else ""
    for what, name in form.some(NAMES.items()):
        named = form.content[:-1] + f'{separator}{name}: "{MARKER}"}}'.encode()
        yield form.spoilt("body", f"unknown name {what}", body=named, refused=True)
    for what, raw_body in {
        "cut off": form.content[:-1],
        "twice": form.content * 2,
        "with a byte order mark": b"\xef\xbb\xbf" + form.content,
        "UTF-16": form.content.decode().encode("utf-16"),
        "not UTF-8": form.content[:-1] + b', "surprise": "\xff"}',
        "too large": form.content[:-1] + b" " * 1_100_000 + b"}",
        "absent": b"",
    }.items():
        yield form.spoilt("body", what, body=raw_body, refused=True)
