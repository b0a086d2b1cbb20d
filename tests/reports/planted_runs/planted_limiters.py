"""Rate limiters with planted calls, so that tests of their verdicts need no run folder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stampede.reports.statistics.comparison import compare
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls, calls
from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult, analyse_subject
from stampede.run_folder.schema import ContenderInfo, ScenarioInfo
from tests.reports.planted_runs.planted import contender

LIMIT, WINDOW_S = 8, 0.4
STRICT = {"kind": "strict", "limit": LIMIT, "window_s": WINDOW_S}
DOUBLE = {"kind": "strict", "limit": 2 * LIMIT, "window_s": WINDOW_S}
BUCKET = {"kind": "bucket", "capacity": LIMIT, "refill_per_s": LIMIT / WINDOW_S}
FLOOD: dict[str, Any] = {"limit": LIMIT, "window_s": WINDOW_S, "caller_groups": []}
STEADY = "steady 1.1 ×"
EMPTY_SCRIPT_MS = 1.0


def flood_scenario(name: str = "rate-limit-flood") -> ScenarioInfo:
    """The scenario in which the planted limiters ran."""
    return ScenarioInfo(
        name=name,
        question="",
        application="an interface",
        expectation="",
        workload={},
        window_s=4 * WINDOW_S,
        drain_s=1.0,
        processes=2,
        kind="limiting",
        flood=FLOOD,
    )


def bursts(each: int, *, windows: int = 10) -> Calls:
    """20 calls at once, every two windows, of which the first `each` are admitted."""
    at = np.repeat(np.arange(windows) * 2 * WINDOW_S, 20) + np.tile(np.arange(20) * 1e-4, windows)
    return calls(at, at, np.tile(np.arange(20) < each, windows))


def steady_calls(admitted_share: float) -> Calls:
    """Calls at 1.1 times the limit for ten windows. After the first window that share is admitted, evenly."""
    at = np.arange(0, 10 * WINDOW_S, WINDOW_S / (LIMIT * 1.1))
    number = np.arange(len(at))
    late = np.floor(number * admitted_share) != np.floor((number - 1) * admitted_share)
    return calls(at, at, np.where(at < WINDOW_S, number < LIMIT, late))


def limiter(
    name: str,
    contract: Mapping[str, Any],
    *,
    admits: int = LIMIT,
    steady_share: float = 0.88,
    time_ms: float = 1.05,
    rounds: int = 8,
    key_bytes: Sequence[float] = (96.0, 112.0),
    moving_parts: Sequence[str] | None = ("a counter",),
) -> LimiterResult:
    """A limiter that admits `admits` of each burst, and that share of a steady caller's calls.

    `time_ms` is the time per call; each round adds a little to it and to the empty script's time.
    """
    info: ContenderInfo = contender(name)
    info.family, info.contracts = "limiting", {"rate-limit-flood": dict(contract)}
    info.moving_parts = None if moving_parts is None else list(moving_parts)
    info.script_commands = ["get"]
    subjects = [
        (r, analyse_subject(i, profile, own, FLOOD, contract))
        for r in range(1, rounds + 1)
        for i, (profile, own) in enumerate((("flood 10 ×", bursts(admits)), (STEADY, steady_calls(steady_share))))
    ]
    drift = [0.01 * np.sin(r) for r in range(1, rounds + 1)]
    own = [time_ms + d for d in drift]
    empty = [EMPTY_SCRIPT_MS + 0.7 * d for d in drift]
    return LimiterResult(
        info,
        flood_scenario(),
        [],
        subjects,
        compare(own, empty),
        np.array(own) - np.array(empty),
        np.array(key_bytes),
        dict(enumerate(own, 1)),
    )
