"""The calls of the user's own loader in a cell, and the totals of PostgreSQL that belong to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[tuple[str, str], float]
"""By source and name: how much a counter grew during a cell."""
LAG_SHARE = 0.5
"""pg_stat_database may lag behind: sessions report their transactions late. Only a share below this is a difference."""


@dataclass(frozen=True, kw_only=True)
class LoaderAccount:
    """What both sides counted during one cell."""

    calls: float
    """Loads and writes that the suite's meters counted."""
    counted: float | None
    """What PostgreSQL counted in this database, other clients included. None: it could not be read."""
    unit: str
    """What was counted."""
    least_share: float = 1.0
    """The share of the calls that must be counted at least: each call needs the database once or more."""

    @property
    def too_few(self) -> bool:
        """Whether some calls were answered without the database, for example from a cache of the loader's own."""
        return self.counted is not None and self.counted < self.least_share * self.calls


def loader_account(workload: Mapping[str, Any], counters: Counts) -> LoaderAccount | None:
    """The account of a cell in which the user's own loader ran. None: SQL ran."""
    if not workload.get("source"):
        return None
    sources = {source for source, _ in counters if source.startswith("process-")}
    calls = total(counters, ((source, name) for source in sources for name in ("load", "update", "create"))) or 0.0
    statements = total(counters, [("postgres", "statement.other.calls")])
    if statements is not None:
        control = total(counters, [("postgres", "statement.control.calls")]) or 0.0
        left_out = "BEGIN, COMMIT, SET and reads of statistics"
        unit = f"statements other than {left_out} (pg_stat_statements, other clients included)"
        return LoaderAccount(calls=calls, counted=statements - control, unit=unit)
    transactions = total(counters, [("postgres", "database.xact_commit"), ("postgres", "database.xact_rollback")])
    unit = "transactions (pg_stat_database, which lags; other clients included)"
    return LoaderAccount(calls=calls, counted=transactions, unit=unit, least_share=LAG_SHARE)


def total(counters: Counts, names: Iterable[tuple[str, str]]) -> float | None:
    """The sum of these counters in the cell. None: none was read."""
    found = [counters[name] for name in names if name in counters]
    return sum(found) if found else None
