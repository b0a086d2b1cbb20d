"""Due times of requests: open arrivals, drawn in advance, independent of earlier answers."""

import numpy as np
import numpy.typing as npt

from stampede.scenarios.workload import Arrivals

Instants = npt.NDArray[np.int64]


def due_times_ns(
    kind: Arrivals, rate_per_s: float, span_s: float, *, share: int, shares: int, rng: np.random.Generator
) -> Instants:
    """The due times of one process, in nanoseconds from the start, ascending.

    `rate_per_s` is the rate of all processes together. The result is part `share` of `shares` equal parts. Poisson
    streams add up to a Poisson stream. Constant arrivals are dealt out in turn, so that no two parts share an instant.
    """
    if kind == "closed":
        raise ValueError("closed clients have no due times")
    if kind == "constant":
        ticks = np.arange(share, int(np.ceil(rate_per_s * span_s)), shares)
        due_s = (ticks + 0.5) / rate_per_s
        return np.asarray(due_s[due_s < span_s] * 1e9, dtype=np.int64)
    mine_per_s = rate_per_s / shares
    expected = mine_per_s * span_s
    gaps = rng.exponential(1 / mine_per_s, size=int(expected + 8 * np.sqrt(expected) + 32))
    due_s = np.cumsum(gaps)
    while due_s[-1] < span_s:  # almost never: eight standard deviations more were drawn
        due_s = np.append(due_s, due_s[-1] + np.cumsum(rng.exponential(1 / mine_per_s, size=len(gaps))))
    return np.asarray(due_s[due_s < span_s] * 1e9, dtype=np.int64)
