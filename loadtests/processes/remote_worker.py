"""The remote worker's side of a distributed run: it joins without a configuration and receives it from the bench.

This module uses a Locust runner through its messages and does not import Locust.
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
from stampede.loadtests.locustfiles.run_config import RunConfig, run_config_from_json
from stampede.loadtests.processes.remote import code_mismatch, localized

CONNECT_WITHIN_S = 5.0


class RemoteWorker:
    """One worker: it receives the configuration and answers clock requests."""

    def __init__(self, runner: Any, urls: tuple[str | None, str | None], report_fd: int | None) -> None:
        """`urls`: of PostgreSQL and Redis as this machine reaches them; None: as the bench sends them.

        `report_fd`: receives one JSON object a line for the process that started this one.
        """
        self.runner = runner
        self.urls = urls
        self.report_fd = report_fd
        self.config: RunConfig | None = None
        self.process = -1
        runner.register_message("join", self._on_join, concurrent=True)
        runner.register_message("ping", self._on_ping)
        self.report({"event": "waiting"})

    def report(self, event: dict[str, Any]) -> None:
        if self.report_fd is not None:
            os.write(self.report_fd, json.dumps(event).encode() + b"\n")

    def _on_join(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        reason = ""
        self.process = msg.data["numbers"].get(self.runner.client_id, -1)
        try:
            config = localized(run_config_from_json(json.loads(msg.data["config"])), self.urls)
            reason = code_mismatch(config, msg.data["expected"]) or server_unreachable(config)
            self.config = config
        except (TypeError, KeyError, ValueError) as error:  # a configuration of a version with other fields
            reason = f"the same checkout of Stampede as the bench has: its configuration cannot be read ({error})"
        self.runner.send_message("joined", {"refusal": reason, "machine": this_machine()})
        self.report({"event": "refused", "reason": reason} if reason else {"event": "joined", "process": self.process})

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


def server_unreachable(config: RunConfig) -> str:
    """The option to correct if a server does not answer from here; empty if both answer."""
    try:
        psycopg.connect(config.postgres_url, connect_timeout=round(CONNECT_WITHIN_S)).close()
    except psycopg.Error as error:
        return option_to_correct("--postgres", config.postgres_url, error)
    try:
        with redis.Redis.from_url(config.redis_url, socket_connect_timeout=CONNECT_WITHIN_S) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        return option_to_correct("--redis", config.redis_url, error)
    return ""


def option_to_correct(option: str, url: str, error: Exception) -> str:
    if must_be_encoded(url):
        return f"{option} with a percent-encoded password: {masked(url)}"
    last_line = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
    return f"{option} with an address that it can reach: {masked(url)} does not answer there ({masked(last_line, url)})"
