"""A small web service over products, on threads, whose faults are planted."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import redis
from psycopg_pool import ConnectionPool

THREADS = 24


@dataclass(kw_only=True)
class PlantedProducts:
    """Products in PostgreSQL with entries in Redis, by cache-aside."""

    pool: Any
    cache: redis.Redis
    prefix: str
    ttl_s: float
    load_s: float
    single_flight: bool = False
    """Whether one reader loads and the others wait. The missing lock is the planted fault."""
    deletes_entries: bool = True
    """Whether a write deletes the entry. Without it reads are stale for a TTL."""
    refuses_above: int | None = None
    """Answer every request beyond this number with 429."""
    token: str = ""
    """The bearer token that each request must bring; empty: none."""
    requests: int = 0
    loads: list[tuple[float, float]] = field(default_factory=list)
    """When each load began (its read missed) and when its entry was stored, in seconds of the monotonic clock."""
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _loading: dict[str, threading.Lock] = field(default_factory=dict)

    def get(self, product: str) -> bytes | None:
        entry = self._entry(product)
        if entry is None and self.single_flight:
            with self._guard:
                loading = self._loading.setdefault(product, threading.Lock())
            with loading:
                entry = self._entry(product) or self._load(product)
        return entry if entry is not None else self._load(product)

    def put(self, product: str, title: str) -> bytes | None:
        with self.pool.connection() as connection:
            row = connection.execute(
                "UPDATE planted_products SET title = %s, version = version + 1 WHERE id = %s"
                " RETURNING id, title, version",
                (title, product),
            ).fetchone()
        if self.deletes_entries:
            self.cache.delete(self.prefix + product)
        return encoded(row)

    def _entry(self, product: str) -> bytes | None:
        found: Any = self.cache.get(self.prefix + product)
        return found if found is None else bytes(found)

    def _load(self, product: str) -> bytes | None:
        began_s = time.monotonic()
        with self.pool.connection() as connection:
            row = connection.execute(
                "SELECT id, title, version FROM planted_products, pg_sleep(%s) WHERE id = %s", (self.load_s, product)
            ).fetchone()
        entry = encoded(row)
        if entry is not None:
            self.cache.set(self.prefix + product, entry, px=round(1000 * self.ttl_s))
        self.loads.append((began_s, time.monotonic()))
        return entry


def encoded(row: tuple[Any, ...] | None) -> bytes | None:
    return None if row is None else json.dumps(dict(zip(("id", "title", "version"), row, strict=True))).encode()


class ProductsServer(ThreadingHTTPServer):
    """Serves GET and PUT /products/{id}, and paths that answer wrongly in ways of their own."""

    daemon_threads = True
    request_queue_size = 256
    products: PlantedProducts

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is no news."""


class ProductsHandler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ProductsServer

    def do_GET(self) -> None:
        kind, _, product = self.path.lstrip("/").partition("/")
        if kind == "moved":
            self.answer(302, b"", Location="/products/" + product)
        elif kind == "text":
            self.answer(200, b"not JSON")
        elif kind == "products" and self.admitted():
            self.found(self.server.products.get(unquote(product)))
        elif kind != "products":
            self.answer(404, b"{}")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.admitted():
            self.found(self.server.products.put(unquote(self.path.rsplit("/", 1)[1]), json.loads(body)["text"]))

    def admitted(self) -> bool:
        """Whether the request may go on; else it is answered."""
        products = self.server.products
        products.requests += 1
        if products.token and self.headers.get("Authorization") != f"Bearer {products.token}":
            self.answer(401, b"{}")
            return False
        if products.refuses_above is not None and products.requests > products.refuses_above:
            self.answer(429, b"{}")
            return False
        return True

    def found(self, body: bytes | None) -> None:
        self.answer(404 if body is None else 200, body or b"{}")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def planted_service(postgres_url: str, redis_url: str, prefix: str, **planted: Any) -> Iterator[tuple[str, Any]]:
    """Serve a hundred products on a free port: the address and the products. `planted`: of PlantedProducts."""
    with ConnectionPool(postgres_url, min_size=THREADS, max_size=THREADS, open=True) as pool:
        with pool.connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS planted_products (id text PRIMARY KEY, title text, version int)"
            )
            connection.execute(
                "INSERT INTO planted_products SELECT g, 'product ' || g, 1 FROM generate_series(1, 100) AS g"
                " ON CONFLICT DO NOTHING"
            )
        cache = redis.Redis.from_url(redis_url)
        server = ProductsServer(("127.0.0.1", 0), ProductsHandler)
        server.products = PlantedProducts(pool=pool, cache=cache, prefix=prefix, **planted)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", server.products
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            cache.close()
