"""How stable a choice is: the share of bootstrap resamples of the rounds in which it comes out again."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stampede.reports.statistics.estimate import MIN_ROUNDS

RESAMPLES = 2000
SEED = 13
"""Fixed, so that the same run gives the same share."""

Indices = npt.NDArray[np.int64]


def same_choice_share(rounds: int, choices_of: Callable[[Indices], npt.NDArray[np.float64]]) -> float | None:
    """The share (0 to 1) of resamples with the choice of all rounds; None below MIN_ROUNDS.

    `choices_of` gets a table of drawn rounds, as indices from 0 to rounds − 1 with repetitions, and returns the choice
    of each row as a number.
    """
    if rounds < MIN_ROUNDS:
        return None
    whole = choices_of(np.arange(rounds)[None])[0]
    draws = np.random.default_rng(SEED).integers(rounds, size=(RESAMPLES, rounds))
    return float(np.mean(choices_of(draws) == whole))
