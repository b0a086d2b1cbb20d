"""The supervisor process: it owns the embedded servers and cleans up when the suite ends, even after kill -9.

It is the parent of the servers. It can therefore start them from a process without threads, make them end when it ends
(PR_SET_PDEATHSIG on Linux) and reap them. It reads commands from a pipe, one JSON object a line, and answers each with
one line. When the pipe closes for any reason (the stack was closed, the suite was interrupted or killed), or when the
process of the suite is gone, it

1. kills the registered children (load generators),
2. stops the servers and waits for them,
3. runs the registered last command (docker compose down),
4. removes the directory.

It is run by its path with `python -I -S` and uses the standard library only. It holds a lock in its directory for as
long as it lives. A directory whose supervisor was killed is removed when the next supervisor starts.
"""

import ctypes
import errno
import fcntl
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PREFIX = "stampede-"
LOCK = "lock"
LOG = "supervisor.log"
ABANDONED_AFTER_S = 3600.0
STOP_WITHIN_S = 5.0
"""How long a server may take for a clean stop. Then the next stronger signal is sent."""
PR_SET_PDEATHSIG = 1
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals on which it cleans up and ends."""


class Supervisor:
    """The servers, the registered children and the last command of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.servers: dict[int, tuple[subprocess.Popen[bytes], list[int]]] = {}
        self.children: dict[int, int | None] = {}
        self.last_command: dict[str, Any] | None = None
        self.libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def handle(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one command. Returns the answer."""
        match command["do"]:
            case "start":
                return self.start(command)
            case "poll":
                return {"returncode": self.servers[command["pid"]][0].poll()}
            case "signal":
                return self.send(command["pid"], command["signal"])
            case "child":
                return self.register_child(command["pid"])
            case "at_end":
                self.last_command = command
                write_json(self.directory / "at_end.json", command)
                return {}
        return {"error": f"unknown command {command['do']}"}

    def start(self, command: dict[str, Any]) -> dict[str, Any]:
        """Start a server."""
        account = {}
        if command["uid"] is not None:
            account = {"user": command["uid"], "group": command["gid"], "extra_groups": []}
        stop = [int(signal.Signals[name]) for name in command["stop"]]
        try:
            with open(command["log"], "ab") as log:
                process = subprocess.Popen(
                    command["argv"],
                    env=command["env"],
                    cwd=command["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=lambda: self.die_with_parent(stop[0]),  # after the change of user, which would clear it
                    **account,
                )
        except OSError as error:
            return {"error": f"{error.strerror}: {error.filename or command['argv'][0]}", "errno": error.errno}
        self.servers[process.pid] = (process, stop)
        write_json(self.directory / "servers.json", list(self.servers))
        return {"pid": process.pid}

    def send(self, pid: int, name: str) -> dict[str, Any]:
        """Send a signal to a server. The answer is an error if it has ended. After SIGKILL: wait for its end."""
        process = self.servers[pid][0]
        if process.poll() is not None:
            return {"error": f"server {pid} has ended", "errno": errno.ESRCH}
        process.send_signal(signal.Signals[name])
        if name == "SIGKILL":
            process.wait(STOP_WITHIN_S)
        return {}

    def die_with_parent(self, signal_number: int) -> None:
        """In the new process: ask the kernel (Linux) for this signal when the supervisor ends."""
        if self.libc is not None:
            self.libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)

    def register_child(self, pid: int) -> dict[str, Any]:
        """Register a process to be killed at the end. On Linux by a descriptor, since a process id may be reused."""
        try:
            self.children[pid] = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
        except OSError as error:
            if error.errno == errno.ESRCH:  # already gone
                return {}
            self.children[pid] = None
        return {}

    def end(self) -> None:
        """Kill the children, stop the servers, run the last command, and remove the directory."""
        for pid, descriptor in self.children.items():
            with suppress(ProcessLookupError, PermissionError):
                if descriptor is not None and hasattr(signal, "pidfd_send_signal"):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                else:
                    os.kill(pid, signal.SIGKILL)
        for process, stop in self.servers.values():
            if process.poll() is None:
                process.send_signal(stop[0])
                process.send_signal(signal.SIGCONT)  # a stopped process does not handle the signal
        for process, stop in self.servers.values():
            for stronger in (*stop[1:], signal.SIGKILL):
                try:
                    process.wait(STOP_WITHIN_S)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(stronger)
            process.wait()
        if self.last_command is not None:
            run_last_command(self.last_command)
        remove(self.directory)


def write_json(path: Path, value: object) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(value))
    partial.replace(path)


def run_last_command(command: dict[str, Any]) -> None:
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command["argv"], env=command["env"], cwd=command["cwd"], timeout=60, capture_output=True, check=False
        )


def remove(directory: Path) -> None:
    """Remove a directory. Retries, since a server that is stopping may still write into it."""
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.02)


def command_line(pid: int) -> str:
    """The command line of a running process. Empty if it has ended or is a zombie."""
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        with suppress(OSError):
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def lock(directory: Path) -> int:
    """Lock a new directory. The lock file gets its name only when the lock is held."""
    partial = directory / "lock.part"
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    partial.rename(directory / LOCK)
    return descriptor


def remove_stale(parent: Path) -> None:
    """Remove the directories of supervisors that were killed. Such a directory exists, but its lock is free."""
    for directory in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            facts = directory.lstat()
            owned = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
            if not owned:
                continue
            if not (directory / LOCK).exists():  # its supervisor never started, or is starting now
                if (directory / LOG).exists() and time.time() - facts.st_mtime > ABANDONED_AFTER_S:
                    remove(directory)
                continue
            descriptor = os.open(directory / LOCK, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_stale_directory(directory)
            finally:
                os.close(descriptor)


def remove_stale_directory(directory: Path) -> None:
    """Clean up after a supervisor that was killed: its servers, its last command and its directory."""
    with suppress(OSError, ValueError):
        for pid in json.loads((directory / "servers.json").read_text()):
            if str(directory) in command_line(pid):
                os.kill(pid, signal.SIGKILL)
    with suppress(OSError, ValueError):
        run_last_command(json.loads((directory / "at_end.json").read_text()))
    remove(directory)


def commands(owner: int) -> Any:
    """Yield the commands of the suite until the suite closes the pipe or its process ends."""
    poller = select.poll()
    poller.register(0, select.POLLIN | select.POLLHUP)
    if hasattr(os, "pidfd_open"):  # a forked child of the suite may keep the pipe open, so also watch the process
        with suppress(OSError):
            poller.register(os.pidfd_open(owner), select.POLLIN)
    buffer = b""
    while os.getppid() == owner:
        ready = dict(poller.poll())
        if 0 not in ready:
            return
        chunk = os.read(0, 65536)
        if not chunk:
            return
        buffer += chunk
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            yield json.loads(line)


class Ended(BaseException):
    """A signal arrived. The argument is its number."""


def on_signal(number: int, _frame: object) -> None:
    raise Ended(number)


def main(directory: Path, owner: int) -> None:
    """Serve the process `owner` until it ends, then clean up."""
    os.umask(0o077)
    lock_descriptor = lock(directory)
    for number in ENDING:
        signal.signal(number, on_signal)
    supervisor = Supervisor(directory)
    ended_by: int | None = None
    try:
        remove_stale(directory.parent)
        for command in commands(owner):
            answer = {"n": command["n"], **supervisor.handle(command)}
            os.write(1, json.dumps(answer).encode() + b"\n")
    except Ended as ended:
        ended_by = ended.args[0]
    except BrokenPipeError:
        pass
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        supervisor.end()
        os.close(lock_descriptor)
    if ended_by is not None:  # end by the same signal, so that the suite can report it
        signal.signal(ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), ended_by)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
