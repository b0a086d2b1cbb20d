"""Injects faults into a Redis that the suite started: by signals if embedded, else through the container engine."""

import time
from collections.abc import Callable

from stampede.core.errors import StackError
from stampede.stack.servers import RedisFaultControl
from stampede.stack.supervisor.supervisor_client import StartedServer, SupervisorClient

BACK_WITHIN_S = 30.0
POLL_EVERY_S = 0.005


class EmbeddedRedisFaults(RedisFaultControl):
    """Stops, continues, kills and restarts a server of the supervisor by signals."""

    def __init__(self, supervisor: SupervisorClient, server: StartedServer, answers: Callable[[], bool]) -> None:
        self.supervisor = supervisor
        self.server = server
        self.answers = answers

    def pause(self) -> None:
        self.supervisor.signal(self.server.pid, "SIGSTOP")

    def resume(self) -> None:
        self.supervisor.signal(self.server.pid, "SIGCONT")

    def kill(self) -> None:
        self.supervisor.signal(self.server.pid, "SIGKILL")

    def restart(self) -> None:
        self.server = self.supervisor.start_again(self.server)
        wait_for(self.answers)


class ContainerRedisFaults(RedisFaultControl):
    """Pauses, kills and starts one service through the engine. `run` calls docker compose with the arguments."""

    def __init__(self, run: Callable[[list[str]], object], service: str, answers: Callable[[], bool]) -> None:
        self.run = run
        self.service = service
        self.answers = answers

    def pause(self) -> None:
        self.run(["pause", self.service])

    def resume(self) -> None:
        self.run(["unpause", self.service])

    def kill(self) -> None:
        self.run(["kill", self.service])

    def restart(self) -> None:
        self.run(["start", self.service])
        wait_for(self.answers)


def wait_for(answers: Callable[[], bool]) -> None:
    """Wait until the server answers. Raises StackError after BACK_WITHIN_S."""
    give_up = time.monotonic() + BACK_WITHIN_S
    while not answers():
        if time.monotonic() > give_up:
            raise StackError("stack", "redis", f"a server that answers again within {BACK_WITHIN_S:.0f} s")
        time.sleep(POLL_EVERY_S)
