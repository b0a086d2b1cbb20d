"""HTTP service over the patterns: Falcon on granian, so that requests run on real threads.

    GET /                the pattern, the limiter and its limit
    GET /users/{id}      the user as JSON, read through the caching pattern; or 404. With a workload's own SQL: the
                         record of that id, as /users/{tenant}/{id} if an id has several columns
    GET /limited         200, or 429 {"error": "Rate limited"}; the subject is ?subject=, else the X-Subject header,
                         else the caller's address

Every response of /limited has the IETF's RateLimit-Policy and RateLimit headers (draft-ietf-httpapi-ratelimit-headers,
structured fields); a refusal also has Retry-After. Their numbers are whole seconds, rounded up.
"""

import json
import math
import os
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import falcon
import psycopg
import redis

from stampede.core.errors import require
from stampede.core.private_files import write_file
from stampede.patterns.caching.cache_pattern import CachePattern, ClientSettings, Context, RecordId
from stampede.patterns.contender_registry import find_contender, find_limiter
from stampede.patterns.rate_limiting.rate_limiter import Decision, LimiterConfig, RateLimiter
from stampede.patterns.serialization.json import Json
from stampede.stack.postgres.source import PostgresSource, Statements, default_statements, open_pool

BACKGROUND_WORKERS = 4
POLICY = "default"
"""The quota's name in the headers."""


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """The settings of the service. Its process reads them from a private file, because they hold passwords."""

    postgres_url: str
    redis_url: str
    key_prefix: str
    port: int
    pattern: str = "cache-aside"
    """The name of a built-in pattern, or the path of a user's file."""
    limiter: str = "sliding-log"
    ttl_s: float = 3600.0
    limit: int = 100
    window_s: float = 60.0
    burst: int | None = None
    load_wait_ms: float = 4.0
    """How long a load of the article's table waits; a workload's own SQL is not changed."""
    statements: Mapping[str, Any] | None = None
    """A workload's SQL: the fields of stampede.stack.postgres.source.Statements. None: the article's table."""
    entity: str = "user"
    """The type in the names of the records' keys."""
    threads: int = 16
    workers: int = 1

    def __post_init__(self) -> None:
        require(1 <= self.threads <= 256, "threads", self.threads, "1 to 256")
        require(1 <= self.workers <= 64, "workers", self.workers, "1 to 64")
        require(0 <= self.load_wait_ms <= 10_000, "load_wait_ms", self.load_wait_ms, "0 to 10,000")
        require(0.001 <= self.ttl_s <= 31_536_000, "ttl_s", self.ttl_s, "0.001 to 31,536,000 s")
        self.limits()
        find_contender(self.pattern)
        find_limiter(self.limiter)

    def sql(self) -> Statements:
        if self.statements is None:
            return default_statements(0, self.load_wait_ms)
        return Statements(**self.statements)

    def limits(self) -> LimiterConfig:
        return find_limiter(self.limiter).limiter.config_type(
            limit=self.limit, window_s=self.window_s, burst=self.burst, key_prefix=self.key_prefix
        )

    def write(self, path: Path) -> None:
        write_file(path, json.dumps(asdict(self)).encode())


def read_settings(path: Path) -> ServiceSettings:
    return ServiceSettings(**json.loads(path.read_text()))


def headers(decision: Decision, config: LimiterConfig) -> dict[str, str]:
    """RateLimit-Policy: quota q in w seconds. RateLimit: r calls remain, the quota is whole again in t seconds.

    If a call was refused, t is the time until the next call can be admitted, as in Retry-After.
    """
    window_s = max(1, math.ceil(config.window_s))
    wait_s = decision.reset_after_s if decision.allowed else decision.retry_after_s
    found = {
        "RateLimit-Policy": f'"{POLICY}";q={config.limit};w={window_s}',
        "RateLimit": f'"{POLICY}";r={decision.remaining};t={math.ceil(wait_s)}',
    }
    if not decision.allowed:
        found["Retry-After"] = str(max(1, math.ceil(decision.retry_after_s)))
    return found


