"""What can go wrong in the course of an assessment."""

from app.errors import Conflict, Forbidden, Frozen, Invalid, NotFound, TooManyRequests


class ConfidentialUnavailable(Invalid):
    code = "confidential_unavailable"
    title = "Confidential assessments are not offered yet"


class UnknownReference(Invalid):
    code = "unknown_reference"
    title = "What this refers to does not exist, or is not visible to these credentials"


class WindowReversed(Invalid):
    code = "window_reversed"
    title = "The voting window closes before it opens"


class WindowEnded(Invalid):
    code = "window_ended"
    title = "The voting window has ended; change or clear closes_at"


class AdministeredInFuture(Invalid):
    code = "administered_in_future"
    title = "The day of the session lies in the future"


class ImplementationRequired(Invalid):
    code = "implementation_required"
    title = "An assessment needs an implementation, or the assessment it is based on"


class FrozenAtOpening(Frozen):
    code = "frozen_at_opening"
    title = "Instrument, profile and stage are frozen once the assessment was opened"


class VoidFirst(Conflict):
    code = "void_first"
    title = "Only a draft or a void assessment can be deleted"


class NotFinal(Conflict):
    code = "not_final"
    title = "Only a final assessment is corrected by a revision; another is edited"


class RevisionExists(Conflict):
    code = "revision_exists"
    title = "There is a revision of this assessment already"


class NotFinalizable(Conflict):
    code = "not_finalizable"
    title = "The assessment cannot be made final as it stands"


class InsufficientCoverage(NotFinalizable):
    code = "insufficient_coverage"
    title = "Too few practices are scored"


class AdministrationMissing(NotFinalizable):
    code = "no_administration_record"
    title = "How the assessment was run is not recorded"


class UnscoredPractice(NotFinalizable):
    code = "unscored_practice"
    title = "A practice is neither scored nor explicitly left unscored"


class ProvisionalPractice(NotFinalizable):
    code = "provisional_practice"
    title = "A practice has votes that differ and no consensus"


class ConsensusLacksNote(NotFinalizable):
    code = "consensus_needs_note"
    title = "A consensus that departs from the votes has no note"


class SealedVotes(Conflict):
    code = "votes_sealed"
    title = "Votes are sealed until the close"


class VotingNotOpen(Conflict):
    code = "voting_not_open"
    title = "Voting has not begun"


class VotingClosed(Conflict):
    code = "voting_closed"
    title = "Voting is closed"


class VoteExists(Conflict):
    code = "vote_exists"
    title = "There is a vote already; its owner may replace it with If-Match"


class SeatMayNotVote(Forbidden):
    code = "seat_may_not_vote"
    title = "Only respondents vote"


class NotYourSeat(Forbidden):
    code = "not_your_seat"
    title = "A token opens its own seat only"


class NotAPaperSeat(Forbidden):
    code = "not_a_paper_seat"
    title = "Ballots are entered for paper seats only"


class SeatWithdrawn(Conflict):
    code = "seat_withdrawn"
    title = "This seat was withdrawn"


class SeatTaken(Conflict):
    code = "seat_taken"
    title = "Somebody else has claimed this seat"


class SeatFixed(Conflict):
    code = "seat_fixed"
    title = "This part of a seat can no longer change; withdraw the seat instead"


class ChannelMismatch(Invalid):
    code = "channel_mismatch"
    title = "Only a respondent's seat can be a paper seat"


class PaperSeat(Conflict):
    code = "paper_seat"
    title = "A paper seat is not invited"


class PersonSeated(Conflict):
    code = "person_seated"
    title = "This person holds a respondent's seat in this assessment already"


class SeatPersonLeft(Conflict):
    code = "seat_person_left"
    title = "The person of this seat has left; give it to another person, or withdraw it and add another seat"


class InactivePerson(Invalid):
    code = "inactive_person"
    title = "An inactive person gets no seat"


class InvitationNotFound(NotFound):
    code = "invitation_not_found"
    title = "There is no open invitation with this code"


class TooManyAttempts(TooManyRequests):
    code = "too_many_attempts"
    title = "Too many invitation codes were tried from this address"


class AdministratorExists(Conflict):
    code = "administrator_exists"
    title = "There is one administrator"


class PerspectiveMismatch(Invalid):
    code = "perspective_mismatch"
    title = "A respondent has a perspective, and nobody else has"


class NotInConsensus(Conflict):
    code = "not_in_consensus"
    title = "Consensus is recorded between the close and the end"


class ConsensusNoteRequired(Invalid):
    code = "consensus_note_required"
    title = "A consensus that departs from the votes needs a note"


class AssessmentVoid(Conflict):
    code = "assessment_void"
    title = "The assessment is void, so its gaps do not count"


class AssessmentSuperseded(Conflict):
    code = "assessment_superseded"
    title = "A final revision stands in the assessment's place; use the revision"


class NoGap(Conflict):
    code = "no_gap"
    title = "The practice is in place or does not apply, so there is no gap"


class UnknownPractice(Invalid):
    code = "unknown_practice"
    title = "The instrument has no such practice"


class UnknownAssessment(Invalid):
    code = "unknown_assessment"
    title = "No such assessment is visible to these credentials"
