"""Errors of importing files and of merging people."""

from app.errors import Conflict, Forbidden, Invalid


class SamePerson(Invalid):
    code = "same_person"
    title = "A person cannot be merged with themselves"


class BothSeated(Conflict):
    code = "both_seated"
    title = "Both people hold a seat in the same assessment, so they are not one person there"


class BothOnItem(Conflict):
    code = "both_on_item"
    title = "One of the two verified what the other had done, so they are not one person there"


class RosterRightNotStored(Forbidden):
    code = "roster_right_not_stored"
    title = "An import needs a role that was granted here, not one that a sign-in carries"


class RosterUnreadable(Invalid):
    code = "roster_unreadable"
    title = "The file cannot be read as a roster; nothing was imported"


class RosterRefused(Invalid):
    code = "roster_refused"
    title = "Rows of the file are wrong; nothing was imported"


class RosterSuspicious(Conflict):
    code = "roster_suspicious"
    title = "The file would end or archive too much to be believed; nothing was imported"


class StillSignsIn(Conflict):
    code = "still_signs_in"
    title = "The person to be merged signs in; an operator has to unlink them first"
