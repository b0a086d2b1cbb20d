"""The suite's own table is blocked or loses its index on purpose, and is as it was afterwards."""

import psycopg
import pytest

from stampede.stack.fault_control.database_faults import DatabaseFaults
from stampede.stack.postgres.postgres_server import connect
from stampede.stack.servers import Stack

FIND = "SELECT name FROM stampede.users WHERE id = 7"


def test_a_locked_table_answers_nobody_until_it_is_let_go(stack: Stack, dataset: int) -> None:
    assert dataset
    switch = DatabaseFaults(stack.postgres.url)
    switch.lock()
    with connect(stack.postgres.url) as connection:
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(FIND)
        switch.unlock()
        connection.execute("SET lock_timeout = 0")
        assert connection.execute(FIND).fetchone() is not None
    switch.unlock()


def test_without_its_index_a_record_is_found_by_reading_all_and_with_it_again_by_the_index(
    stack: Stack, dataset: int
) -> None:
    assert dataset
    switch = DatabaseFaults(stack.postgres.url)
    with connect(stack.postgres.url) as connection:

        def plan() -> str:
            return " ".join(row[0] for row in connection.execute(f"EXPLAIN {FIND}").fetchall())

        assert "Index Scan using users_pkey" in plan()
        switch.drop_index()
        try:
            assert "Seq Scan" in plan()
        finally:
            switch.create_index()
        assert "Index Scan using users_pkey" in plan()
