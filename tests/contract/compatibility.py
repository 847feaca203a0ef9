"""What of an OpenAPI document would break a client written for an earlier one.

Requests and answers are compared in opposite directions. Everything that a client could send must still be accepted.
Everything in an answer must be what the client expects, except new fields of an object, which clients ignore.
The walk knows the keywords our documents use, and refuses one it does not know rather than pass over it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]
Direction = Literal["request", "answer"]

METHODS = ("get", "put", "post", "patch", "delete")
_JSON = "application/json"
#: Keywords that describe and illustrate, and constrain nothing.
_WORDS = {"title", "description", "example", "examples", "default", "deprecated", "x-required-role"}
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("format", "pattern", "uniqueItems", "patternProperties", "propertyNames", "prefixItems")
_WALKED = {"$ref", "anyOf", "type", "enum", "const", "properties", "required", "items", "additionalProperties"}
_KNOWN = _WORDS | _WALKED | {*_LOWER, *_UPPER, *_SAME}
_NOTHING: Schema = {}


@dataclass(frozen=True)
class Side:
    """One document, to look names up in."""

    document: Mapping[str, Any]

    def follow(self, node: Any) -> Any:
        """Return what a reference names, or the value itself."""
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            reference = node["$ref"]
            node = self.document
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]
        return node

    def operations(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Return every operation by path and method."""
        paths = self.document["paths"]
        return {(path, method): paths[path][method] for path in paths for method in METHODS if method in paths[path]}

    def parameters(self, operation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return an operation's parameters by place and name."""
        found = [self.follow(one) for one in operation.get("parameters", ())]
        return {f"{one['in']} {one['name']}": one for one in found}

    def alternatives(self, schema: Any) -> list[Schema]:
        """Return the schemas of which a value must fit one, each of one type at most."""
        schema = self.follow(schema)
        unknown = schema.keys() - _KNOWN
        if unknown:
            raise NotImplementedError(f"Keywords this comparison does not know: {', '.join(sorted(unknown))}")
        if "anyOf" in schema:
            return [found for choice in schema["anyOf"] for found in self.alternatives(choice)]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": kind} for kind in schema["type"]]
        return [schema]


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what would break a client of the old document, one line each; the same break always has the same line."""
    return list(dict.fromkeys(_Comparison(Side(old), Side(new)).everything()))


@dataclass(frozen=True)
class _Comparison:
    old: Side
    new: Side

    def everything(self) -> Iterator[str]:
        present = self.new.operations()
        for (path, method), was in self.old.operations().items():
            place = f"{method.upper()} {path}"
            now = present.get((path, method))
            if now is None:
                yield f"{place}: removed"
                continue
            yield from self._operation(place, was, now)

    def _operation(self, place: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        for name in ("operationId", "tags"):
            # Generated clients name their functions and modules by them.
            if was.get(name) != now.get(name):
                yield f"{place}: {name} changed"
        if not was.get("security") and now.get("security"):
            yield f"{place}: asks for credentials"
        barred = set(was.get("x-required-role", ())) - set(now.get("x-required-role", ()))
        if barred and not {"public", "authenticated"} & set(now["x-required-role"]):
            yield f"{place}: no longer for {', '.join(sorted(barred))}"
        yield from self._parameters(place, was, now)
        yield from self._body(place, was, now)
        yield from self._answers(place, was, now)

    def _parameters(self, place: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        before, after = self.old.parameters(was), self.new.parameters(now)
        for name in before.keys() - after.keys():
            yield f"{place} {name}: removed"
        for name, parameter in after.items():
            known = before.get(name)
            if parameter.get("required") and not (known and known.get("required")):
                yield f"{place} {name}: required"
            if known:
                yield from self._fits(f"{place} {name}", known["schema"], parameter["schema"], "request")
                if known["schema"].get("default") != parameter["schema"].get("default"):
                    yield f"{place} {name}: default changed"

    def _body(self, place: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        before, after = self.old.follow(was.get("requestBody")), self.new.follow(now.get("requestBody"))
        if before is None and after is None:
            return
        if after is None:
            yield f"{place} body: removed"
        elif after.get("required") and not (before and before.get("required")):
            yield f"{place} body: required"
        if before and after:
            yield from self._contents(f"{place} body", before, after, "request")

    def _answers(self, place: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
        for status in now["responses"].keys() - was["responses"].keys():
            if status[0] not in "45":
                yield f"{place} {status}: new answer that is no failure"
        for status, declared in was["responses"].items():
            here = f"{place} {status}"
            if status not in now["responses"]:
                # A failure that cannot happen any more breaks nobody.
                if status[0] not in "45":
                    yield f"{here}: removed"
                continue
            before, after = self.old.follow(declared), self.new.follow(now["responses"][status])
            for name in before.get("headers", {}).keys() - after.get("headers", {}).keys():
                yield f"{here} header {name}: removed"
            yield from self._contents(here, before, after, "answer")

    def _contents(self, place: str, was: Schema, now: Schema, direction: Direction) -> Iterator[str]:
        before, after = was.get("content", _NOTHING), now.get("content", _NOTHING)
        for media, declared in before.items():
            if media not in after:
                yield f"{place} {media}: removed"
            else:
                named = place if media == _JSON else f"{place} {media}"
                yield from self._fits(named, declared["schema"], after[media]["schema"], direction)
        if direction == "answer":
            for media in after.keys() - before.keys():
                yield f"{place} {media}: new media type"

    def _fits(self, place: str, was: Any, now: Any, direction: Direction) -> Iterator[str]:
        """Yield the reasons why one side's values do not fit the other's schema. What is sent goes from old to new."""
        walk = _Walk(self.old, self.new) if direction == "request" else _Walk(self.new, self.old, answers=True)
        narrow, wide = (was, now) if direction == "request" else (now, was)
        yield from walk.fits(place, narrow, wide, frozenset())


@dataclass(frozen=True)
class _Walk:
    """Whether every value of a narrow schema fits a wide one; in answers the narrow one is the new one."""

    narrow: Side
    wide: Side
    answers: bool = False

    def fits(self, place: str, narrow: Any, wide: Any, seen: frozenset[tuple[str, str]]) -> list[str]:
        """Return the reasons why the values do not fit: those of the nearest alternative where there are several."""
        names = (str(narrow.get("$ref")), str(wide.get("$ref")))
        if names in seen and "None" not in names:
            return []
        seen |= {names}
        found: list[str] = []
        choices = self.wide.alternatives(wide)
        for value in self.narrow.alternatives(narrow):
            fits = sorted((self._one(place, value, choice, seen) for choice in choices), key=len)
            found += fits[0]
        return found

    def _one(self, place: str, narrow: Schema, wide: Schema, seen: frozenset[tuple[str, str]]) -> list[str]:
        if narrow.get("type") != wide.get("type") and (narrow.get("type"), wide.get("type")) != ("integer", "number"):
            if wide.get("type") is None:
                return []
            # Several reasons, so that any alternative of the right type is nearer.
            return [f"{place}: type changed"] * 100
        return [
            *self._choices(place, narrow, wide),
            *self._bounds(place, narrow, wide),
            *self._fields(place, narrow, wide, seen),
            *self._members(place, narrow, wide, seen),
        ]

    def _choices(self, place: str, narrow: Schema, wide: Schema) -> Iterator[str]:
        taken, given = _choices(wide), _choices(narrow)
        if taken is None:
            return
        if given is None:
            yield f"{place}: any value, where there were choices" if self.answers else f"{place}: only some values"
            return
        for value in given:
            if value not in taken:
                yield f"{place}: {value!r} {'added' if self.answers else 'removed'}"

    def _bounds(self, place: str, narrow: Schema, wide: Schema) -> Iterator[str]:
        # What is one of some known values needs no other bound.
        if _choices(narrow) is not None:
            return
        for names, worse in ((_LOWER, -1), (_UPPER, 1)):
            for name in names:
                if name in wide and (name not in narrow or (narrow[name] - wide[name]) * worse > 0):
                    yield f"{place}: {name} changed"
        for name in _SAME:
            if name in wide and narrow.get(name) != wide[name]:
                yield f"{place}: {name} changed"

    def _fields(self, place: str, narrow: Schema, wide: Schema, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        given, taken = narrow.get("properties", _NOTHING), wide.get("properties", _NOTHING)
        always = set(narrow.get("required", ()))
        for name in wide.get("required", ()):
            if name not in always and name in given:
                yield f"{place}/{name}: {'no longer always there' if self.answers else 'required'}"
            elif name not in given:
                yield f"{place}/{name}: {'removed' if self.answers else 'required'}"
        for name, schema in given.items():
            if name in taken:
                yield from self.fits(f"{place}/{name}", schema, taken[name], seen)
            elif not self.answers and wide.get("additionalProperties", True) is False:
                yield f"{place}/{name}: removed"
        if self.answers:
            for name in taken.keys() - given.keys() - set(wide.get("required", ())):
                yield f"{place}/{name}: removed"

    def _members(self, place: str, narrow: Schema, wide: Schema, seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        if "items" in wide:
            yield from self.fits(f"{place}[]", narrow.get("items", _NOTHING), wide["items"], seen)
        other, others = narrow.get("additionalProperties", True), wide.get("additionalProperties", True)
        if isinstance(others, Mapping):
            if isinstance(other, Mapping):
                yield from self.fits(f"{place}{{}}", other, others, seen)
            elif other is True:
                yield f"{place}{{}}: any value"
        elif others is False and other is not False and not self.answers:
            yield f"{place}: further fields refused"


def _choices(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")
