"""Breaking a server of ours on purpose: an embedded one by signals, a container by the engine."""

import time
from collections.abc import Callable

from core.errors import StackError
from stack.guard import Guard, Started
from stack.servers import Switch

BACK_WITHIN_S = 30.0
LOOK_EVERY_S = 0.005


class EmbeddedSwitch(Switch):
    """Signals to a server that the warden started."""

    def __init__(self, guard: Guard, server: Started, answers: Callable[[], bool]) -> None:
        self.guard = guard
        self.server = server
        self.answers = answers

    def pause(self) -> None:
        self.guard.signal(self.server.pid, "SIGSTOP")

    def resume(self) -> None:
        self.guard.signal(self.server.pid, "SIGCONT")

    def kill(self) -> None:
        self.guard.signal(self.server.pid, "SIGKILL")

    def restart(self) -> None:
        self.server = self.guard.start_again(self.server)
        wait_for(self.answers)


class ContainerSwitch(Switch):
    """The engine's own pause, kill and start of one service. `run`: docker compose with these arguments."""

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
    """Return once the server answers. Raises StackError after BACK_WITHIN_S."""
    give_up = time.monotonic() + BACK_WITHIN_S
    while not answers():
        if time.monotonic() > give_up:
            raise StackError("stack", "redis", f"a server that is back within {BACK_WITHIN_S:.0f} s")
        time.sleep(LOOK_EVERY_S)
