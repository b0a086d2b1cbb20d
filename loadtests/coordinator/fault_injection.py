"""Fault injection during a cell: the coordinator chooses the instants, the process that started the servers acts.

A socket connects the two, because the coordinator's process has no right to signal a server. The coordinator uses the
same socket to start and stop a worker process that must end with the run.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from stampede.core.errors import FaultFailed
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.run_folder.write import TimelineRow
from stampede.scenarios.faults.fault import Fault, FaultKind
from stampede.stack.fault_control.database_faults import DatabaseFaults
from stampede.stack.servers import Stack

Action = Callable[..., Any]

BREAK: dict[FaultKind, str] = {
    "kill redis": "kill",
    "hang redis": "pause",
    "lock database": "lock",
    "slow database": "drop_index",
}
REPAIR: dict[FaultKind, str] = {
    "kill redis": "restart",
    "hang redis": "resume",
    "lock database": "unlock",
    "slow database": "create_index",
}


@dataclass(frozen=True, kw_only=True)
class SwitchResult:
    """The result of an action on a server."""

    began_ns: int
    ended_ns: int
    result: Any
    """The return value of the action, if it has one."""


def available_faults(stack: Stack) -> dict[str, Action]:
    """The actions that these servers allow, by name; none for servers that the suite did not start."""
    if stack.redis_faults is None or not stack.managed:
        return {}
    redis, database = stack.redis_faults, DatabaseFaults(stack.postgres.url)
    return {name: getattr(redis, name) for name in ("pause", "resume", "kill", "restart")} | {
        name: getattr(database, name) for name in ("lock", "unlock", "drop_index", "create_index")
    }


def serve_requests(connection: socket.socket, actions: Mapping[str, Action]) -> threading.Thread:
    """Serve requests from the other end of the socket until it closes: each line is a JSON list, name and arguments.

    Returns the thread that serves them.
    """

    def serve() -> None:
        with connection.makefile("rw", encoding="utf-8") as stream:
            for request in stream:
                name, *arguments = json.loads(request)
                began_ns, error, result = now_ns(), "", None
                try:
                    result = actions[name](*arguments)
                except Exception as raised:  # noqa: BLE001 - the other end gets the error, and its cell fails with it
                    error = f"{type(raised).__name__}: {raised}"
                reply = {"began_ns": began_ns, "ended_ns": now_ns(), "error": error, "result": result}
                stream.write(f"{json.dumps(reply)}\n")
                stream.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


class FaultClient:
    """The coordinator's end of the socket."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._stream = self._socket.makefile("rw", encoding="utf-8")

    def ask(self, name: str, *arguments: str) -> "SwitchResult":
        """Request an action and wait for its result. Raises FaultFailed."""
        self._stream.write(f"{json.dumps([name, *arguments])}\n")
        self._stream.flush()
        reply: dict[str, Any] = json.loads(self._stream.readline() or '{"error": "no answer"}')
        if reply["error"]:
            raise FaultFailed(f"{name}: {reply['error']}")
        return SwitchResult(began_ns=reply["began_ns"], ended_ns=reply["ended_ns"], result=reply["result"])

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Outage:
    """Injects a fault at its time in the window while the block runs, and repairs the server before the block ends."""

    def __init__(self, client: FaultClient, fault: Fault, cell: int, window_start_ns: int, window_s: float) -> None:
        self.rows: list[TimelineRow] = []
        """Timeline rows: when the fault began, and when the server was back, with the duration of the repair in s."""
        self._client = client
        self._fault = fault
        self._cell = cell
        self._begins_ns = window_start_ns + round(fault.begins_share * window_s * 1e9)
        self._ends_ns = self._begins_ns + round(fault.lasts_share * window_s * 1e9)
        self._block_ended = threading.Event()
        self._error: FaultFailed | None = None
        self._thread = threading.Thread(target=self._inject, daemon=True)

    def __enter__(self) -> "Outage":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block_ended.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _inject(self) -> None:
        try:
            if self._wait_until(self._begins_ns):
                return
            broken = self._client.ask(BREAK[self._fault.what])
            self.rows.append((self._cell, broken.began_ns, "fault", "began", None, self._fault.what))
            self._wait_until(self._ends_ns)
            repaired = self._client.ask(REPAIR[self._fault.what])
            took_s = (repaired.ended_ns - repaired.began_ns) / 1e9
            self.rows.append((self._cell, repaired.ended_ns, "fault", "ended", took_s, self._fault.what))
        except FaultFailed as failed:
            self._error = failed

    def _wait_until(self, instant_ns: int) -> bool:
        """Wait until the instant. True if the block ended before it."""
        while not self._block_ended.is_set():
            left_s = (instant_ns - now_ns()) / 1e9
            if left_s <= 0:
                return False
            time.sleep(min(left_s, 0.05))
        return True
