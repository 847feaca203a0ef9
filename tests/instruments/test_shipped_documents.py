"""What ships is valid, hashed as published, and never changes once published."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import rfc8785

from app.instruments.document import InstrumentDocument
from app.instruments.driver_catalogue import DriverCatalogue
from app.instruments.parts import Document
from app.instruments.profile_document import ProfileDocument
from app.instruments.shipped import Shipped, shipped_drivers, shipped_instruments, shipped_profiles

SCHEMAS: dict[str, type[Document]] = {
    "facilitative-administration": InstrumentDocument,
    "implementation-drivers": DriverCatalogue,
    "fa9-default": ProfileDocument,
}
PUBLISHED = {
    ("facilitative-administration", "1.0.0"): "eeefba13243711257397fbf5735745747a6c25de2e550746a2d1c83c7249aa1b",
    ("implementation-drivers", "1.0.0"): "4e3d6f150bfb2add8b5267a51e4a2aea7f8381e262ca77484506b94ec7c0421c",
    ("fa9-default", "1.0.0"): "e8f92ee58fb52f58fde425f0c0ce8e0e5870b651d7c6e512dd09f0b352da90db",
}


def everything() -> list[Shipped]:
    return [*shipped_instruments(), shipped_drivers(), *shipped_profiles()]


def identity(shipped: Shipped) -> tuple[str, str]:
    return shipped.document["key"], shipped.document["version"]


def values(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for child in node.values():
            yield from values(child)
    elif isinstance(node, list):
        for child in node:
            yield from values(child)
    else:
        yield node


def test_every_data_file_is_loaded() -> None:
    data = [entry for entry in (files("app.instruments") / "data").iterdir() if entry.name.endswith(".json")]
    assert len(data) == len(everything()) == len(PUBLISHED)


@pytest.mark.parametrize("shipped", everything(), ids=identity)
def test_a_shipped_document_fits_its_schema_and_comes_back_unchanged(shipped: Shipped) -> None:
    schema = SCHEMAS[shipped.document["key"]]
    assert schema.model_validate(shipped.document).as_document() == shipped.document


@pytest.mark.parametrize("shipped", everything(), ids=identity)
def test_a_published_document_never_changes(shipped: Shipped) -> None:
    assert shipped.content_hash == PUBLISHED[identity(shipped)], (
        "Changing a published file is forbidden: publish a new version in a new file and pin its hash next to this one."
    )


@pytest.mark.parametrize("shipped", everything(), ids=identity)
def test_the_content_hash_is_that_of_rfc_8785(shipped: Shipped) -> None:
    canonical = rfc8785.dumps(shipped.document)
    assert shipped.canonical == canonical
    assert shipped.content_hash == f"{hashlib.sha256(canonical).hexdigest()}"


@pytest.mark.parametrize("shipped", everything(), ids=identity)
def test_a_hashed_document_holds_no_float_and_no_hash(shipped: Shipped) -> None:
    assert {type(value) for value in values(shipped.document)} <= {str, int, bool}
    assert "content_hash" not in shipped.document


def test_a_caller_cannot_change_what_the_next_one_gets() -> None:
    shipped_instruments()[0].document["practices"].clear()
    assert len(shipped_instruments()[0].document["practices"]) == 9


@pytest.mark.parametrize("shipped", everything(), ids=identity)
def test_a_schema_describes_itself(shipped: Shipped) -> None:
    assert SCHEMAS[shipped.document["key"]].model_json_schema()["additionalProperties"] is False
