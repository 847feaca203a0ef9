"""Errors of merging people."""

from app.errors import Conflict, Invalid


class SamePerson(Invalid):
    code = "same_person"
    title = "A person cannot be merged with themselves"


class BothSeated(Conflict):
    code = "both_seated"
    title = "Both people hold a seat in the same assessment, so they are not one person there"


class BothOnItem(Conflict):
    code = "both_on_item"
    title = "One of the two verified what the other had done, so they are not one person there"


class StillSignsIn(Conflict):
    code = "still_signs_in"
    title = "The person to be merged signs in; an operator has to unlink them first"
