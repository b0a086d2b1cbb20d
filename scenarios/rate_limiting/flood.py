"""A flood: groups of subjects that call a rate limiter at the same time, each group with its own profile."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stampede.core.errors import require
from stampede.patterns.rate_limiting.rate_limiter import LimiterConfig
from stampede.scenarios.rate_limiting.caller_profiles import CALLER_PROFILES


@dataclass(frozen=True, kw_only=True)
class CallerGroup:
    """Subjects with the same profile. Each subject draws its own instants."""

    profile: str
    """One of CALLER_PROFILES."""
    subjects: int = 1
    """How many subjects the group has."""

    def __post_init__(self) -> None:
        require(self.profile in CALLER_PROFILES, "profile", self.profile, f"one of {', '.join(CALLER_PROFILES)}")
        require(1 <= self.subjects <= 100_000, "subjects", self.subjects, "1 to 100,000")


@dataclass(frozen=True, kw_only=True)
class Flood:
    """The limit of all rate limiters in a scenario, and the callers."""

    limit: int
    """As in LimiterConfig."""
    window_s: float
    """As in LimiterConfig."""
    caller_groups: tuple[CallerGroup, ...]
    """The callers. Subjects are numbered from 0 in this order."""
    burst: int | None = None
    """As in LimiterConfig."""

    def __post_init__(self) -> None:
        LimiterConfig(limit=self.limit, window_s=self.window_s, burst=self.burst)
        require(len(self.caller_groups) > 0, "caller_groups", self.caller_groups, "at least one")

    def caller_profiles(self) -> list[str]:
        """The profile of each subject, by the subject's number."""
        return [group.profile for group in self.caller_groups for _ in range(group.subjects)]

    def limited(self, limits: Mapping[str, Any]) -> "Flood":
        """The flood with the user's limit, window_s and burst, if given. The calls change in proportion."""
        return replace(self, **limits)

    def as_dict(self) -> dict[str, Any]:
        """For the run folder."""
        return asdict(self)

    def calls(self, span_s: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The calls of all subjects in order: (due in nanoseconds from the start, the subject's number).

        Distribute them to the processes in turn, so that calls on one tick come to different processes.
        """
        due, subjects = [], []
        for number, profile in enumerate(self.caller_profiles()):
            rng = np.random.default_rng([seed, number])
            instants = CALLER_PROFILES[profile](self.limit, self.window_s, span_s, rng)
            due.append((instants * 1e9).astype(np.int64))
            subjects.append(np.full(len(instants), number, dtype=np.int64))
        all_due, all_subjects = np.concatenate(due), np.concatenate(subjects)
        order = np.argsort(all_due, kind="stable")
        return all_due[order], all_subjects[order]
