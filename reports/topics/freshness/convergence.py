"""Convergence: the share of checked writes that every later read returned after a given time.

A write is checked if some read began later than that time after its acknowledgement.
Meta's Polaris reports the same share in nines: the share of writes that were consistent within five minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stampede.reports.topics.freshness.classify import ClassifiedReads
from stampede.reports.topics.freshness.version_history import NEVER
from stampede.reports.topics.freshness.versions import running_maximum


@dataclass(frozen=True, kw_only=True)
class WriteChecks:
    """Writes of one or more cells, each checked by a read that began later than `within_ns` after it."""

    within_ns: int
    writes: int
    """Number of checked writes."""
    wrong: int
    """Number of checked writes for which such a read returned an older version."""

    @property
    def share(self) -> float:
        """Share of checked writes that were not wrong. If none was wrong: the lower bound that n writes support (rule
        of three: at least 1 − 3/n with 95 % confidence), never 1. nan without writes.
        """
        if not self.writes:
            return math.nan
        return 1 - self.wrong / self.writes if self.wrong else max(0.0, 1 - 3 / self.writes)


def check_writes(judged: ClassifiedReads, within_ns: int) -> WriteChecks:
    """Check the writes of one cell except those of the warm-up. Reads after the drain check too."""
    versions, r, w = judged.versions, judged.reads, judged.history.writes
    key = versions.key_of(r.key)
    counted = w.measured & (w.acknowledged < NEVER)
    row = versions.next_version(versions.key_of(w.key[counted]), w.version[counted]) - 1
    row = np.unique(row)
    deadline = versions.acknowledged[row] + within_ns
    latest = np.full(len(versions.keys), -1, dtype=np.int64)
    np.maximum.at(latest, key, r.start)
    following = versions.next_version(key, r.version)
    misses = following < versions.first[key + 1]
    missed = np.full(len(versions.key), -1, dtype=np.int64)
    np.maximum.at(missed, following[misses], r.start[misses])
    missed = running_maximum(missed, versions.key)
    checked = latest[versions.key[row]] > deadline
    return WriteChecks(
        within_ns=within_ns, writes=int(checked.sum()), wrong=int((checked & (missed[row] > deadline)).sum())
    )


def sum_checks(parts: Sequence[WriteChecks]) -> WriteChecks:
    """Sum of the counts of several cells."""
    return WriteChecks(
        within_ns=parts[0].within_ns, writes=sum(p.writes for p in parts), wrong=sum(p.wrong for p in parts)
    )
