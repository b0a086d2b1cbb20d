"""A flood: crowds of subjects that call a rate limiter, each in its own way, all at once."""

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
    """Subjects that call in the same way, each at instants of its own."""

    profile: str
    """One of CALLER_PROFILES."""
    subjects: int = 1

    def __post_init__(self) -> None:
        require(self.profile in CALLER_PROFILES, "profile", self.profile, f"one of {', '.join(CALLER_PROFILES)}")
        require(1 <= self.subjects <= 100_000, "subjects", self.subjects, "1 to 100,000")


@dataclass(frozen=True, kw_only=True)
class Flood:
    """The limit that all limiters are given, and who calls."""

    limit: int
    window_s: float
    caller_groups: tuple[CallerGroup, ...]
    burst: int | None = None
    """As LimiterConfig's."""

    def __post_init__(self) -> None:
        LimiterConfig(limit=self.limit, window_s=self.window_s, burst=self.burst)
        require(len(self.caller_groups) > 0, "caller_groups", self.caller_groups, "at least one")

    def caller_profiles(self) -> list[str]:
        """What each subject is, by its number."""
        return [caller_group.profile for caller_group in self.caller_groups for _ in range(caller_group.subjects)]

    def limited(self, limits: Mapping[str, Any]) -> "Flood":
        """The same crowds under the user's limit, window_s and burst, as far as given: they call in proportion."""
        return replace(self, **limits)

    def as_dict(self) -> dict[str, Any]:
        """For the run folder."""
        return asdict(self)

    def calls(self, span_s: float, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Every call of everyone in order: (due in nanoseconds from the start, subject's number).

        Deal them out in turn to have each process serve its share: calls on one tick then meet in different processes.
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
