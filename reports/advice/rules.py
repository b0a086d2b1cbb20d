"""The rules of the advice in words, as they stand folded under it."""

from reports.advice.able import NO_CACHE
from reports.advice.situations import SERVED_SHARE
from reports.answer import WORTH_SAYING
from reports.over_time import LATE_MS
from reports.statistics.estimate import MIN_ROUNDS
from reports.statistics.verdict import LEAST_DIFFERENCE

RULES = (
    "Who may be taken: every contender that answered all requests of the situation's scenario and meets what must "
    "hold.",
    "What must hold is failed by a contender that does not promise it, or of which one counterexample is known: a "
    "stale read that was certainly stale, or an order of steps that breaks it with nothing else happening. What is "
    "promised and was not looked at in this run may be taken, and the advice says so.",
    "With a reservation: kept in every order of steps as long as nothing else happens, but broken when something does "
    "in between, as when an entry expires. Such a contender is left out where another cache that ran there is not "
    "broken at all; else it is taken with that reservation, and the card names who would keep it and did not run "
    f"there. {NO_CACHE} is named for a literal “never” and displaces nobody: it takes nothing off the database.",
    "Who is taken: the lowest by the situation's figure. Two are told apart where their intervals have no value in "
    "common and they differ by more than the noise floor (two 95 % intervals that do not touch differ at about the "
    "0.6 % level: eight such comparisons err in at most 5 % of runs).",
    "Where the situation names a second figure: of those whom the first does not tell apart, only those stay whom the "
    "second does not tell apart either: behind its lowest among them beyond their intervals, and by twice or more (the "
    "resolution that matters added to both), nobody stays.",
    "Two copies of one contender ran in some scenarios (A/A). Where their own intervals lie apart by a figure, and by "
    f"more than {100 * LEAST_DIFFERENCE:g} %, that figure tells nobody apart in that scenario: it is no price and no "
    "reason, and the card says so. What differs by less than the copies do is not told apart either; a price beside "
    "their original is one beside the worse of both.",
    "Cannot tell: others are not told apart from the lowest. Then all are named; the first of them has the lowest "
    "read p99, else the lowest p50, else it comes first in the run. It is a suggestion, not a finding.",
    f"As seen: below {MIN_ROUNDS} rounds no interval stands behind the figures, and there is no verdict.",
    "It costs: the figure in which it is furthest behind the reference or the next, beyond their intervals and by "
    f"{WORTH_SAYING:g} times or more; then how it got through an outage, where this run looked. What orders of steps "
    "break stands in the column of races.",
    "What changes it: at the next one's figure the next would be taken, and from where their intervals touch nobody "
    "could tell. Each thing that must hold is taken away once: if somebody else is taken without it, this is said.",
    "By arithmetic, an unprotected expiry costs 1 + rate × load time loads. Below a rate × load time of "
    f"{WORTH_SAYING - 1:g} that is less than {WORTH_SAYING:g} loads, and protection saves next to nothing.",
    f"Who survives Redis: served {100 * SERVED_SHARE:g} % of the requests due in every outage, in every round, without "
    f"an error and within {LATE_MS / 1000:g} s; of these the fewest loads a second in the outage "
    "that asked for most. The shares that are printed are those of all rounds together.",
)
