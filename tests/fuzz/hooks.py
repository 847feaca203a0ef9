"""Loaded by schemathesis: the ids that exist, the look across borders, and refusals that contradict no document."""

import atexit
import io
import json
import os
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import RejectedPositiveData

from app.integrations.roster.upload_schemas import ODS, XLSX, ZIP
from tests.fuzz.examples import with_known_ids

SCENE: dict[str, Any] = json.loads(Path(os.environ["FUZZ_SCENE"]).read_text(encoding="utf-8"))
OWN: dict[str, list[str]] = SCENE["own"]
OTHERS: list[str] = SCENE["others"]
REFUSALS_OUT_OF_SIGHT = {400, 401, 404, 405, 413, 415, 422}

# Rules between fields or items, or about what a text means: no JSON Schema can say them.
BEYOND_A_SCHEMA = {
    *(
        "above_one",
        "active_contradicted",
        "blank_name",
        "cuts_out_of_order",
        "dangling",
        "english_missing",
        "external_id_pair",
        "fixed_by_specification",
        "gate_bands",
    ),
    *(
        "kind_not_listed",
        "not_consecutive",
        "one_manager",
        "one_organization",
        "one_owner",
        "one_parent",
        "numerator_above_denominator",
        "organization_named",
        "period_reversed",
        "only_respondents_vote",
        "ratio_parts",
        "repeated",
    ),
    *(
        "repeated_external_id",
        "repeated_field",
        "repeated_item",
        "repeated_respondent",
        "repeated_seat",
        "repeated_vote",
    ),
    *("respondent_missing", "reversed_range", "signal_kind", "uneven_stages", "unknown_field", "unknown_item"),
    "unknown_respondent",
    *(
        "repeated_practice",
        "unknown_metric",
        "unknown_practice",
        "unknown_reference",
        "unknown_timezone",
        "url_parsing",
    ),
    "network_parsing",
    "window_reversed",
    # To JSON Schema 1.0 is an integer; here an integer is written as one.
    "int_type",
    # PostgreSQL keeps no NUL in any text; a pattern on each of them would say little more.
    "nul_character",
}

# schemathesis knows no spreadsheets: the service must stand any bytes that are sent as one.
schemathesis.serializer.alias([ODS, XLSX, ZIP], "application/octet-stream")

_answers: Counter[str] = Counter()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Let the document's examples speak of what exists here, and what it calls an OrganizationRead be an Organization.

    By that name schemathesis sees what `organization_id` refers to, and follows one operation's answer into the next.
    """
    first = {kind: ids[0] for kind, ids in OWN.items()}
    for part in ("paths", "components"):
        raw_schema[part] = with_known_ids(raw_schema[part], first)
    named = json.dumps(raw_schema)
    for name in raw_schema["components"]["schemas"]:
        short = name.removesuffix("Read")
        if short != name and short not in raw_schema["components"]["schemas"]:
            named = named.replace(f'"{name}"', f'"{short}"').replace(f'schemas/{name}"', f'schemas/{short}"')
    raw_schema.update(json.loads(named))


def _unpack(content: bytes) -> bytes:
    """Return what the answer says: of a workbook, which is a zip archive, the text of all its sheets."""
    if not content.startswith(b"PK\x03\x04"):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


@schemathesis.check
def other_tenants_stay_hidden(ctx: Any, response: Any, case: Any) -> None:
    """What is another tenant's, or a sibling branch's, is never shown, and answers as if it did not exist."""
    if response.status_code < 400:
        content = _unpack(response.content)
        shown = [one for one in OTHERS if one.encode() in content]
        assert not shown, f"The answer shows what is not the caller's: {shown}"
    elif any(one in urlsplit(response.request.url).path for one in OTHERS):
        assert response.status_code in REFUSALS_OUT_OF_SIGHT, "The answer shows that something is there."


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """In a chain of steps nothing is rehearsed: the next step would look for what was never made."""
    if case.meta is not None and case.meta.phase.name is TestPhase.STATEFUL and case.query:
        case.query.pop("dry_run", None)


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """Drop what contradicts nothing: a well-formed request that a rule refuses by its own name.

    A stale or missing ETag, a frozen assessment, a reference to nothing, an invented cursor, a key used
    before: no document can promise that such a request is accepted. What the validator refuses (`invalid`) stays a
    failure: the document should have said it.
    """
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    if problem["code"] != "invalid":
        return problem["code"] in {"bad_request", "malformed_body", "payload_too_large", "unsupported_media_type"}
    # Of a choice of types every branch has its say: one that is beyond a schema explains the place.
    places = {error["pointer"] for error in problem["errors"]}
    return places != {error["pointer"] for error in problem["errors"] if error["code"] in BEYOND_A_SCHEMA}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Count the answers, so that the run can be seen to have got somewhere."""
    _answers[f"{case.operation.label} {response.status_code}"] += 1


atexit.register(lambda: Path("answers.json").write_text(json.dumps(_answers), encoding="utf-8"))
