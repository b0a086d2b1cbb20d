"""However the suite ends, its servers end too and nothing stays on disk."""

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from stampede.stack.providers.binaries import UNPRIVILEGED
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.supervisor import supervisor_process
from stampede.stack.supervisor.supervisor_client import others_may_pass

ROOT = Path(__file__).parents[3]
SUITE = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored if the tests run in the background
from stampede.stack.providers.embedded import open_embedded
with open_embedded("tests", say=lambda line: None) as stack:
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL)
    stack.register_child(child.pid)
    print(child.pid, flush=True)
    if sys.stdin.readline().strip() == "raise":
        raise RuntimeError("in mid-run")
"""
GONE_WITHIN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A process that opened a stack, and everything that it started."""

    process: "subprocess.Popen[str]"
    supervisor: psutil.Process
    servers: list[psutil.Process]
    child: psutil.Process
    directory: Path


@contextmanager
def a_suite(account: pwd.struct_passwd | None = None) -> Iterator[Suite]:
    user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SUITE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
        env=environment,
        **user,  # type: ignore[call-overload]
    )
    children = []
    try:
        child = psutil.Process(int(process.stdout.readline()))
        children.append(child)
        suite = psutil.Process(process.pid)
        supervisor = next(each for each in suite.children() if supervisor_process.__file__ in each.cmdline())
        yield Suite(
            process=process,
            supervisor=supervisor,
            servers=supervisor.children(),
            child=child,
            directory=Path(supervisor.cmdline()[-2]),
        )
    finally:
        for each in children:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        process.kill()
        process.communicate()


def until(holds: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + GONE_WITHIN_S
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended. A zombie has ended, too: it stays if no process reaps orphans."""
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def left(suite: Suite) -> list[str]:
    processes = [each for each in (*suite.servers, suite.child, suite.supervisor) if not is_gone(each)]
    return [str(each) for each in processes] + ([str(suite.directory)] if suite.directory.exists() else [])


ENDINGS: dict[str, Callable[[Suite], object]] = {
    "normal exit": lambda suite: suite.process.communicate("end\n"),
    "exception": lambda suite: suite.process.communicate("raise\n"),
    "Ctrl-C": lambda suite: suite.process.send_signal(signal.SIGINT),
    "SIGTERM": lambda suite: suite.process.send_signal(signal.SIGTERM),
    "kill -9": lambda suite: suite.process.send_signal(signal.SIGKILL),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_server_no_registered_child_and_no_directory_is_left_after(ending: str) -> None:
    with a_suite() as suite:
        assert len(suite.servers) == 2
        assert suite.directory.exists()
        ENDINGS[ending](suite)
        until(lambda: not left(suite))
        assert left(suite) == []


def test_an_exception_in_the_block_is_not_swallowed() -> None:
    with a_suite() as suite:
        suite.process.communicate("raise\n")
        assert suite.process.returncode == 1


def test_a_plain_user_can_start_the_servers_and_nothing_is_left_after_kill_9() -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests here already run as a plain user")
    account = pwd.getpwnam(UNPRIVILEGED[0])
    if not all(others_may_pass(path) for path in (ROOT, Path(sys.prefix), Path(sys.executable).resolve().parent)):
        pytest.skip(f"another account may not read {ROOT} and {sys.prefix}")
    with a_suite(account) as suite:
        assert {each.uids().real for each in (*suite.servers, suite.supervisor)} == {account.pw_uid}
        suite.process.send_signal(signal.SIGKILL)
        until(lambda: not left(suite))
        assert left(suite) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another account")
def test_root_runs_the_servers_under_an_account_without_rights() -> None:
    with a_suite() as suite:
        assert 0 not in {uid for each in suite.servers for uid in each.uids()}


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG exists on Linux only")
def test_servers_end_with_their_supervisor_and_the_next_start_removes_its_directory() -> None:
    with a_suite() as suite:
        suite.supervisor.kill()
        assert until(lambda: all(is_gone(each) for each in suite.servers))
        assert suite.directory.exists()
        suite.process.kill()
        with open_embedded("tests", say=lambda _line: None):
            assert not suite.directory.exists()


def test_a_start_leaves_the_directory_of_a_living_suite_alone() -> None:
    with a_suite() as suite, open_embedded("tests", say=lambda _line: None):
        assert suite.directory.exists()
        assert not any(is_gone(each) for each in suite.servers)


def test_servers_outlive_the_thread_that_started_them() -> None:
    opened = open_embedded("tests", say=lambda _line: None)
    urls: list[str] = []
    thread = threading.Thread(target=lambda: urls.append(opened.__enter__().postgres.url))
    thread.start()
    thread.join()
    try:
        with psycopg.connect(urls[0]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        opened.__exit__(None, None, None)


def test_only_abandoned_directories_of_supervisors_are_removed(tmp_path: Path) -> None:
    old = time.time() - 2 * supervisor_process.ABANDONED_AFTER_S
    expected = {}
    for name, log, age, stays in (
        ("stampede-old", True, True, False),
        ("stampede-coming-up", True, False, True),
        ("stampede-of-others", False, True, True),
        ("other", True, True, True),
    ):
        directory = tmp_path / name
        directory.mkdir(mode=0o700)
        if log:
            (directory / supervisor_process.LOG).touch()
        if age:
            os.utime(directory, (old, old))
        expected[directory] = stays
    supervisor_process.remove_stale(tmp_path)
    assert {directory: directory.exists() for directory in expected} == expected
