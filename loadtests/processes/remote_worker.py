"""The worker's side of a bench on another machine: it joins without orders and is sent them.

It speaks to a Locust runner through its messages and does not import Locust.
"""

import json
import os
import platform
import socket
from typing import Any

import psutil
import psycopg
import redis

from stampede.core.text.redaction import masked, must_be_encoded
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.run_metadata import cpu_name
from stampede.loadtests.locustfiles.run_config import RunConfig, spec_of
from stampede.loadtests.processes.remote import arrived, why_unlike

ANSWER_WITHIN_S = 5.0


class RemoteWorker:
    """One worker, until it has its orders and while it is asked for its clock."""

    def __init__(self, runner: Any, urls: tuple[str | None, str | None], told_fd: int | None) -> None:
        """`urls`: of PostgreSQL and Redis as this machine reaches them, instead of the orders'."""
        self.runner = runner
        self.urls = urls
        self.told_fd = told_fd
        self.spec: RunConfig | None = None
        self.process = -1
        runner.register_message("join", self._on_join, concurrent=True)
        runner.register_message("ping", self._on_ping)
        self.tell({"told": "waiting"})

    def tell(self, event: dict[str, Any]) -> None:
        if self.told_fd is not None:
            os.write(self.told_fd, json.dumps(event).encode() + b"\n")

    def _on_join(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        why = ""
        self.process = msg.data["numbers"].get(self.runner.client_id, -1)
        try:
            spec = arrived(spec_of(json.loads(msg.data["spec"])), self.urls)
            why = why_unlike(spec, msg.data["wanted"]) or why_unreachable(spec)
            self.spec = spec
        except (TypeError, KeyError, ValueError) as error:  # orders of a version with other fields
            why = f"the same checkout of Stampede as the bench has: its orders cannot be read ({error})"
        self.runner.send_message("joined", {"why": why, "machine": this_machine()})
        self.tell({"told": "refused", "why": why} if why else {"told": "joined", "process": self.process})

    def _on_ping(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        self.runner.send_message("pong", {"sent_ns": msg.data["sent_ns"], "there_ns": now_ns()})


def this_machine() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def why_unreachable(spec: RunConfig) -> str:
    """Which server of the orders does not answer here; empty: both do."""
    try:
        psycopg.connect(spec.postgres_url, connect_timeout=round(ANSWER_WITHIN_S)).close()
    except psycopg.Error as error:
        return said("--postgres", spec.postgres_url, error)
    try:
        with redis.Redis.from_url(spec.redis_url, socket_connect_timeout=ANSWER_WITHIN_S) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return said("--redis", spec.redis_url, error)
    return ""


def said(option: str, url: str, error: Exception) -> str:
    if must_be_encoded(url):
        return f"{option} with a password that is percent-encoded: {masked(url)}"
    last = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return f"{option} with an address that it can reach: {masked(url)} does not answer there ({masked(last, url)})"
