"""How stable a choice is: the share of bootstrap resamples of the rounds in which it comes out again."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stampede.reports.statistics.estimate import MIN_ROUNDS

RESAMPLES = 2000
SEED = 20_261_130
"""Fixed, so that a report of the same run is the same."""


def resampled_share(
    rounds: int, chosen_again: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]], resamples: int = RESAMPLES
) -> float | None:
    """The share (0 to 1) of bootstrap resamples of the rounds with the same choice; None below MIN_ROUNDS rounds.

    A resample draws as many rounds as there are, with replacement. `chosen_again` gets a table of drawn rounds, a row
    for each resample, as indices from 0, and says for each row whether the choice is the same.
    Source: Efron, Tibshirani: An Introduction to the Bootstrap, 6.
    """
    if rounds < MIN_ROUNDS:
        return None
    drawn = np.random.default_rng(SEED).integers(rounds, size=(resamples, rounds))
    return float(np.mean(chosen_again(drawn)))
