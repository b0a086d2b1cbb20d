"""The base class of a user's own loader: a class that loads, changes and lists the records of an application.

`stampede bench --source my_source.py` runs the contenders over it, for example over an ORM.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from stampede.patterns.caching.cache_pattern import Record, RecordId


class RecordSource(ABC):
    """Loads and changes records in the user's own way. Many threads call one object at the same time.

    Each process of the application servers makes an object, under gevent's monkey-patching: use blocking libraries in
    pure Python, or psycopg.
    """

    entity: ClassVar[str] = "record"
    """What the records are, for example `product`: the type in the names of their keys."""
    version: ClassVar[str | None] = None
    """The column that every update increases by one. None: freshness is not judged."""
    accept_changed: ClassVar[tuple[str, ...]] = ()
    """The columns that a hit may return with another type or value than a miss. Others end the run before it starts."""

    def __init__(self, postgres_url: str, threads: int) -> None:
        """`postgres_url`: of the server that the run uses, with its password. `threads`: the calls at the same time."""
        self.postgres_url = postgres_url
        self.threads = threads

    @abstractmethod
    def load(self, record_id: RecordId) -> Record | None:
        """The record as a dict of columns, or None if there is none. It must ask the database each time."""

    @abstractmethod
    def ids(self) -> Sequence[RecordId]:
        """The ids of the requests, in order of popularity, and the same ones in every process."""

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        """Change the record, commit, and return its columns as `load` would. None: there is no such record.

        `changes`: {"text": a short word, "number": an integer}. A class without this method is only read.
        """
        raise NotImplementedError

    def create(self, new: Record) -> Record:
        """Insert a record, commit, and return it. Patterns under test may call it; the suite's requests do not."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Close pools and connections."""
