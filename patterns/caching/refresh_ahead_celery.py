"""Refresh-ahead with Celery: the refresh is a task in a queue, and a separate worker process executes it.

    read    app ──GET, PTTL──► Redis ── hit ──► return at once
             │                           └─ remaining TTL below the threshold: app ──task──► Redis (the queue)
             └─ miss ──SELECT──► PostgreSQL ──► SET with TTL ──► return
    worker  Redis (the queue) ──task──► worker ──SELECT──► PostgreSQL ──► SET with TTL
    write   app ──UPDATE──► PostgreSQL, then DEL

Cost in round trips: a hit 2 (GET, PTTL), near the expiry one task more; a miss 3, a refresh 2 in the worker, a write 4.
Good for: refreshes that must not use the application's own processes, or that must survive the end of a process.
Bad for: short TTLs, because the entry can expire while the task waits in the queue. Popular records: every hit within
the threshold queues a task, in every process, without deduplication. Without a worker the queue grows without limit.
Source: the article's P3 with its Celery task. Departures: no result backend, because no code reads results; PTTL
replaces TTL, as in refresh_ahead. The broker is the cache's Redis; Celery's keys have a separate prefix.
"""

from typing import Any
from urllib.parse import quote

import redis

from stampede.patterns.caching.cache_pattern import CachePattern, Context, Guarantee, Record, RecordId
from stampede.patterns.caching.refresh_ahead import RefreshAheadConfig

REFRESH = "refresh"
"""The task's name. Its arguments are the entity, the record's id and the time of the trigger (`context.now`)."""


class RefreshAheadCelery(CachePattern):
    summary = "as refresh-ahead, but the refresh is a Celery task in a separate worker process"
    moving_parts = (
        "entries with a TTL",
        "a DEL after each write",
        "background work",
        "a second round trip on each hit",
        "a task queue with workers",
    )
    mechanism = "a second round trip (PTTL) on each hit; a task queue and its workers"
    guarantees = frozenset(
        {Guarantee.DURABLE_ON_RETURN, Guarantee.STALE_AT_MOST_TTL, Guarantee.CORRECT_AFTER_CACHE_LOSS}
    )
    config_type = RefreshAheadConfig
    opt_in = True
    requires = "celery"

    def __init__(self, context: Context, config: RefreshAheadConfig) -> None:
        super().__init__(context, config)
        self.refresh_below_ms = config.refresh_below_share * config.ttl_ms
        self.tasks = celery_app(context.redis, f"{config.key_prefix.rstrip(':')}-celery:")
        with self.tasks.producer_pool.acquire(block=True) as producer:
            producer.connection.ensure_connection()  # connect when the server starts, not at the first request

    def get(self, record_id: RecordId) -> Record | None:
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is None:
            return self.refresh(record_id)
        if self.redis.pttl(key) < self.refresh_below_ms:
            self.tasks.send_task(REFRESH, args=(self.config.entity, record_id, self.context.now()))
        return self.serializer.loads(cached)

    def update(self, record_id: RecordId, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: RecordId) -> None:
        self.redis.delete(self.key(record_id))

    def refresh(self, record_id: RecordId) -> Record | None:
        """Load the record and fill the cache: for a task in the worker, and for a miss in a reader."""
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def close(self) -> None:
        self.tasks.close()


def celery_app(client: redis.Redis, prefix: str) -> Any:
    """A Celery app with this Redis as its broker. Needs the extra `celery`."""
    from celery import Celery

    address, tls = broker(client)
    app = Celery("stampede", broker=address, broker_use_ssl=tls)
    app.conf.update(
        task_ignore_result=True,
        broker_transport_options={"global_keyprefix": prefix},
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
    )
    return app


def broker(client: redis.Redis) -> tuple[str, dict[str, Any] | None]:
    """The URL of the client's Redis in Celery's notation, and its TLS options."""
    at = client.connection_pool.connection_kwargs
    user, password = (quote(at.get(name) or "", safe="") for name in ("username", "password"))
    login = f"{user}:{password}@" if user or password else ""
    database = at.get("db") or 0
    if "path" in at:
        return f"redis+socket://{login}{at['path']}?virtual_host={database}", None
    host = at.get("host", "localhost")
    address = f"{login}{f'[{host}]' if ':' in host else host}:{at.get('port', 6379)}/{database}"
    if not issubclass(client.connection_pool.connection_class, redis.SSLConnection):
        return f"redis://{address}", None
    tls = {name: value for name, value in at.items() if name.startswith("ssl_")}
    return f"rediss://{address}", {"ssl_cert_reqs": "required", **tls}
