"""A service of a user: a table of products, and a cache that clients use until the block ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis

from stampede.stack.profile.server_profile import ProfileBounds

FAST = ProfileBounds(seconds=1, keys=10_000, commands_per_s=20_000)
PREFIX = "shop:product:"
ROWS = 100_000
"""Enough that no skew of 0 or more makes the hit rate of the service impossible."""
TTL_MS = 60_000
VALUE = "x" * 700
HITS_PER_MISS = 9
LOAD_MS = 4
TABLES = f"""
CREATE SCHEMA shop;
CREATE TABLE shop.products (id int PRIMARY KEY, title text NOT NULL, price numeric);
INSERT INTO shop.products SELECT i, 'product ' || i, i FROM generate_series(1, {ROWS}) i;
ANALYZE shop.products;
"""
LOAD = "SELECT id, title, price::text FROM shop.products WHERE id = %s AND (SELECT pg_sleep(%s)) IS NOT NULL"
UPDATE = "UPDATE shop.products SET price = price + 1 WHERE id = %s"


@contextmanager
def new_database(url: str, name: str) -> Iterator[str]:
    """A database with the products. It is dropped at the end of the block."""
    address = url.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            with psycopg.connect(address, autocommit=True) as inside:
                inside.execute("CREATE EXTENSION pg_stat_statements")
                inside.execute(TABLES.encode())
            yield address
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def fill(client: redis.Redis, keys: int = 400) -> None:
    """Entries whose remaining TTLs lie evenly between 0 and the TTL, as after a long time, and a list without one."""
    with client.pipeline(transaction=False) as pipeline:
        for number in range(1, keys + 1):
            pipeline.set(f"{PREFIX}{number}", VALUE, px=max(10_000, TTL_MS * number // keys))
        pipeline.rpush("queue:mail", *range(50))
        pipeline.execute()


@contextmanager
def busy_service(redis_url: str, postgres_url: str) -> Iterator[None]:
    """One client that reads: nine hits, then a miss with its load, again and again, and one update in ten misses."""
    stop = threading.Event()
    running = threading.Event()

    def serve() -> None:
        with redis.Redis.from_url(redis_url) as client, psycopg.connect(postgres_url, autocommit=True) as connection:
            for number in range(10**9):
                for _ in range(HITS_PER_MISS):
                    client.get(f"{PREFIX}400")
                client.get(f"{PREFIX}absent")
                connection.execute(LOAD, (1 + number % ROWS, LOAD_MS / 1e3))
                if number % 10 == 0:
                    connection.execute(UPDATE, (1,))
                running.set()
                if stop.is_set():
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert running.wait(60)
        yield
    finally:
        stop.set()
        thread.join()


def quiet(_line: str) -> None:
    """Print nothing."""
