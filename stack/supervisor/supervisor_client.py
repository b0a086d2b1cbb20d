"""The client of the supervisor process: starts it, sends it commands, closes it."""

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
"""In characters: the path of a unix socket below it must fit into 103 bytes (macOS; 107 on Linux)."""
PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
"""Paths that need no quotes in the settings and lists of the servers."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A server that the supervisor started, with what is needed to signal it and to start it again."""

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
        self.turn = threading.Lock()
        self.asked = 0
        self.started: list[Started] = []
        self.watched: dict[str, Started] = {}
        """Servers that have to run, by name."""
        self.killed: dict[str, Started] = {}
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
        with self.turn:
            self.asked += 1
            answer: dict[str, Any] = {"n": None}
            try:
                self.process.stdin.write(json.dumps({"n": self.asked, **command}).encode() + b"\n")
                while answer["n"] != self.asked:  # skip the answer to a call that was interrupted
                    answer = json.loads(self.process.stdout.readline())
            except (BrokenPipeError, ValueError) as error:
                raise ServerEnded(self.how_it_ended()) from error
        return answer

    def how_it_ended(self) -> str:
        """How the supervisor ended, in one line."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1.0)
        return f"the supervisor of the servers ended ({how(self.process.returncode)}){self.last_log_line()}"

    def last_log_line(self) -> str:
        with suppress(OSError, IndexError):
            words = (self.directory / supervisor_process.LOG).read_text(errors="replace").strip().splitlines()[-1]
            return f"; the last line of its log: {words}"
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
            Started(pid=pid, argv=tuple(argv), log=log, stop=tuple(stop), account=account, env=dict(env))
        )
        return pid

    def start_again(self, server: Started) -> Started:
        """Start a server that has ended again, with the same arguments."""
        self.start(server.argv, log=server.log, stop=server.stop, account=server.account, env=server.env)
        again = self.started[-1]
        self.watched |= {name: again for name, killed in self.killed.items() if killed == server}
        return again

    def watch(self, name: str) -> None:
        """From now on `ended` reports the end of the server that was started last, under this name."""
        self.watched[name] = self.started[-1]

    def ended(self) -> str:
        """One line that names the watched server, or the supervisor, that has ended, and how. Empty: none has."""
        try:
            for name, server in list(self.watched.items()):
                code = self.returncode(server.pid)
                if code is not None:
                    return f"{name} ended ({how(code)}); the last line of its log: {last_line(server.log)}"
        except ServerEnded as error:
            return str(error)
        return ""

    def signal(self, pid: int, name: str) -> None:
        """Send a signal (SIGSTOP, SIGCONT, SIGKILL) to a server of the supervisor. Raises OSError.

        A server that is killed here is watched again after it was started again.
        """
        if name == "SIGKILL":
            self.killed = {n: server for n, server in self.watched.items() if server.pid == pid}
            for watched in self.killed:
                del self.watched[watched]
        answer = self.ask(do="signal", pid=pid, signal=name)
        if "error" in answer:
            raise OSError(answer.get("errno"), answer["error"])

    def returncode(self, pid: int) -> int | None:
        """The return code of a server. None: it runs."""
        code: int | None = self.ask(do="poll", pid=pid)["returncode"]
        return code

    def register_child(self, pid: int) -> None:
        """Register a process that is killed first when the suite ends, however it ends."""
        self.ask(do="child", pid=pid)

    def at_end(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> None:
        """Register a command that runs at the end, after all processes have stopped."""
        self.ask(do="at_end", argv=list(argv), env=dict(env), cwd=str(cwd))

    def close(self) -> None:
        """Stop every server and remove the directory, even if the supervisor was killed."""
        if os.getpid() != self.owner:  # a forked child: not its servers
            return
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a stopped process does not notice that the pipe closes
        self.process.wait()
        if self.directory.exists():  # the supervisor was killed
            supervisor_process.remove_stale_directory(self.directory)


def how(code: int | None) -> str:
    """The return code of a process in words."""
    if code is None:
        return "it does not answer"
    if code < 0:
        with suppress(ValueError):
            return f"by {signal.Signals(-code).name}"
    return f"exit code {code}"


def last_line(log: Path) -> str:
    """The last line of a log that is not blank."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return lines[-1].strip() if lines else "it left no log"


@contextmanager
def supervised(*, shared_path: bool = False) -> Iterator[SupervisorClient]:
    """A supervisor with a private directory. `shared_path`: another account must be able to pass through it."""
    supervisor = SupervisorClient(private_directory(shared_path=shared_path))
    try:
        yield supervisor
    finally:
        supervisor.close()


def private_directory(*, shared_path: bool) -> Path:
    """A new directory with mode 0700. With `shared_path` 0711: the servers' own directories inside have 0700."""
    try:
        usual = Path(tempfile.gettempdir()).resolve()  # ignores a TMPDIR that is missing, a file or read-only
        fits = len(str(usual)) <= LONGEST_DIRECTORY and PLAIN.fullmatch(str(usual)) is not None
        fits = fits and (not shared_path or others_may_pass(usual))
        directory = Path(tempfile.mkdtemp(prefix=supervisor_process.PREFIX, dir=usual if fits else "/tmp"))
    except OSError as error:
        raise StackError(
            "TMPDIR", os.environ.get("TMPDIR", "/tmp"), f"a folder to write to: {error.strerror}"
        ) from error
    if shared_path:
        directory.chmod(0o711)
    return directory


def others_may_pass(path: Path) -> bool:
    """Whether any account may pass through every directory of this path."""
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents) if part.is_dir())
