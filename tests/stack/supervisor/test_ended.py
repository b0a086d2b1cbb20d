"""When a server or the supervisor ends, one line says which, how, and what its log says last."""

import tempfile
from pathlib import Path

import psutil
import pytest

from stampede.core.errors import ServerEnded, StackError
from stampede.stack.providers.embedded import open_embedded
from stampede.stack.provision import open_servers
from stampede.stack.servers import Stack
from stampede.stack.supervisor import supervisor_client, supervisor_process
from stampede.stack.supervisor.supervisor_client import how, private_directory
from tests.stack.supervisor.test_lifetime import is_gone, until


def process_of(stack: Stack, word: str) -> psutil.Process:
    """The stack's process with that word in its command line."""
    for each in psutil.Process().children(recursive=True):
        command = " ".join(each.cmdline())
        if word in command and str(stack.directory) in command:
            return each
    raise LookupError(word)


def test_a_server_that_was_killed_on_purpose_is_not_reported_and_one_that_was_killed_otherwise_is() -> None:
    with open_embedded("tests", say=lambda _line: None) as stack:
        assert stack.ended() == ""
        assert stack.redis_switch is not None
        stack.redis_switch.kill()
        assert stack.ended() == ""
        stack.redis_switch.restart()
        assert stack.ended() == ""
        valkey = process_of(stack, "valkey-server")
        valkey.kill()
        assert until(lambda: is_gone(valkey))
        assert until(lambda: stack.ended().startswith("Valkey ended (by SIGKILL); the last line of its log: "))


def test_a_supervisor_that_was_killed_is_named_and_its_directory_is_removed_with_the_stack() -> None:
    with open_embedded("tests", say=lambda _line: None) as stack:
        supervisor = process_of(stack, supervisor_process.__file__)
        supervisor.kill()
        assert until(lambda: is_gone(supervisor))  # it is not reaped: how it ended is still to be told
        assert until(lambda: stack.ended().startswith("the supervisor of the servers ended (by SIGKILL)"))
        assert stack.directory.exists()
    assert not stack.directory.exists()


def test_an_error_in_a_block_whose_server_ended_is_told_as_the_server_that_ended() -> None:
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


@pytest.mark.parametrize(("code", "said"), [(0, "exit code 0"), (3, "exit code 3"), (-15, "by SIGTERM")])
def test_a_return_code_in_words(code: int, said: str) -> None:
    assert how(code) == said


def made(path: Path, kind: str) -> Path:
    """A TMPDIR of that kind."""
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
def test_the_private_directory_has_a_path_that_servers_take_whatever_tmpdir_is(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # pytest's own are too long as they are
        monkeypatch.setenv("TMPDIR", str(made(Path(short), kind)))
        monkeypatch.setattr(tempfile, "tempdir", None)
        directory = private_directory(shared_path=False)
        directory.rmdir()
        assert supervisor_client.PLAIN.fullmatch(str(directory))
        assert Path(short) not in directory.parents


def test_a_plain_and_short_tmpdir_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        directory = private_directory(shared_path=False)
        assert directory.parent == Path(short)


def test_without_any_folder_to_write_to_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nothing/of/that/name")
    with pytest.raises(StackError, match="TMPDIR"):
        private_directory(shared_path=False)
