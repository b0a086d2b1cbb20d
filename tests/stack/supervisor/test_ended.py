"""If a server or the supervisor ends, one line reports which one, how it ended, and the last line of its log."""

import tempfile
from pathlib import Path

import psutil
import pytest

from stampede.core.errors import ServerEnded, StackError
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.provision import open_servers
from stampede.stack.servers import Stack
from stampede.stack.supervisor import supervisor_client, supervisor_process
from stampede.stack.supervisor.supervisor_client import exit_text, private_directory
from tests.stack.supervisor.test_lifetime import is_gone, until


def process_of(stack: Stack, text: str) -> psutil.Process:
    """The stack's process with that text in its command line."""
    for each in psutil.Process().children(recursive=True):
        command = " ".join(each.cmdline())
        if text in command and str(stack.directory) in command:
            return each
    raise LookupError(text)


def test_an_unexpected_end_of_a_server_is_reported_and_an_injected_kill_is_not() -> None:
    with open_embedded("tests", say=lambda _line: None) as stack:
        assert stack.ended() == ""
        assert stack.redis_faults is not None
        stack.redis_faults.kill()
        assert stack.ended() == ""
        stack.redis_faults.restart()
        assert stack.ended() == ""
        valkey = process_of(stack, "valkey-server")
        valkey.kill()
        assert until(lambda: is_gone(valkey))
        assert until(lambda: stack.ended().startswith("Valkey ended (by SIGKILL); the last line of its log: "))


def test_a_killed_supervisor_is_reported_and_its_directory_is_removed_with_the_stack() -> None:
    with open_embedded("tests", say=lambda _line: None) as stack:
        supervisor = process_of(stack, supervisor_process.__file__)
        supervisor.kill()
        assert until(lambda: is_gone(supervisor))  # it is not reaped, so how it ended can still be read
        assert until(lambda: stack.ended().startswith("the supervisor of the servers ended (by SIGKILL)"))
        assert stack.directory.exists()
    assert not stack.directory.exists()


def test_an_error_in_a_block_whose_server_ended_is_reported_as_the_end_of_the_server() -> None:
    def work(stack: Stack) -> None:
        postmaster = process_of(stack, "/postgres -D")
        postmaster.kill()
        assert until(lambda: is_gone(postmaster))
        raise ConnectionError("server closed the connection unexpectedly")

    with (
        pytest.raises(ServerEnded, match=r"PostgreSQL ended \(by SIGKILL\); the last line of its log: "),
        open_servers("embedded", say=lambda _line: None) as stack,
    ):
        work(stack)


@pytest.mark.parametrize(("code", "text"), [(0, "exit code 0"), (3, "exit code 3"), (-15, "by SIGTERM")])
def test_a_return_code_as_text(code: int, text: str) -> None:
    assert exit_text(code) == text


def tmpdir_of_kind(path: Path, kind: str) -> Path:
    """A value of TMPDIR of that kind."""
    if kind == "long":
        path = path / ("d" * 100)
    elif kind == "spaces":
        path = path / "a b"
    elif kind == "umlauts":
        path = path / "für"
    elif kind == "a file":
        path = path / "file"
        path.touch()
    if kind in ("long", "spaces", "umlauts"):
        path.mkdir()
    return path if kind != "missing" else path / "nothing"


@pytest.mark.parametrize("kind", ["missing", "long", "spaces", "umlauts", "a file"])
def test_servers_accept_the_path_of_the_private_directory_for_any_tmpdir(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # the paths of pytest are too long
        monkeypatch.setenv("TMPDIR", str(tmpdir_of_kind(Path(short), kind)))
        monkeypatch.setattr(tempfile, "tempdir", None)
        directory = private_directory(shared_path=False)
        directory.rmdir()
        assert supervisor_client.PLAIN_PATH.fullmatch(str(directory))
        assert Path(short) not in directory.parents


def test_a_plain_and_short_tmpdir_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        directory = private_directory(shared_path=False)
        assert directory.parent == Path(short)


def test_without_any_writable_folder_there_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nothing/of/that/name")
    with pytest.raises(StackError, match="TMPDIR"):
        private_directory(shared_path=False)
