"""Faults in the suite's own table: a lock and a dropped index. Afterwards the table is as before."""

import psycopg
import pytest

from stampede.stack.fault_control.database_faults import DatabaseFaults
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import Stack

SELECT_ONE = "SELECT name FROM stampede.users WHERE id = 7"


def test_a_locked_table_blocks_reads_until_it_is_unlocked(stack: Stack, dataset: int) -> None:
    assert dataset
    faults = DatabaseFaults(stack.postgres.url)
    faults.lock()
    with connect(stack.postgres.url) as connection:
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(SELECT_ONE)
        faults.unlock()
        connection.execute("SET lock_timeout = 0")
        assert connection.execute(SELECT_ONE).fetchone() is not None
    faults.unlock()


def test_without_the_index_a_load_scans_the_table_and_with_the_new_index_it_does_not(
    stack: Stack, dataset: int
) -> None:
    assert dataset
    faults = DatabaseFaults(stack.postgres.url)
    with connect(stack.postgres.url) as connection:

        def plan() -> str:
            return " ".join(row[0] for row in connection.execute(f"EXPLAIN {SELECT_ONE}").fetchall())

        assert "Index Scan using users_pkey" in plan()
        faults.drop_index()
        try:
            assert "Seq Scan" in plan()
        finally:
            faults.create_index()
        assert "Index Scan using users_pkey" in plan()
