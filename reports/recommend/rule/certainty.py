"""How sure a pick is: the share of resampled rounds in which the same candidate is picked. Pure functions."""

import numpy as np

from stampede.reports.recommend.answer_row import HIGH_SHARE, Certainty
from stampede.reports.recommend.rule.pick import Candidates, simplest_not_beaten
from stampede.reports.statistics.estimate import MIN_ROUNDS

RESAMPLES = 2000
SEED = 20_261_130
"""Fixed, so that a report of the same run is the same."""


def same_pick_share(candidates: Candidates, resamples: int = RESAMPLES) -> float | None:
    """The share of bootstrap resamples of the rounds with the same pick; None with fewer than MIN_ROUNDS rounds.

    A resample draws as many rounds as there are, with replacement, and uses the same rounds for all candidates. The
    rule is the same, with estimates instead of tests. Source: Efron, Tibshirani: An Introduction to the Bootstrap, 6.
    """
    if candidates.rounds < MIN_ROUNDS:
        return None
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(candidates.rounds, size=(resamples, candidates.rounds))
    picks = simplest_not_beaten(candidates.beats(drawn))
    return float(np.mean(picks == candidates.pick))


def certainty_of(candidates: Candidates, share: float | None) -> Certainty:
    """high, tied or low, as defined in AnswerRow."""
    if share is None or share < HIGH_SHARE:
        return "low"
    return "tied" if candidates.may_be_beaten() else "high"