class About:
    def __init__(self, settings: ServiceSettings) -> None:
        s = settings
        self.media = {"users": s.pattern, "limited": s.limiter, "limit": s.limit, "window_s": s.window_s}

    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        response.media = self.media


class Users:
    def __init__(self, pattern: CachePattern, serializer: Json) -> None:
        self.pattern = pattern
        self.serializer = serializer

    def on_get(self, _request: falcon.Request, response: falcon.Response, **columns: RecordId) -> None:
        values = tuple(columns.values())
        record = self.pattern.get(values[0] if len(values) == 1 else values)
        if record is None:
            raise falcon.HTTPNotFound(title="no such user")
        response.content_type = falcon.MEDIA_JSON
        response.data = self.serializer.dumps(record)


class LimitedResource:
    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        subject = request.get_param("subject") or request.get_header("X-Subject") or request.remote_addr
        decision = self.limiter.hit(subject)
        response.set_headers(headers(decision, self.limiter.config))
        if decision.allowed:
            response.media = {"ok": True}
        else:
            response.status = falcon.HTTP_TOO_MANY_REQUESTS
            response.media = {"error": "Rate limited"}


def on_redis_error(_request: Any, _response: Any, error: redis.RedisError, _params: Any) -> None:
    raise falcon.HTTPServiceUnavailable(title="Redis failed", description=type(error).__name__)


def on_wrong_id(_request: Any, _response: Any, _error: psycopg.DataError, _params: Any) -> None:
    raise falcon.HTTPNotFound(title="no such user")


def path_of(settings: ServiceSettings) -> str:
    """The template of an id in a path: one part for each of its columns."""
    if settings.statements is None:
        return "{id:int}"
    columns = settings.sql().id_columns
    return "/".join(f"{{{name}}}" for name in columns) if len(columns) > 1 else "{id}"


def create_app(settings: ServiceSettings) -> Any:
    """The WSGI application. Its pools are open and have a connection for each thread."""
    size = settings.threads + BACKGROUND_WORKERS
    statements = settings.sql()
    background = ThreadPoolExecutor(BACKGROUND_WORKERS)
    serializer = Json()
    found = find_contender(settings.pattern).pattern
    context = Context(
        redis=open_client(settings.redis_url, found.client, size),
        source=PostgresSource(open_pool(settings.postgres_url, size, statements.session), statements),
        serializer=serializer,
        now=time.monotonic,
        sleep=time.sleep,
        spawn=lambda work: void(background.submit(work)),
        rng=random.Random(threading.get_native_id()),
    )
    pattern = found(
        context, found.config_type(ttl_s=settings.ttl_s, key_prefix=settings.key_prefix, entity=settings.entity)
    )
    limiter_type = find_limiter(settings.limiter).limiter
    limiter = limiter_type(open_client(settings.redis_url, limiter_type.client, size), settings.limits(), time.time)
    app = falcon.App()
    app.add_error_handler(redis.RedisError, on_redis_error)
    app.add_route("/", About(settings))
    app.add_error_handler(psycopg.DataError, on_wrong_id)
    app.add_route(f"/users/{path_of(settings)}", Users(pattern, serializer))
    app.add_route("/limited", LimitedResource(limiter))
    return app


def void(_result: object) -> None:
    """Discard a result."""


def open_client(url: str, client: ClientSettings, size: int) -> redis.Redis:
    """A redis-py client with a connection for each thread."""
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=size, timeout=None, socket_timeout=client.socket_timeout_s
    )
    return redis.Redis(connection_pool=pool)


def load_app(path: str) -> Any:
    """Make the application of a granian worker from the settings file at the path."""
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    return create_app(read_settings(Path(path)))


def end_with_parent(parent: int) -> None:
    """Exit when granian is gone: a worker that stays would keep the port open."""
    while os.getppid() == parent:
        time.sleep(0.25)
    os._exit(1)


def run(path: str) -> None:
    """Serve until SIGTERM. This is the whole process."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    settings = read_settings(Path(path))
    Granian(
        path,
        address="127.0.0.1",
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        backpressure=max(256, settings.threads),
        websockets=False,
        log_level=LogLevels.error,
    ).serve(target_loader=load_app)
