"""Trouble for the suite's own table of users, on a PostgreSQL that the suite started: a lock that blocks every load, a
lost index that makes every load read the whole table. Each is undone, and each ends with the server.
"""

from typing import Any

import psycopg

from stack.postgres import connect

LOCK = "LOCK TABLE stampede.users IN ACCESS EXCLUSIVE MODE"
DROP = "ALTER TABLE stampede.users DROP CONSTRAINT users_pkey"
MAKE = "ALTER TABLE stampede.users ADD CONSTRAINT users_pkey PRIMARY KEY (id)"


class DatabaseSwitch:
    """Every method returns once it is so."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._holder: psycopg.Connection[Any] | None = None

    def lock(self) -> None:
        """As a migration that has taken its lock and does not end: reads and writes of the table wait."""
        self._holder = connect(self.url)
        self._holder.execute("BEGIN")
        self._holder.execute(LOCK)

    def unlock(self) -> None:
        """Those who waited go on."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    def lose_index(self) -> None:
        """As a plan that has turned: a record is found by reading all of them."""
        with connect(self.url) as connection:
            connection.execute(DROP)

    def make_index(self) -> None:
        """As it was; the table is locked while the index is built."""
        with connect(self.url) as connection:
            connection.execute(MAKE)
