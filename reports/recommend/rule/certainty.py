"""How sure a pick is: the share of resampled rounds in which the same candidate is picked. Pure functions."""

from stampede.reports.recommend.answer_row import HIGH_SHARE, Certainty
from stampede.reports.recommend.rule.pick import Candidates, simplest_not_beaten
from stampede.reports.statistics.resampling import RESAMPLES, resampled_share


def same_pick_share(candidates: Candidates, resamples: int = RESAMPLES) -> float | None:
    """The share of bootstrap resamples of the rounds with the same pick; None with fewer than MIN_ROUNDS rounds.

    A resample uses the same rounds for all candidates. The rule is the same, with estimates instead of tests.
    """
    return resampled_share(
        candidates.rounds, lambda drawn: simplest_not_beaten(candidates.beats(drawn)) == candidates.pick, resamples
    )


def certainty_of(candidates: Candidates, share: float | None) -> Certainty:
    """high, tied or low, as defined in AnswerRow."""
    if share is None or share < HIGH_SHARE:
        return "low"
    return "tied" if candidates.may_be_beaten() else "high"
