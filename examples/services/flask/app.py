"""A shop's product pages on Flask: PostgreSQL by SQLAlchemy, cached in Redis.

    CACHE=plain   cache-aside without a lock: when a popular entry expires, every request queries the database
    CACHE=locked  one request per expiry queries, under a lock that only its owner can release; the others wait

Settings, from the environment: DATABASE_URL, REDIS_URL, CACHE (plain), CACHE_TTL_S (5), LOAD_MS (50): how long a query
takes, as on a larger database.
"""

import json
import os
import time
import uuid
from typing import Any

from flask import Flask, abort, request
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

CACHE = os.environ.get("CACHE", "plain")
TTL_MS = round(1000 * float(os.environ.get("CACHE_TTL_S", "5")))
LOAD_S = float(os.environ.get("LOAD_MS", "50")) / 1000
LOCK_MS = 10_000
POLL_S = 0.01

SELECT = text(
    """SELECT id, title, CAST(price AS float8) AS price, version FROM products
    WHERE id = :id AND (SELECT pg_sleep(:load_s)) IS NOT NULL"""
)
UPDATE = text("UPDATE products SET title = :title, version = version + 1 WHERE id = :id RETURNING id, title, version")
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end"

app = Flask(__name__)
url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
engine = create_engine(url, pool_size=64, max_overflow=0)
redis = Redis.from_url(os.environ["REDIS_URL"])
release = redis.register_script(RELEASE)


def load(product_id: int, key: str) -> bytes | None:
    """Query the product and fill its entry."""
    with engine.connect() as connection:
        row = connection.execute(SELECT, {"id": product_id, "load_s": LOAD_S}).mappings().first()
    if row is None:
        return None
    value = json.dumps(dict(row)).encode()
    redis.set(key, value, px=TTL_MS)
    return value


def load_once(product_id: int, key: str) -> bytes | None:
    """As `load`, but only the owner of the lock queries. The others wait for its entry."""
    lock, token = f"lock:{key}", uuid.uuid4().hex
    while True:
        if redis.set(lock, token, nx=True, px=LOCK_MS):
            try:
                return redis.get(key) or load(product_id, key)
            finally:
                release(keys=[lock], args=[token])
        time.sleep(POLL_S)
        if cached := redis.get(key):
            return cached


@app.get("/products/<int:product_id>")
def read(product_id: int) -> Any:
    key = f"product:{product_id}"
    cached = redis.get(key)
    if cached is None:
        cached = (load_once if CACHE == "locked" else load)(product_id, key)
    if cached is None:
        abort(404)
    return json.loads(cached)


@app.put("/products/<int:product_id>")
def write(product_id: int) -> Any:
    with engine.begin() as connection:
        title = request.get_json()["text"]
        row = connection.execute(UPDATE, {"id": product_id, "title": title}).mappings().first()
    if row is None:
        abort(404)
    redis.delete(f"product:{product_id}")
    return dict(row)
