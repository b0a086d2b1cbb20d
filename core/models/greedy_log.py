"""The exact sliding log: the calls that a perfect rate limiter admits.

It admits a call if fewer than `limit` admitted calls are in the window before it. No limiter that keeps `limit`
calls per window has ever admitted more calls by any instant.
"""

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Instants = npt.NDArray[np.int64]


def greedy_log(instants: npt.NDArray[Any], limit: int, window: float) -> Bools:
    """Which of one subject's calls the log admits. `instants`: ascending, in the unit of `window`."""
    admitted: deque[float] = deque()
    found = np.zeros(len(instants), dtype=bool)
    for i, instant in enumerate(instants.tolist()):
        while admitted and admitted[0] <= instant - window:
            admitted.popleft()
        if len(admitted) < limit:
            admitted.append(instant)
            found[i] = True
    return found


def entitled_by(due_ns: Instants, subjects: Instants, limit: int, window_s: float) -> Instants:
    """The due times, ascending, of the calls that a separate log for each subject admits. `due_ns`: ascending."""
    admitted = np.zeros(len(due_ns), dtype=bool)
    for subject in np.unique(subjects):
        of_subject = subjects == subject
        admitted[of_subject] = greedy_log(due_ns[of_subject], limit, round(window_s * 1e9))
    return due_ns[admitted]
