"""A shop's product pages on FastAPI: PostgreSQL by psycopg, cached in Redis.

    CACHE=plain   cache-aside without a lock: when a popular entry expires, every request queries the database
    CACHE=locked  one request per expiry queries, under a lock that only its owner can release; the others wait

Settings, from the environment: DATABASE_URL, REDIS_URL, CACHE (plain), CACHE_TTL_S (5), LOAD_MS (50): how long a query
takes, as on a larger database.
"""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from redis.asyncio import Redis

CACHE = os.environ.get("CACHE", "plain")
TTL_MS = round(1000 * float(os.environ.get("CACHE_TTL_S", "5")))
LOAD_S = float(os.environ.get("LOAD_MS", "50")) / 1000
LOCK_MS = 10_000
POLL_S = 0.01

SELECT = """SELECT id, title, price::float8 AS price, version FROM products
    WHERE id = %s AND (SELECT pg_sleep(%s)) IS NOT NULL"""
UPDATE = "UPDATE products SET title = %s, version = version + 1 WHERE id = %s RETURNING id, title, version"
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

pool = AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=16, max_size=64, open=False)
redis = Redis.from_url(os.environ["REDIS_URL"])
release = redis.register_script(RELEASE)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    await pool.open(wait=True)
    yield
    await pool.close()
    await redis.aclose()


app = FastAPI(lifespan=lifespan)


class ProductChange(BaseModel):
    text: str


async def query(sql: str, *values: Any) -> dict[str, Any] | None:
    async with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(sql, values)
        return await cursor.fetchone()


async def load(product_id: int, key: str) -> bytes | None:
    """Query the product and fill its entry."""
    product = await query(SELECT, product_id, LOAD_S)
    if product is None:
        return None
    value = json.dumps(product).encode()
    await redis.set(key, value, px=TTL_MS)
    return value


async def load_once(product_id: int, key: str) -> bytes | None:
    """As `load`, but only the owner of the lock queries. The others wait for its entry."""
    lock, token = f"lock:{key}", uuid.uuid4().hex
    while True:
        if await redis.set(lock, token, nx=True, px=LOCK_MS):
            try:
                return await redis.get(key) or await load(product_id, key)
            finally:
                await release(keys=[lock], args=[token])
        await asyncio.sleep(POLL_S)
        if cached := await redis.get(key):
            return cached


@app.get("/products/{product_id}")
async def read(product_id: int) -> Any:
    key = f"product:{product_id}"
    cached = await redis.get(key)
    if cached is None:
        cached = await (load_once if CACHE == "locked" else load)(product_id, key)
    if cached is None:
        raise HTTPException(404, "no such product")
    return json.loads(cached)


@app.put("/products/{product_id}")
async def write(product_id: int, change: ProductChange) -> Any:
    product = await query(UPDATE, change.text, product_id)
    if product is None:
        raise HTTPException(404, "no such product")
    await redis.delete(f"product:{product_id}")
    return product
