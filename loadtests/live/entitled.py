"""How many of a flood's calls a perfect limiter of that limit admits, over time."""

from collections import deque

import numpy as np
import numpy.typing as npt


def entitled_by(
    due_ns: npt.NDArray[np.int64], subjects: npt.NDArray[np.int64], limit: int, window_s: float
) -> npt.NDArray[np.int64]:
    """The due times, ascending, of the calls that a sliding log of each subject's own admits."""
    window_ns = round(window_s * 1e9)
    logs: dict[int, deque[int]] = {}
    admitted = []
    for instant, subject in zip(due_ns.tolist(), subjects.tolist(), strict=True):
        log = logs.setdefault(subject, deque())
        while log and log[0] <= instant - window_ns:
            log.popleft()
        if len(log) < limit:
            log.append(instant)
            admitted.append(instant)
    return np.asarray(admitted, dtype=np.int64)
