"""Faults in mid-cell: the conductor says when, the process that started the servers breaks and mends them.

Between the two lies a socket: the conductor's process has no right to signal a server, and must not know how. The same
way it has a worker started and stopped that must die with the run.
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

Doing = Callable[..., Any]

BREAK: dict[FaultKind, str] = {
    "kill redis": "kill",
    "hang redis": "pause",
    "lock database": "lock",
    "slow database": "drop_index",
}
MEND: dict[FaultKind, str] = {
    "kill redis": "restart",
    "hang redis": "resume",
    "lock database": "unlock",
    "slow database": "create_index",
}


@dataclass(frozen=True, kw_only=True)
class SwitchResult:
    """An action of a switch that has ended."""

    began_ns: int
    ended_ns: int
    told: Any
    """Its return value, if it has one."""


def doings(stack: Stack) -> dict[str, Doing]:
    """What can be done to these servers; nothing to those that are not ours to break."""
    if stack.redis_switch is None or not stack.ours:
        return {}
    redis, database = stack.redis_switch, DatabaseFaults(stack.postgres.url)
    return {name: getattr(redis, name) for name in ("pause", "resume", "kill", "restart")} | {
        name: getattr(database, name) for name in ("lock", "unlock", "drop_index", "create_index")
    }


def serve_asked(line: socket.socket, known: Mapping[str, Doing]) -> threading.Thread:
    """Do at this end what is asked for at the other until it closes: a JSON list a line, name and arguments.

    Returns the thread that does.
    """

    def serve() -> None:
        with line.makefile("rw", encoding="utf-8") as words:
            for asked in words:
                name, *arguments = json.loads(asked)
                began_ns, error, told = now_ns(), "", None
                try:
                    told = known[name](*arguments)
                except Exception as raised:  # noqa: BLE001 - it is told at the other end, where the cell fails with it
                    error = f"{type(raised).__name__}: {raised}"
                reply = {"began_ns": began_ns, "ended_ns": now_ns(), "error": error, "told": told}
                words.write(f"{json.dumps(reply)}\n")
                words.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


class FaultClient:
    """The conductor's end."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._words = self._socket.makefile("rw", encoding="utf-8")

    def ask(self, name: str, *arguments: str) -> "SwitchResult":
        """Have it done. Raises FaultFailed."""
        self._words.write(f"{json.dumps([name, *arguments])}\n")
        self._words.flush()
        told: dict[str, Any] = json.loads(self._words.readline() or '{"error": "nobody answers"}')
        if told["error"]:
            raise FaultFailed(f"{name}: {told['error']}")
        return SwitchResult(began_ns=told["began_ns"], ended_ns=told["ended_ns"], told=told["told"])

    def close(self) -> None:
        self._words.close()
        self._socket.close()


class Outage:
    """A fault while the block runs, at its time in the window. Mended when the block ends, whatever the end is."""

    def __init__(self, line: FaultClient, fault: Fault, cell: int, window_start_ns: int, window_s: float) -> None:
        self.rows: list[TimelineRow] = []
        """The fault: begun when breaking began, ended once the server was back, with how long mending took, in s."""
        self._line = line
        self._fault = fault
        self._cell = cell
        self._begins_ns = window_start_ns + round(fault.begins_share * window_s * 1e9)
        self._ends_ns = self._begins_ns + round(fault.lasts_share * window_s * 1e9)
        self._over = threading.Event()
        self._error: FaultFailed | None = None
        self._thread = threading.Thread(target=self._provoke, daemon=True)

    def __enter__(self) -> "Outage":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _provoke(self) -> None:
        try:
            if self._wait_until(self._begins_ns):
                return
            broken = self._line.ask(BREAK[self._fault.what])
            self.rows.append((self._cell, broken.began_ns, "fault", "began", None, self._fault.what))
            self._wait_until(self._ends_ns)
            mended = self._line.ask(MEND[self._fault.what])
            took_s = (mended.ended_ns - mended.began_ns) / 1e9
            self.rows.append((self._cell, mended.ended_ns, "fault", "ended", took_s, self._fault.what))
        except FaultFailed as failed:
            self._error = failed

    def _wait_until(self, instant_ns: int) -> bool:
        """True where the block ended before."""
        while not self._over.is_set():
            left_s = (instant_ns - now_ns()) / 1e9
            if left_s <= 0:
                return False
            time.sleep(min(left_s, 0.05))
        return True
