"""Named hostile values."""

import json
from collections.abc import Iterator
from urllib.parse import quote_from_bytes

from tests.fuzz.document import Place

#: In every hostile text; an answer that holds it repeats what the caller sent.
MARKER = "zq7hostile9x"

_HUGE = json.dumps(MARKER + "x" * 1_000_000)
_SNIPPETS = {
    "SQL": f"'; drop table organizations; -- {MARKER}",
    "SQL comment": f"{MARKER}')) or 1=1 /*",
    "JSON": f'{{"{MARKER}": [1, null]}}',
    "HTML": f"<script>alert('{MARKER}')</script>",
    "path": f"../../../../etc/passwd%00{MARKER}",
    "format": f"{MARKER}%s%n%x{{0.__class__}}${{jndi:ldap://x}}{{{{7*7}}}}",
    "spreadsheet": f"=cmd|'/c {MARKER}'!A1",
    "right to left": f"\u202e{MARKER}\u202d\u2066",
    "zero width": f"\u200b{MARKER}\u200d\ufeff",
    "zero width alone": "\u200b\u2060\ufeff",
    "composed": f"\u00e9{MARKER}\u1e9b\u0323",
    "decomposed": f"e\u0301{MARKER}\u1112\u1161\u11ab",
    "growing under normalization": "\u0958" * 200,
    "combining": MARKER + "a" + "\u0301" * 180,
    "line ends": f"{MARKER}\r\nX-Injected: 1\r\n\r\n",
    "not a character": f"{MARKER}\ufffe\uffff\U0010ffff",
    "blanks around": f" \t{MARKER}\u00a0\u3000",
    "blank": " \t\u00a0\u3000",
    "empty": "",
}
_DATES = (
    "2026-02-30",
    "0000-01-01",
    "10000-01-01",
    "1899-12-31",
    "2201-01-01",
    "2026-13-01T25:61:61Z",
    "20261005",
    "1e9",
)
_INTEGERS = (str(2**63), str(2**64), str(-(2**63) - 1), "1" + "0" * 400)
_NUMBERS = ("-1", "0", "1", "1.0", "1.5", "-0.0", "1e308", "0.1e-400", *_INTEGERS)

#: Names of fields. A refusal names the place, so these do not have the marker.
NAMES = {
    "NUL": '"\\u0000"',
    "lone surrogate": '"\\ud800"',
    "empty": '""',
    "prototype": '"__proto__"',
    "right to left": '"\\u202ename"',
    "slashes": '"~1/../~0"',
    "long": '"' + "n" * 10_000 + '"',
}

#: What no refusal may hold: no message of the service contains such a text.
TELLTALES = (MARKER, *_DATES[:6], *_INTEGERS)

#: Not JSON, or what parsers disagree about: refused whatever the field.
NOT_JSON = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "1e400": "1e400",
    "integer of 5,000 digits": "9" * 5_000,
    "leading zero": "007",
    "bare word": MARKER,
    "single quotes": f"'{MARKER}'",
    "raw line end in a text": f'"{MARKER}\n"',
    "object naming a field twice": f'{{"a": "{MARKER}", "a": 1}}',
    "40 arrays deep": "[" * 40 + "1" + "]" * 40,
    "40 objects deep": '{"a":' * 40 + "1" + "}" * 40,
    "100,000 arrays deep": "[" * 100_000,
}
#: JSON that PostgreSQL cannot store: refused wherever text is taken, and elsewhere for being text.
NOT_TEXT = {
    "NUL": f'"{MARKER}\\u0000"',
    "lone surrogate": f'"{MARKER}\\ud800"',
    "swapped surrogates": f'"\\udc00\\ud800{MARKER}"',
}


def refused(place: Place) -> Iterator[tuple[str, str]]:
    """Yield JSON texts that are refused at any place of a body, by the name of their class."""
    yield from NOT_JSON.items()
    yield from NOT_TEXT.items()
    if place.is_map:
        yield from ((f"name {what}", f'{{{name}: "{MARKER}"}}') for what, name in NAMES.items())
    if isinstance(place.steps[-1], str):
        yield "named twice", f'"{MARKER}", {json.dumps(place.steps[-1])}: "{MARKER}"'


def values(place: Place) -> Iterator[tuple[str, str]]:
    """Yield JSON texts to put at a place of a body, by the name of their class; the schema says which are valid."""
    yield "null", "null"
    yield "true", "true"
    yield "empty array", "[]"
    yield "empty object", "{}"
    yield "array of one", f'["{MARKER}"]'
    yield "object", f'{{"surprise": "{MARKER}"}}'
    yield "number as text", '"12"'
    yield "true as text", '"true"'
    yield "text", f'"{MARKER}"'
    yield from ((f"number {digits[:24]}", digits) for digits in _NUMBERS)
    yield "huge text", _HUGE
    if place.takes_text:
        yield from ((name, json.dumps(snippet)) for name, snippet in _SNIPPETS.items())
        yield from ((f"date {day}", json.dumps(day)) for day in _DATES)
        if place.longest:
            yield "one character too long", json.dumps(MARKER + "x" * (place.longest + 1 - len(MARKER)))


def texts() -> Iterator[tuple[str, bytes]]:
    """Yield bytes to put into a query, a path or a header, by the name of their class."""
    yield from ((name, snippet.encode()) for name, snippet in _SNIPPETS.items())
    yield from ((f"date {day}", day.encode()) for day in _DATES)
    yield from ((f"number {digits[:24]}", digits.encode()) for digits in (*_NUMBERS, "NaN", "Infinity", "1e400"))
    yield "NUL", MARKER.encode() + b"\0"
    yield "lone surrogate", MARKER.encode() + b"\xed\xa0\x80"
    yield "not UTF-8", MARKER.encode() + b"\xff\xfe\x80"
    yield "overlong", b"\xc0\xae\xc0\xaf" + MARKER.encode()
    yield "long", MARKER.encode() + b"x" * 8_000
    yield "null", b"null"
    yield "array", f'["{MARKER}"]'.encode()
    yield "true with capital", b"True"


def quoted(value: bytes) -> str:
    """Return the bytes percent-encoded, all of them."""
    return quote_from_bytes(value, safe="")
