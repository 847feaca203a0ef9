"""Rosters as people export them: any usual encoding and separator, and files that are not rosters."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest

from app.integrations.roster.files import Cells, Fault, RosterFile, UnreadableFile
from app.integrations.roster.rows import RosterRow, check_row
from app.text import neutralize

HEADER = "external_id,name,organization"
NAMES = {"external_id": "1", "name": "José Müller", "organization": "North"}


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "roster.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: bytes | str, **columns: str) -> list[Cells]:
    return list(RosterFile(written(folder, content), columns).rows())


def faults(cells: Cells) -> list[Fault]:
    found = check_row(cells)
    assert not isinstance(found, RosterRow)
    return found


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(str.encode, id="UTF-8"),
        pytest.param(lambda text: codecs.BOM_UTF8 + text.encode(), id="UTF-8 with a mark"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), id="UTF-16, big-endian"),
        pytest.param(lambda text: text.encode("cp1252"), id="Windows-1252"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_separators(tmp_path: Path, encode: Callable[[str], bytes], separator: str, end: str) -> None:
    lines = [HEADER, '1,"José Müller",North', "", ",,"]
    text = end.join(line.replace(",", separator) for line in lines) + end
    assert read(tmp_path, encode(text)) == [Cells(2, NAMES)]


def test_headers_are_matched_as_people_type_them(tmp_path: Path) -> None:
    content = "Employee  ID ; NAME;Organization;External-Id;Ignored\n7;A;North; 1 ;x\n"
    assert read(tmp_path, content, employee_number="employee id") == [
        Cells(2, {"external_id": "1", "name": "A", "organization": "North", "employee_number": "7"})
    ]


def test_a_quoted_cell_may_hold_separators_and_lines(tmp_path: Path) -> None:
    [one, other] = read(tmp_path, HEADER + '\n1,"Lee, Ann","North\nSouth"\n2,B,C\n')
    assert (one.values, other.line) == ({"external_id": "1", "name": "Lee, Ann", "organization": "North\nSouth"}, 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "No header"),
        ("external_id,name\n1,A\n", "organization"),
        (HEADER + ",Name\n", "twice"),
        (HEADER + "," * 600 + "\n", "columns"),
        ("x" * 70_000, "too long"),
        ("\n" + HEADER + "," * 65_536 + "\n", "too long"),
        (",".join(f"c{number}" for number in range(100_000)), "too long"),
        ('"external_id","name","organ\nization"', "organization"),
        (HEADER + "," + '"\n",' * 600, "columns"),
        (b"PK\x03\x04rest", "workbook"),
        (HEADER.encode("utf-16-le"), "UTF-16 without"),
        (HEADER.encode() + b"\n1,\x81\xff,North\n", "neither"),
    ],
)
def test_what_is_no_roster_is_refused(tmp_path: Path, content: bytes | str, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param('1,"A', id="a quote that stays open"),
        pytest.param('1,"A"x,North', id="a quote in the middle"),
        pytest.param("1," + "x" * 200_000 + ",North", id="a cell of 200 kB"),
        pytest.param("1," + "x" * 2_000_000 + ",North", id="a cell of 2 MB"),
        pytest.param("x," * 1_000_000, id="a million cells"),
    ],
)
def test_a_row_that_is_no_csv_is_named(tmp_path: Path, row: str) -> None:
    with pytest.raises(UnreadableFile, match="Line 3"):
        read(tmp_path, f"{HEADER}\n1,A,North\n{row}\n")


def test_a_row_is_bounded_over_all_of_its_lines(tmp_path: Path) -> None:
    """Or a file of quoted line ends would be read as a single row of millions of cells."""
    with pytest.raises(UnreadableFile, match="is too long"):
        read(tmp_path, f"{HEADER}\n1,A,North\n" + '"\n",' * 400_000)


def test_a_header_may_have_lines(tmp_path: Path) -> None:
    [cells] = read(tmp_path, 'external_id,name,"Organi\nzation"\n1,José Müller,North\n', organization="organi zation")
    assert cells == Cells(3, NAMES)


def test_a_hundred_thousand_cells_are_too_many_for_one_row(tmp_path: Path) -> None:
    [cells, other] = read(tmp_path, f"{HEADER}\n" + "x," * 100_000 + "\n1,José Müller,North\n")
    assert (cells, other) == (Cells(2, None), Cells(3, NAMES))


def test_a_lone_carriage_return_ends_a_line(tmp_path: Path) -> None:
    [one, rest, quoted] = read(tmp_path, HEADER + '\n1,A\rB,North\n2,"C\rD",North\n')
    assert [one.line, rest.line, quoted.line] == [2, 3, 5]
    assert quoted.values == {"external_id": "2", "name": "C\rD", "organization": "North"}
    assert [[fault.code for fault in faults(cells)] for cells in (one, rest)] == [["missing"], ["missing"]]


def test_a_nul_far_down_is_the_fault_of_its_row(tmp_path: Path) -> None:
    rows = "".join(f"{number},Name,North\n" for number in range(200))
    *_, cells = read(tmp_path, f"{HEADER}\n{rows}1,a\0b,North\n")
    assert [(fault.line, fault.code) for fault in faults(cells)] == [(202, "nul_character")]


def test_a_named_header_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="email"):
        read(tmp_path, HEADER + "\n", email="Mail")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "missing"),
        ("name", "x" * 201, "string_too_long"),
        ("name", "a\0b", "nul_character"),
        ("email", "nobody", "string_pattern_mismatch"),
        ("status", "retired", "enum"),
        ("hired_on", "3/1/2024", "not_iso"),
        ("hired_on", "2024-02-30", "date_from_datetime_parsing"),
    ],
)
def test_a_bad_cell_is_reported_without_its_value(field: str, value: str, code: str) -> None:
    [fault] = faults(Cells(7, {**NAMES, field: value}))
    assert (fault.line, fault.field, fault.code) == (7, field, code)
    assert value not in fault.message or not value


def test_a_bad_address_is_explained_without_a_pattern() -> None:
    [fault] = faults(Cells(7, {**NAMES, "email": "nobody"}))
    assert fault.message == "This is not an e-mail address, such as ann.lee@agency.example"


def test_a_row_with_too_many_cells_is_reported(tmp_path: Path) -> None:
    [cells] = read(tmp_path, HEADER + "\n1,A,North,extra\n")
    assert [fault.code for fault in faults(cells)] == ["too_many_cells"]


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@x", "'=1", "'x", "Lee"])
def test_what_an_export_neutralized_is_restored(tmp_path: Path, name: str) -> None:
    [cells] = read(tmp_path, f"{HEADER}\n1,{neutralize(name)},North\n")
    assert cells.values is not None
    assert cells.values["name"] == name


@pytest.mark.parametrize("status", ["on_leave", "On leave", " ON  LEAVE"])
def test_a_status_is_matched_as_people_type_it(status: str) -> None:
    row = check_row(Cells(2, {**NAMES, "status": status}))
    assert isinstance(row, RosterRow)
    assert row.status == "on_leave"
