"""Injects faults into Stampede's table, on a PostgreSQL server that Stampede started.

There are two faults: a lock that blocks every load, and a dropped index, so that every load reads the whole table. Each
can be undone; stopping the server also ends it.
"""

from typing import Any

import psycopg

from stampede.stack.postgres.postgres_server import connect

LOCK = "LOCK TABLE stampede.users IN ACCESS EXCLUSIVE MODE"
DROP_INDEX = "ALTER TABLE stampede.users DROP CONSTRAINT users_pkey"
CREATE_INDEX = "ALTER TABLE stampede.users ADD CONSTRAINT users_pkey PRIMARY KEY (id)"


class DatabaseFaults:
    """The faults. Each method returns once the fault has begun or ended."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._holder: psycopg.Connection[Any] | None = None

    def lock(self) -> None:
        """Lock the table, as a migration that hangs does. Reads and writes of the table wait."""
        self._holder = connect(self.url)
        self._holder.execute("BEGIN")
        self._holder.execute(LOCK)

    def unlock(self) -> None:
        """Release the lock. The waiting statements continue."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def drop_index(self) -> None:
        """Drop the index, so that each load reads the whole table, as after a change of the query plan."""
        with connect(self.url) as connection:
            connection.execute(DROP_INDEX)

    def create_index(self) -> None:
        """Create the index again. The table is locked while it is built."""
        with connect(self.url) as connection:
            connection.execute(CREATE_INDEX)
