"""Client of the supervisor process: starts it, sends it commands, closes it."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stampede.core.errors import ServerEnded, StackError
from stampede.core.private_files import empty_file
from stampede.stack.supervisor import supervisor_process

LONGEST_DIRECTORY = 60
"""In characters. The path of a unix socket in it must fit into 103 bytes (macOS; 107 on Linux)."""
PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)
"""Paths that need no quotes in the settings of the servers."""


@dataclass(frozen=True, kw_only=True)
class StartedServer:
    """A server that the supervisor started, with everything that is needed to signal it and to start it again."""

    pid: int
    argv: tuple[str, ...]
    log: Path
    stop: tuple[str, ...]
    account: tuple[int, int] | None
    env: Mapping[str, str]


class SupervisorClient:
    """A running supervisor and its private directory. Calls may come from any thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.owner = os.getpid()
        self.one_command = threading.Lock()
        self.commands_sent = 0
        self.started: list[StartedServer] = []
        self.watched: dict[str, StartedServer] = {}
        """Servers that must be running, by name."""
        self.killed: dict[str, StartedServer] = {}
        """Watched servers that were killed on purpose, by name."""
        with open(empty_file(directory / supervisor_process.LOG), "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor_process.__file__, str(directory), str(self.owner)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd="/",
                bufsize=0,
            )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command. Returns its answer. Raises ServerEnded if the supervisor has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.one_command:
            self.commands_sent += 1
            answer: dict[str, Any] = {"n": None}
            try:
                self.process.stdin.write(json.dumps({"n": self.commands_sent, **command}).encode() + b"\n")
                while answer["n"] != self.commands_sent:  # skip the answer to an interrupted call
                    answer = json.loads(self.process.stdout.readline())
            except (BrokenPipeError, ValueError) as error:
                raise ServerEnded(self.how_it_ended()) from error
        return answer

    def how_it_ended(self) -> str:
        """How the supervisor ended, in one line."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)
        return f"the supervisor of the servers ended ({exit_text(self.process.returncode)}){self.last_log_line()}"

    def last_log_line(self) -> str:
        """The last line of the supervisor's log, as a clause. Empty: there is none."""
        with suppress(OSError, IndexError):
            line = (self.directory / supervisor_process.LOG).read_text(errors="replace").strip().splitlines()[-1]
            return f"; the last line of its log: {line}"
        return ""

    def start(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        stop: Sequence[str],
        account: tuple[int, int] | None,
        env: Mapping[str, str],
    ) -> int:
        """Start a server. Returns its process id. Raises OSError."""
        uid, gid = account or (None, None)
        answer = self.ask(
            do="start", argv=list(argv), log=str(log), stop=list(stop), uid=uid, gid=gid, env=dict(env), cwd="/"
        )
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])
        pid: int = answer["pid"]
        self.started.append(
            StartedServer(pid=pid, argv=tuple(argv), log=log, stop=tuple(stop), account=account, env=dict(env))
        )
        return pid

    def start_again(self, server: StartedServer) -> StartedServer:
        """Restart a server that has ended, with the same arguments."""
        self.start(server.argv, log=server.log, stop=server.stop, account=server.account, env=server.env)
        again = self.started[-1]
        self.watched |= {name: again for name, killed in self.killed.items() if killed == server}
        return again

    def watch(self, name: str) -> None:
        """Make `ended` report the end of the server that was started last, under this name."""
        self.watched[name] = self.started[-1]

    def ended(self) -> str:
        """If a watched server or the supervisor has ended: one line with its name and how it ended. Else empty."""
        try:
            for name, server in list(self.watched.items()):
                code = self.returncode(server.pid)
                if code is not None:
                    return f"{name} ended ({exit_text(code)}); the last line of its log: {last_line(server.log)}"
        except ServerEnded as error:
            return str(error)
        return ""

    def signal(self, pid: int, name: str) -> None:
        """Send a signal (SIGSTOP, SIGCONT, SIGKILL) to a server of the supervisor. Raises OSError.

        A server that is killed here is watched again after its next start.
        """
        if name == "SIGKILL":
            self.killed = {n: server for n, server in self.watched.items() if server.pid == pid}
            for watched in self.killed:
                del self.watched[watched]
        answer = self.ask(do="signal", pid=pid, signal=name)
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])

    def returncode(self, pid: int) -> int | None:
        """The return code of a server. None: it is running."""
        code: int | None = self.ask(do="poll", pid=pid)["returncode"]
        return code

    def register_child(self, pid: int) -> None:
        """Register a process that is killed first when the suite ends, however it ends."""
        self.ask(do="child", pid=pid)

    def at_end(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
        """Register a command that the supervisor runs at the end, after all processes have stopped."""
        self.ask(do="at_end", argv=list(argv), env=dict(env), cwd=str(cwd))

    def close(self) -> None:
        """Stop all servers and remove the directory, even if the supervisor was killed."""
        if os.getpid() != self.owner:  # a forked child does not own the servers
            return
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a stopped process does not notice that the pipe closes
        self.process.wait()
        if self.directory.exists():  # the supervisor was killed
            supervisor_process.remove_stale_directory(self.directory)


def exit_text(code: int | None) -> str:
    """A process's return code as text."""
    if code is None:
        return "it does not answer"
    if code < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"


def last_line(log: Path) -> str:
    """The last non-blank line of a log."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "it wrote no log"


@contextmanager
def supervised(*, shared_path: bool = False) -> Iterator[SupervisorClient]:
    """Run a supervisor with a private directory. `shared_path`: another account must be able to enter it."""
    supervisor = SupervisorClient(private_directory(shared_path=shared_path))
    try:
        yield supervisor
    finally:
        supervisor.close()


def private_directory(*, shared_path: bool) -> Path:
    """Make a directory with mode 0700, or 0711 with `shared_path`: the servers' directories inside have 0700."""
    try:
        default = Path(tempfile.gettempdir()).resolve()  # ignores a TMPDIR that is missing, a file or read-only
        fits = len(str(default)) <= LONGEST_DIRECTORY and PLAIN_PATH.fullmatch(str(default)) is not None
        fits = fits and (not shared_path or others_may_pass(default))
        directory = Path(tempfile.mkdtemp(prefix=supervisor_process.PREFIX, dir=default if fits else "/tmp"))
    except OSError as error:
        raise StackError("TMPDIR", os.environ.get("TMPDIR", "/tmp"), f"a writable folder: {error.strerror}") from error
    if shared_path:
        directory.chmod(0o711)
    return directory


def others_may_pass(path: Path) -> bool:
    """Whether every account may enter all directories of this path."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents) if part.is_dir())
