"""Tries the user's own loader before a run, as its SQL would be tried."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.loadtests.bench.run_plan.own_source import called, checked_ids, open_source
from stampede.patterns.caching.cache_pattern import Record, RecordId
from stampede.patterns.caching.record_source import RecordSource
from stampede.patterns.serialization.serializer import Serializer
from stampede.scenarios.workload import OwnSource
from stampede.stack.postgres.own_data.column_changes import column_changes, same
from stampede.stack.postgres.own_data.sql_trial import CHANGES, MIN_ROWS, TRIAL_S, ids_to_try
from stampede.stack.postgres.source import ReceivedValue

REPEATS = 20


@dataclass(frozen=True, kw_only=True)
class TriedSource:
    """What the trial of the user's own loader found."""

    ids: int
    """How many ids it lists."""
    load_ms: float
    """Median time of a load without other load, in ms."""
    changes: Mapping[str, str]
    """The columns that the cache changes and that the user accepts: how, in words."""


def try_source(
    source: OwnSource, postgres_url: str, serializer: Serializer[Any], cache: str, *, writes: bool
) -> TriedSource:
    """Load several records and, if the run writes, update one for real. Raises ConfigError with file, method, remedy.

    `cache`: the serializer's name, for messages.
    """
    records = open_source(source, postgres_url, 1)
    try:
        trial = SourceTrial(source, records, serializer, cache)
        ids = checked_ids(source, records)
        existing = trial.loads(ids)
        if writes:
            trial.update(existing)
        load_ms = trial.load_ms(existing)
    finally:
        called(source, "close", records.close)
    return TriedSource(ids=len(ids), load_ms=load_ms, changes=trial.accepted)


class SourceTrial:
    """The trial of one object of the user's class."""

    def __init__(self, source: OwnSource, records: RecordSource, serializer: Serializer[Any], cache: str) -> None:
        self.source = source
        self.records = records
        self.serializer = serializer
        self.cache = cache
        self.accepted: dict[str, str] = {}
        self.columns: set[str] = set()
        """The columns of the first record."""

    def loads(self, ids: list[RecordId]) -> RecordId:
        """Load several records and check them. Returns an id that has a record."""
        existing, begin_s = None, time.monotonic()
        wrong: dict[str, str] = {}
        lost = False
        for number, record_id in enumerate(ids_to_try(ids)):
            if number >= MIN_ROWS and time.monotonic() - begin_s > TRIAL_S:
                break
            record = self.record("load", self.loaded(record_id))
            if record is None:
                continue
            existing = record_id if existing is None else existing
            lost = self.note_changes(record, wrong) or lost
        want = "a record for an id that ids lists"
        require(
            existing is not None, f"{self.source.file}: load", ReceivedValue("None for every id that was tried"), want
        )
        if wrong:
            name, received = next(iter(wrong.items()))
            listed = ", ".join(f'"{column}"' for column in wrong)
            want = f"a value that {self.cache} does not change in {', '.join(wrong)}, for example text"
            want = want if lost else f"{want}; or accept_changed = ({listed},)"
            raise ConfigError(f"{self.source.file}: load, column {name}", ReceivedValue(received), want)
        return existing

    def loaded(self, record_id: RecordId) -> Any:
        """The answer of the user's `load`. Raises ConfigError if it raises."""
        return called(self.source, "load", lambda: self.records.load(record_id))

    def note_changes(self, record: Record, wrong: dict[str, str]) -> bool:
        """Note the columns that the cache changes. Returns whether one of the wrong ones cannot be cached at all."""
        lost = False
        for name, change in column_changes(record, self.serializer).items():
            received = change.text(f"cache's {self.cache}")
            if name in self.source.accept_changed and not change.lost:
                self.accepted.setdefault(name, received)
            else:
                wrong.setdefault(name, received)
                lost = lost or change.lost
        return lost

    def record(self, method: str, answer: Any) -> Record | None:
        """The answer as a record. Raises ConfigError if it is none, or has no version."""
        if answer is None:
            return None
        field = f"{self.source.file}: {method}"
        received = ReceivedValue(f"{type(answer).__name__} {answer!r}"[:200])
        require(isinstance(answer, dict), field, received, "a dict of columns, or None")
        require(all(isinstance(name, str) for name in answer), field, received, "columns whose names are text")
        version = self.source.version
        if version is not None:
            found = answer.get(version)
            given = "no such column" if version not in answer else f"{type(found).__name__} {found!r}"
            require(type(found) is int, f"{field}, column {version}", ReceivedValue(given), "the version, an int")
        unknown = next((name for name in self.source.accept_changed if name not in answer), None)
        want = f"columns that load returns ({', '.join(answer)})"
        require(unknown is None, f"{self.source.file}: accept_changed", unknown, want)
        self.columns = self.columns or set(answer)
        record: Record = answer
        return record

    def update(self, record_id: RecordId) -> None:
        """Update one record, and compare what it returns with a load."""
        field = f"{self.source.file}: update"
        before = self.loaded(record_id) or {}
        answer = called(self.source, "update", lambda: self.records.update(record_id, dict(CHANGES)))
        after = self.record("update", answer)
        require(after is not None, field, ReceivedValue(f"None for id {record_id}"), "the changed record")
        assert after is not None
        want = f"the same columns as load returns ({', '.join(before)})"
        require(set(after) == set(before), field, ReceivedValue(f"columns {', '.join(after)}"), want)
        version = self.source.version
        if version is not None and after[version] != before[version] + 1:
            received = ReceivedValue(f"{before[version]} before, {after[version]} after an update")
            raise ConfigError(f"{field}, column {version}", received, "a version that increases by one")
        again = self.loaded(record_id) or {}
        want = "a load after an update that returns the new values: commit in update, and load from the database"
        require(
            same(again, after),
            f"{self.source.file}: load",
            ReceivedValue("the record as it was before an update"),
            want,
        )

    def load_ms(self, record_id: RecordId) -> float:
        """Median time of a load, in ms."""
        times_ms: list[float] = []
        began_s = time.monotonic()
        while len(times_ms) < 3 or (len(times_ms) < REPEATS and time.monotonic() - began_s < TRIAL_S):
            begin_ns = time.perf_counter_ns()
            self.loaded(record_id)
            times_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
        return median(times_ms)
