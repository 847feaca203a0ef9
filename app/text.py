"""Names as they are stored, the key they are found and sorted by, and texts that a spreadsheet takes for formulas."""

import re
import unicodedata
from typing import Final

#: Blocks whose scripts need the zero-width joiner and non-joiner between letters: Arabic to Thaana and N'Ko, the Indic
#: scripts, Tibetan, Myanmar, Khmer, Mongolian, and the Arabic presentation forms.
_JOINING: Final = ((0x0600, 0x07FF), (0x0840, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0xFB50, 0xFEFE))
_JOINERS: Final = frozenset("\u200c\u200d")
#: Letters and marks that show nothing: the grapheme joiner, the Hangul fillers, two Khmer vowels.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
#: Marks that the key leaves out: Latin, Greek and Cyrillic accents, Hebrew points, Arabic vowel signs. A vowel sign of
#: an Indic script is part of the word and stays.
_ACCENTS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u200c\u200d]"
)
#: Letters that do not decompose, and typographic quotes and dashes.
_ALIKE: Final = str.maketrans(
    {
        **dict(zip("øłđħŧðıæœþ", ["o", "l", "d", "h", "t", "d", "i", "ae", "oe", "th"], strict=True)),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u0060\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00ad", "-"),
    }
)

#: What a spreadsheet reads as the beginning of a formula, also behind apostrophes that hide it.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def clean_name(name: str) -> str:
    """Return a name in NFC, trimmed and single-spaced, without control and invisible format characters.

    A joiner stays between two letters of a script that needs it. The result may be empty.
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.split())
    visible = "".join(_visible(name, at) for at in range(len(name)))
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def _visible(name: str, at: int) -> str:
    character = name[at]
    if character in _JOINERS:
        return character if _joins(name[at - 1 : at]) and _joins(name[at + 1 : at + 2]) else ""
    if character.isspace():
        return " "
    return "" if character in _INVISIBLE or unicodedata.category(character) in {"Cc", "Cf"} else character


def _joins(neighbour: str) -> bool:
    return bool(neighbour) and any(first <= ord(neighbour) <= last for first, last in _JOINING)


def search_key(name: str) -> str:
    """Return what a name is found and sorted by: without case, accents, and the kind of quotes, dashes and blanks."""
    if name.isascii():
        return " ".join(name.lower().replace("`", "'").split())
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name.translate(_ALIKE)).casefold())
    folded = _ACCENTS.sub("", letters).translate(_ALIKE)
    return unicodedata.normalize("NFC", " ".join(folded.split()))


def neutralize(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet could take for a formula. `restore` takes it away again."""
    return f"'{text}" if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """Return the text that `neutralize` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def fold_case(text: str) -> str:
    """Return a text as identifiers are compared without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
