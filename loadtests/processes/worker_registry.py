"""The master's registry of remote workers: their machines, their clock offsets, and whether they are still connected.

This module uses a Locust runner through its messages and does not import Locust.
"""

import json
from dataclasses import asdict
from typing import Any

import gevent
from gevent.event import AsyncResult

from stampede.core.errors import HarnessBroken, Refused
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.clock_offset import ClockOffset, Ping, estimate_offset, uncertainty_between
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.remote import expected_digests, portable

PINGS = 10
"""Clock requests per reading; the one with the shortest round trip counts."""
JOIN_S = 60.0
"""How long a worker may take to check its code and the servers."""
PONG_S = 30.0
SILENT_BEATS = 20
"""Missed heartbeats, one a second, after which a worker counts as gone. Its exit cannot be seen from this machine."""


class WorkerRegistry:
    """The workers of one run, by process number."""

    def __init__(self, runner: Any, config: RunConfig, beats: int) -> None:
        """`beats`: the value to which Locust resets a worker's countdown at each heartbeat."""
        self.runner = runner
        self.beats = beats
        self.config = config
        self.members: dict[int, str] = {}
        """Locust's ids."""
        self.machines: dict[int, dict[str, Any]] = {}
        self.used: dict[int, ClockOffset] = {}
        """The offsets that were read before the current cell."""
        self._answers: dict[str, AsyncResult[Any]] = {}
        self.worst_uncertainty_ns = 0
        runner.register_message("joined", self._on_joined)
        runner.register_message("pong", self._on_pong)

    def assign(self) -> None:
        """Send every worker its number and the configuration. Raises Refused if one cannot take part."""
        ids = sorted(node.id for node in self.runner.clients.all)
        if len(ids) != self.config.processes:
            raise Refused(f"{len(ids)} workers", f"{self.config.processes}, as --expect says")
        self.members = dict(enumerate(ids))
        config = json.dumps(asdict(portable(self.config)))
        numbers = {id_: process for process, id_ in self.members.items()}
        self._answers = {id_: AsyncResult() for id_ in ids}
        expected = expected_digests(self.config)
        self.runner.send_message("join", {"config": config, "expected": expected, "numbers": numbers})
        for process, id_ in self.members.items():
            try:
                answer = self._answers[id_].get(timeout=JOIN_S)
            except gevent.Timeout:
                want = f"a worker of this version that answers in {JOIN_S:.0f} s: do all have the same checkout?"
                raise Refused(id_, want) from None
            if answer["refusal"]:
                raise Refused(f"the worker on {answer['machine']['host']}", answer["refusal"])
            self.machines[process] = answer["machine"]

    def read_clocks(self) -> dict[int, ClockOffset]:
        """The offset of each worker's clock from this one. Raises HarnessBroken if a worker does not answer."""
        pings: dict[str, list[Ping]] = {id_: [] for id_ in self.members.values()}
        for _ in range(PINGS):
            self._answers = {id_: AsyncResult() for id_ in pings}
            for id_ in pings:
                self.runner.send_message("ping", {"sent_ns": now_ns()}, client_id=id_)
            for process, id_ in self.members.items():
                try:
                    pings[id_].append(self._answers[id_].get(timeout=PONG_S))
                except gevent.Timeout:
                    reason = self.lost_worker() or f"{self.name(process)} did not answer in {PONG_S:.0f} s"
                    raise HarnessBroken(reason) from None
        return {process: estimate_offset(pings[id_]) for process, id_ in self.members.items()}

    def prepare(self) -> dict[str, int]:
        """Read the clocks before a cell: each worker's offset in ns, by Locust's id."""
        self.used = self.read_clocks()
        return {self.members[process]: offset.offset_ns for process, offset in self.used.items()}

    def clock_offsets(self) -> dict[int, ClockOffset]:
        """Read the clocks after a cell: the offsets that it used, with their uncertainty over the whole cell."""
        after = self.read_clocks()
        found = {
            process: ClockOffset(offset_ns=used.offset_ns, uncertainty_ns=uncertainty_between(used, after[process]))
            for process, used in self.used.items()
        }
        self.worst_uncertainty_ns = max(
            self.worst_uncertainty_ns, *(offset.uncertainty_ns for offset in found.values())
        )
        return found

    def lost_worker(self) -> str:
        """Which worker is gone; empty if none is."""
        for process, id_ in self.members.items():
            node = self.runner.clients.get(id_)
            if node is None:
                return f"{self.name(process)} left"
            if self.beats - node.heartbeat > SILENT_BEATS:
                return f"{self.name(process)} sent no heartbeat for {SILENT_BEATS} s"
        return ""

    def name(self, process: int) -> str:
        machine = self.machines.get(process, {})
        return f"application server {process} on {machine.get('host', self.members[process])}"

    def as_dict(self) -> dict[str, Any]:
        """For the run's metadata: the workers' machines, and the largest uncertainty of their clocks."""
        return {
            "bind": self.config.bind,
            "machines": [self.machines[process] for process in sorted(self.machines)],
            "clock_uncertainty_ns": self.worst_uncertainty_ns,
        }

    def _on_joined(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        self._answer(msg.node_id, msg.data)

    def _on_pong(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        received_ns = now_ns()
        ping = Ping(sent_ns=msg.data["sent_ns"], remote_ns=msg.data["there_ns"], received_ns=received_ns)
        self._answer(msg.node_id, ping)

    def _answer(self, id_: str, data: Any) -> None:
        if id_ in self._answers:
            self._answers[id_].set(data)
