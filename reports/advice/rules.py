"""The rules of the advice in words, as they stand folded under it."""

from reports.advice.situations import SERVED_SHARE
from reports.answer import WORTH_SAYING
from reports.over_time import LATE_MS
from reports.statistics import MIN_ROUNDS

RULES = (
    "Who may be taken: every contender that answered all requests of the situation's scenario and meets what must "
    "hold.",
    "What must hold is failed by a contender that does not promise it, or of which one counterexample is known: a "
    "stale read that was certainly stale, or an order of steps that breaks it. What is promised and was not looked at "
    "in this run may be taken, and the advice says so.",
    "Who is taken: the lowest by the situation's figure. Two are told apart where their intervals have no value in "
    "common and they differ by more than the noise floor (two 95 % intervals that do not touch differ at about the "
    "0.6 % level: eight such comparisons err in at most 5 % of runs).",
    "Cannot tell: others are not told apart from the lowest. Then all are named; the first of them has the lowest "
    "read p99, else the lowest p50, else it comes first in the run. It is a suggestion, not a finding.",
    f"As seen: below {MIN_ROUNDS} rounds no interval stands behind the figures, and there is no verdict.",
    "It costs: the figure in which it is furthest behind the reference or the next, beyond their intervals and by "
    f"{WORTH_SAYING:g} times or more; then what the card of correctness says against it: invariants that some order "
    "of steps breaks, and how it got through an outage, where this run looked.",
    "What changes it: at the next one's figure the next would be taken, and from where their intervals touch nobody "
    "could tell. Each thing that must hold is taken away once: if somebody else is taken without it, this is said.",
    "By arithmetic, an unprotected expiry costs 1 + rate × load time loads. Below a rate × load time of "
    f"{WORTH_SAYING - 1:g} that is less than {WORTH_SAYING:g} loads, and protection saves next to nothing.",
    f"Who survives Redis: served {100 * SERVED_SHARE:g} % of the requests due in every outage, in every round, without "
    f"an error and within {LATE_MS / 1000:g} s; of these the fewest loads a second meanwhile.",
)
