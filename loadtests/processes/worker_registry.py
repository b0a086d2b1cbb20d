"""The master's side of workers on other machines: who they are, what their clocks say, whether they are still there.

It speaks to a Locust runner through its messages and does not import Locust.
"""

import json
from dataclasses import asdict
from typing import Any

import gevent
from gevent.event import AsyncResult

from stampede.core.errors import HarnessBroken, Refused
from stampede.loadtests.instrumentation.clock import now_ns
from stampede.loadtests.instrumentation.clock_offset import ClockOffset, Ping, doubt_between, read_ahead
from stampede.loadtests.locustfiles.run_config import RunConfig
from stampede.loadtests.processes.remote import portable, wanted_of

PINGS = 10
"""Questions a clock is asked at a time: the shortest round trip counts."""
JOIN_S = 60.0
"""How long a worker may take to look at its checkout and at the servers."""
PONG_S = 30.0
SILENT_BEATS = 20
"""Without so many heartbeats, one a second, a worker on another machine is gone: nobody here sees it end."""


class WorkerRegistry:
    """The workers of one run, by process number."""

    def __init__(self, runner: Any, spec: RunConfig, beats: int) -> None:
        """`beats`: what Locust sets a worker's count of heartbeats to with each that comes; it counts down."""
        self.runner = runner
        self.beats = beats
        self.spec = spec
        self.members: dict[int, str] = {}
        """Locust's own ids."""
        self.machines: dict[int, dict[str, Any]] = {}
        self.used: dict[int, ClockOffset] = {}
        """The clocks as they were read before the cell in hand."""
        self._answers: dict[str, AsyncResult[Any]] = {}
        self.worst_doubt_ns = 0
        runner.register_message("joined", self._on_joined)
        runner.register_message("pong", self._on_pong)

    def call(self) -> None:
        """Give every worker its number and its orders. Raises Refused where one cannot take part."""
        ids = sorted(node.id for node in self.runner.clients.all)
        if len(ids) != self.spec.processes:
            raise Refused(f"{len(ids)} workers", f"{self.spec.processes}, as --expect says")
        self.members = dict(enumerate(ids))
        orders = json.dumps(asdict(portable(self.spec)))
        numbers = {id_: process for process, id_ in self.members.items()}
        self._answers = {id_: AsyncResult() for id_ in ids}
        self.runner.send_message("join", {"spec": orders, "wanted": wanted_of(self.spec), "numbers": numbers})
        for process, id_ in self.members.items():
            try:
                answer = self._answers[id_].get(timeout=JOIN_S)
            except gevent.Timeout:
                want = f"a worker of this version that answers in {JOIN_S:.0f} s: all have the same checkout?"
                raise Refused(id_, want) from None
            if answer["why"]:
                raise Refused(f"the worker on {answer['machine']['host']}", answer["why"])
            self.machines[process] = answer["machine"]

    def read_clocks(self) -> dict[int, ClockOffset]:
        """How far each worker's clock is ahead of ours. Raises HarnessBroken where one does not answer."""
        pings: dict[str, list[Ping]] = {id_: [] for id_ in self.members.values()}
        for _ in range(PINGS):
            self._answers = {id_: AsyncResult() for id_ in pings}
            for id_ in pings:
                self.runner.send_message("ping", {"sent_ns": now_ns()}, client_id=id_)
            for process, id_ in self.members.items():
                try:
                    pings[id_].append(self._answers[id_].get(timeout=PONG_S))
                except gevent.Timeout:
                    why = self.why_lost() or f"{self.name(process)} did not answer in {PONG_S:.0f} s"
                    raise HarnessBroken(why) from None
        return {process: read_ahead(pings[id_]) for process, id_ in self.members.items()}

    def prepare(self) -> dict[str, int]:
        """Read the clocks before a cell: by how much each worker's is ahead, by Locust's ids."""
        self.used = self.read_clocks()
        return {self.members[process]: ahead.offset_ns for process, ahead in self.used.items()}

    def held(self) -> dict[int, ClockOffset]:
        """Read the clocks after a cell: what was used in it, with the doubt over all of it."""
        after = self.read_clocks()
        found = {
            process: ClockOffset(offset_ns=used.offset_ns, uncertainty_ns=doubt_between(used, after[process]))
            for process, used in self.used.items()
        }
        self.worst_doubt_ns = max(self.worst_doubt_ns, *(ahead.uncertainty_ns for ahead in found.values()))
        return found

    def why_lost(self) -> str:
        """Which worker is gone; empty: none."""
        for process, id_ in self.members.items():
            node = self.runner.clients.get(id_)
            if node is None:
                return f"{self.name(process)} left"
            if self.beats - node.heartbeat > SILENT_BEATS:
                return f"{self.name(process)} has not been heard of for {SILENT_BEATS} s"
        return ""

    def name(self, process: int) -> str:
        machine = self.machines.get(process, {})
        return f"application server {process} on {machine.get('host', self.members[process])}"

    def as_dict(self) -> dict[str, Any]:
        """For the run folder's circumstances: where the workers were, and how well their clocks were known."""
        return {
            "bind": self.spec.bind,
            "machines": [self.machines[process] for process in sorted(self.machines)],
            "clock_uncertainty_ns": self.worst_doubt_ns,
        }

    def _on_joined(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        self._answer(msg.node_id, msg.data)

    def _on_pong(self, environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG002
        received_ns = now_ns()
        ping = Ping(sent_ns=msg.data["sent_ns"], there_ns=msg.data["there_ns"], received_ns=received_ns)
        self._answer(msg.node_id, ping)

    def _answer(self, id_: str, data: Any) -> None:
        if id_ in self._answers:
            self._answers[id_].set(data)
