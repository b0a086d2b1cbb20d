"""The user's own loader: finds its class in a file, makes its object, and offers it as the contenders' database."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from stampede.core.errors import ConfigError, require
from stampede.patterns.caching.cache_pattern import ENTITY, Record, RecordId, Source, Transaction
from stampede.patterns.caching.record_source import RecordSource
from stampede.patterns.user_files import error_line, import_file
from stampede.scenarios.workload import OwnSource, WorkloadFile
from stampede.stack.postgres.record_ids import MAX_IDS, identifies
from stampede.stack.postgres.source import ReceivedValue

METHODS = ("load", "ids")
BASE = "stampede.RecordSource"


def find_source(path: str) -> type[RecordSource]:
    """The last subclass of RecordSource in the user's file. Raises ConfigError.

    A process executes the file once, because an ORM may refuse to define a model twice.
    """
    require(path.endswith(".py"), "source", path, f"the path of a .py file with a subclass of {BASE}")
    file = Path(path)
    return imported_source(str(file.resolve()), file.stat().st_mtime_ns if file.is_file() else 0)


@cache
def imported_source(path: str, _modified_ns: int) -> type[RecordSource]:
    """As `find_source`, for one state of the file."""
    module = import_file(Path(path), f"source_{Path(path).stem}", "source")
    own: list[type[RecordSource]] = [
        thing
        for thing in vars(module).values()
        if issubclass(type(thing), type)  # isinstance would make Django's lazy settings load
        and issubclass(thing, RecordSource)
        and thing.__module__ == module.__name__
    ]
    if not own:
        raise ConfigError("source", path, f"a file that defines a subclass of {BASE}")
    found = own[-1]
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    require(
        not missing, f"{path}: {found.__name__}", ReceivedValue(f"no {' and no '.join(missing)}"), described(missing)
    )
    for name in (*METHODS, "update", "create", "close"):
        if inspect.iscoroutinefunction(getattr(found, name)):
            raise ConfigError(f"{path}: {name}", ReceivedValue("async def"), "a synchronous method")
    check_attributes(found, path)
    return found


def described(names: Sequence[str]) -> str:
    """The methods that are wanted."""
    return " and ".join({"load": "def load(self, record_id)", "ids": "def ids(self)"}.get(n, n) for n in names)


def check_attributes(found: type[RecordSource], path: str) -> None:
    """Raise ConfigError for an attribute of a wrong type."""
    entity, version, accepted = found.entity, found.version, found.accept_changed
    named = isinstance(entity, str) and ENTITY.fullmatch(entity) is not None
    require(named, f"{path}: entity", entity, "a letter, then at most 63 letters, digits or _.-")
    require(version is None or isinstance(version, str), f"{path}: version", version, "a column's name, or None")
    listed = isinstance(accepted, tuple | list) and all(isinstance(name, str) for name in accepted)
    require(listed, f"{path}: accept_changed", accepted, "a tuple of columns' names")
    want = "names of other columns: freshness is judged by the version of hits and misses"
    require(version not in accepted, f"{path}: accept_changed", version, want)


def with_source(workload: WorkloadFile, path: str) -> WorkloadFile:
    """The workload with the user's own loader. Raises ConfigError if it has queries too, or a cost of loads."""
    found = find_source(path)
    given = ReceivedValue("SQL")
    want = "nothing: with --source your class loads the records"
    require("queries" not in workload.common, f"{workload.file}: [sql] or [[query]]", given, want)
    for name in ("load_cpu_ms", "load_wait_ms"):
        want = "nothing: with --source the cost of a load is that of your class"
        require(name not in workload.common, f"{workload.file}: {name}", workload.common.get(name), want)
    source = OwnSource(
        file=str(Path(path).resolve()),
        entity=found.entity,
        version=found.version,
        writes=found.update is not RecordSource.update,
        accept_changed=tuple(found.accept_changed),
    )
    return replace(workload, common={**workload.common, "source": source})


def open_source(source: OwnSource, postgres_url: str, threads: int) -> RecordSource:
    """Make the user's object. Raises ConfigError if its constructor raises."""
    kind = find_source(source.file)
    records: RecordSource = called(source, "__init__", lambda: kind(postgres_url, threads))
    return records


def called(source: OwnSource, method: str, call: Callable[[], Any]) -> Any:
    """The result of one of the user's methods. Raises ConfigError with file and method if it raises."""
    try:
        return call()
    except Exception as error:
        received = ReceivedValue(error_line(error))
        raise ConfigError(f"{source.file}: {method}", received, "a call that does not raise") from error


def checked_ids(source: OwnSource, records: RecordSource) -> list[RecordId]:
    """The ids that the user's object lists. Raises ConfigError for values that cannot identify records."""
    field = f"{source.file}: ids"
    found: list[RecordId] = called(source, "ids", lambda: list(records.ids()))
    require(bool(found), field, ReceivedValue("no ids"), "at least one id")
    require(len(found) <= MAX_IDS, field, ReceivedValue(f"{len(found):,} ids"), f"at most {MAX_IDS:,}")
    known = set()
    for number, record_id in enumerate(found, 1):
        received = ReceivedValue(f"id {number} is {type(record_id).__name__} {record_id!r}")
        parts = tuple(record_id) if isinstance(record_id, tuple) else (record_id,)
        require(identifies(parts), field, received, "values that identify a record")
        known.add(record_id)
        require(
            len(known) == number, field, ReceivedValue(f"id {number}, {record_id!r}, a second time"), "each id once"
        )
    return found


def read_source_ids(source: OwnSource, postgres_url: str) -> list[RecordId]:
    """The ids, read by an object of its own. Raises ConfigError."""
    records = open_source(source, postgres_url, 1)
    try:
        return checked_ids(source, records)
    finally:
        records.close()


class OwnRecords(Source):
    """The user's object as the contenders' database. Each of its writes commits by itself."""

    def __init__(self, source: OwnSource, records: RecordSource, on_wrong: Callable[[str], None]) -> None:
        """`on_wrong`: is called with one line for an answer that is no record."""
        self.own = source
        self.records = records
        self.on_wrong = on_wrong

    def load(self, record_id: RecordId) -> Record | None:
        return self._record("load", self.records.load(record_id))

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        return self._record("update", self.records.update(record_id, changes))

    def create(self, new: Record) -> Record:
        return self._record("create", self.records.create(new)) or {}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        yield self

    def _record(self, method: str, answer: Any) -> Record | None:
        if answer is not None and not isinstance(answer, dict):
            self.on_wrong(
                f"{self.own.file}: {method} returned {type(answer).__name__} (wanted: a dict of columns, or None)"
            )
        record: Record | None = answer
        return record
