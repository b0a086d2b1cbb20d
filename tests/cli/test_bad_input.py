"""Bad input over all commands: one line on stderr that names it, exit code 2, no traceback, no server started."""

import inspect
import json
import os
import socket
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stampede.cli.app import app
from stampede.core.files import TEXT_BYTES
from stampede.patterns import user_files

REPO = Path(__file__).resolve().parents[2]
NEEDED = {"worker": ["--master", "127.0.0.1:1"], "compare": ["a", "b"], "gate": ["a"]}
"""The arguments that a command needs in addition to the tested option."""


def refused(*words: str) -> str:
    """The one line with which the command line refuses these words."""
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2, (result.exit_code, result.output[-2000:], result.exception)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("stampede: ")
    assert "Traceback" not in line
    assert len(line) < 1000
    assert line.isprintable()
    return line


def options() -> Iterator[tuple[str, str, type, Any]]:
    """Command, option, type and description of every option that takes a value."""
    for command in [c for c in app.registered_commands if not c.hidden]:
        callback = command.callback
        assert callback is not None
        hints = typing.get_type_hints(callback, include_extras=True)
        for name in inspect.signature(callback).parameters:
            hint = hints[name]
            kind, info = typing.get_args(hint)[:2]
            if typing.get_origin(kind) in (types.UnionType, typing.Union):
                kind = next(k for k in typing.get_args(kind) if k is not type(None))
            if kind is bool or type(info).__name__ != "OptionInfo":
                continue
            declared = [d for d in info.param_decls or () if d.startswith("--")]
            yield callback.__name__, declared[0] if declared else f"--{name.replace('_', '-')}", kind, info


NUMBERS = [(command, option, kind, info) for command, option, kind, info in options() if kind in (int, float)]
NO_NUMBERS = ("nan", "inf", "-inf", "1e400", "x", "0x10", "1,5", "9" * 400, "-1e9", "١٢x")
WRONG_NUMBERS = [
    (command, option, word)
    for command, option, kind, info in NUMBERS
    for word in (*NO_NUMBERS, str(info.min - 1), str(info.max + 1), *(["1.5"] if kind is int else []))
]
TAKES_TEXT = [(command, option) for command, option, _, _ in options()]


def test_every_number_has_a_lowest_and_a_highest_value() -> None:
    assert len(NUMBERS) > 30
    for command, option, _, info in NUMBERS:
        assert info.min is not None, (command, option)
        assert info.max is not None, (command, option)


@pytest.mark.parametrize(("command", "option", "word"), WRONG_NUMBERS)
def test_a_number_that_is_none_or_beyond_its_limits_is_refused(command: str, option: str, word: str) -> None:
    line = refused(command, *NEEDED.get(command, ()), f"{option}={word}")
    assert option in line
    assert "(wanted: " in line


@pytest.mark.parametrize(("command", "option"), TAKES_TEXT)
def test_an_empty_value_and_one_with_control_characters_are_refused(command: str, option: str) -> None:
    needed = NEEDED.get(command, ())
    assert option in refused(command, *needed, option, "")
    assert option in refused(command, *needed, f"{option}=")
    assert "control characters" in refused(command, *needed, option, "a\0b")
    assert "control characters" in refused(command, *needed, option, "\x1b[31mred.py")
    assert "UTF-8" in refused(command, *needed, option, "caf\udce9.toml")


SHARES = ("much", "-1%", "nan", "inf", "1000%")
TEXTS = [
    (("bench", "--plan", "huge"), "plan"),
    (("bench", "--stack", "cloud"), "stack"),
    (("bench", "--scenario", "rush-hour"), "scenario"),
    (("bench", "--experiment", "magic"), "experiment"),
    (("bench", "--only", "no-such"), "contender"),
    (("bench", "--reference", "no-such"), "reference"),
    (("bench", "--bind", "127.0.0.1:1"), "bind"),
    (("bench", "--expect", "2"), "expect"),
    (("bench", "--resume", "no/such/run"), "no such folder"),
    (
        (
            "bench",
            "--no-such-option",
        ),
        "--no-such-option",
    ),
    (("bench", "word"), "word"),
    (("bench", "--rounds"), "--rounds"),
    (("bench", "--plan", "full", "--rounds", "1000"), "--yes"),
    (("selftest", "--blocks", "125", "--scenario", "cold-start", "--scenario", "redis-hung-minute"), "--yes"),
    (("knee", "--rounds", "1000", "--cells", "10000"), "--yes"),
    (("knee", "--scenario", "rush-hour"), "scenario"),
    (("aa", "--contender", "no-such"), "no-such"),
    (("aa", "--scenario", "rush-hour"), "scenario"),
    (("serializers", "--only", "no-such"), "only"),
    (("serializers", "--record", "no-such"), "record"),
    (("serializers", "--serializer", "no-such"), "serializer"),
    (("races", "--contender", "no-such"), "contender"),
    (("races", "--situation", "no-such"), "situation"),
    (("races", "--replay", "x"), "contender"),
    (("serve", "--pattern", "no-such"), "contender"),
    (("serve", "--pattern", "gcra"), "contender"),
    (("serve", "--limiter", "cache-aside"), "limiter"),
    (("serve", "--limit", "1000000000", "--window", "0.01"), "limit"),
    (("web", "--base-path", "load"), "base-path"),
    (("web", "--base-path", "/load/"), "base-path"),
    (("web", "--scenario", "rush-hour"), "scenario"),
    (("monitor",), "redis"),
    (("profile",), "redis"),
    (("profile", "no/such/folder/w.toml", "--redis", "redis://h"), "path"),
    (("profile", "--redis", "redis://h", "--monitor", "61"), "--monitor"),
    (("profile", "--redis", "redis://h", "--keys", "0"), "--keys"),
    (("worker",), "--master"),
    (("report", "no/such/run"), "no such folder"),
    (("report", "--runs", "no/such/runs"), "no run folder"),
    (("compare", "no/such/a", "no/such/b"), "no such folder"),
    (("compare", "a"), "run_b"),
    (("gate",), "run"),
    (("gate", "no/such/run"), "no such folder"),
    (("gate", "run", "--metric", "speed"), "--metric"),
    (("init", "no/such/folder/w.toml"), "path"),
    (("nonsense",), "nonsense"),
    (("--nonsense",), "--nonsense"),
    *((("gate", "run", "--max-regression", text), "--max-regression") for text in SHARES),
    *((("bench", "--until", text), "until") for text in ("narrow", "0", "-5%", "101%", "nan", "inf%", "9" * 400)),
    *((("bench", "--rate", text), "rate") for text in ("fast", "0", "-1", "nan", "inf", "20001", "1e-300", "0.5")),
    *(
        (("knee", "--objective", text), "objective")
        for text in ("fast", "p0<50ms", "p100<50ms", "p99<0ms", "p99>50ms", "p99<50", "p99<-5ms", f"p99<{'9' * 400}ms")
    ),
]


@pytest.mark.parametrize(("words", "says"), TEXTS)
def test_a_word_that_a_command_does_not_know_is_refused(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words)


HOSTS = (
    "x",
    "http://",
    "http:///path",
    "ftp://name",
    "http://x y",
    "http://x:99999",
    "http://x:0",
    "http://x:port",
    "http://x:-1",
    "http://[::1",
    "http://[::1]x",
    "http://a..b",
    f"http://{'a' * 64}.example",
    "http://x?query",
    "http://x#part",
    "http://x<y>",
    "//x",
    "http://:8000",
    "redis://x:6379",
    "http://x:80:80",
)
ADDRESSES = ("", ":", "x:", "x:0", "x:65536", f"x:{'9' * 5000}", "x:²", "a b:1", "u@h:1", "http://x:1", ":5557", "[]:1")


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_no_address_of_a_service_is_refused(host: str) -> None:
    from stampede.core.errors import ConfigError
    from stampede.loadtests.locustfiles.http_page import check_host

    with pytest.raises(ConfigError, match="host"):
        check_host(host)
    assert "host" in refused("web", "--host", host)


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8000", "https://x.example/api/", "http://[::1]:80", "http://bücher.example"]
)
def test_an_address_of_a_service_is_taken(host: str) -> None:
    from stampede.loadtests.locustfiles.http_page import check_host

    assert check_host(host) == host.rstrip("/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_of_a_master_that_is_none_is_refused(address: str) -> None:
    assert "master" in refused("worker", "--master", address)


KINDS = ("FIFO", "directory", "socket", "device", "endless device", "huge file", "missing", "link to itself")
FILES = {
    "bench --workload": ["bench", "--workload", "{}/it.toml"],
    "web --workload": ["web", "--workload", "{}/it.toml"],
    "knee --workload": ["knee", "--workload", "{}/it.toml"],
    "gate --config": ["gate", "run", "--config", "{}/it.toml"],
    "bench --contender": ["bench", "--contender", "{}/it.py"],
    "races --contender": ["races", "--contender", "{}/it.py"],
    "serve --limiter": ["serve", "--limiter", "{}/it.py"],
    "serializers --serializer": ["serializers", "--serializer", "{}/it.py"],
    "report": ["report", "{}", "run.json"],
    "compare": ["compare", "{}", "{}", "run.json"],
    "gate": ["gate", "{}", "run.json"],
}


def place(kind: str, path: Path) -> None:
    """Put something that is no readable file there."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = os.open(path.parent, os.O_RDONLY)
            server.bind(f"/proc/self/fd/{here}/{path.name}")  # pytest's paths are too long for a socket's name
            os.close(here)
    elif kind in ("device", "endless device"):
        path.symlink_to("/dev/null" if kind == "device" else "/dev/zero")
    elif kind == "huge file":
        with path.open("wb") as file:
            file.truncate(10**12 if path.suffix == ".json" else TEXT_BYTES + 1)
    elif kind == "link to itself":
        path.symlink_to(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", FILES)
def test_what_is_no_readable_file_is_refused_without_a_wait(tmp_path: Path, use: str, kind: str) -> None:
    words = FILES[use]
    name = "run.json" if words[-1] == "run.json" else Path(words[-1]).name
    place(kind, tmp_path / name)
    words = [word.format(tmp_path) for word in words if word != "run.json"]
    assert name in refused(*words)


@pytest.mark.parametrize("runs", ["a file", "below a file", "/proc/nowhere"])
@pytest.mark.parametrize("command", ["bench", "serializers", "web", "races", "aa", "selftest", "knee"])
def test_a_place_where_no_run_folder_can_be_made_is_refused(tmp_path: Path, command: str, runs: str) -> None:
    (tmp_path / "file").write_text("")
    path = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "runs"}.get(runs, Path(runs))
    assert "runs" in refused(command, "--runs", str(path))


def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text((REPO / "patterns" / "caching" / "ttl_only.py").read_text())
    both = [word for folder in ("a", "b") for word in ("--contender", str(tmp_path / folder / "mine.py"))]
    assert "mine is taken" in refused("bench", "--plan", "smoke", *both)


SWALLOWS = """\
import time
while True:
    try:
        time.sleep(1)
    except:
        pass
"""
IMPORTS = {
    "a syntax error": ("def f(:", "line 1"),
    "an exception": ("1 / 0", "ZeroDivisionError"),
    "an exit": ("import sys\nsys.exit()", "SystemExit"),
    "an exit with code 0": ("raise SystemExit(0)", "SystemExit"),
    "a BaseException": ("raise BaseException('stop')", "BaseException: stop"),
    "a KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a process that ends": ("import os\nos._exit(0)", "ended the process"),
    "a signal": ("import os\nos.kill(os.getpid(), 9)", "ended the process"),
    "an endless loop": ("while True:\n    pass", "did not end within"),
    "a wait that swallows everything": (SWALLOWS, "did not end within"),
    "an error without text": ("class E(Exception):\n    def __str__(self):\n        1 / 0\nraise E", "(E)"),
    "an error of many lines": ("raise ValueError('a\\n' * 1000)", "ValueError"),
    "a NUL in the source": ("x = 1\0", "Python"),
    "deep nesting": ("x = " + "(" * 5000, "Python"),
    "no contender": ("x = 1", "CachePattern"),
}


@pytest.mark.parametrize("name", IMPORTS)
def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(user_files, "IMPORT_WITHIN_S", 2)
    source, says = IMPORTS[name]
    path = tmp_path / "mine.py"
    path.write_text(source)
    line = refused("races", "--contender", str(path))
    assert says in line
    assert "mine.py" in line


PROCESSES = [
    (["bench", "--rounds", "1000000000"], "--rounds"),
    (["serve", "--records", "0"], "--records"),
    (["serve", "--seed", "1000000000000"], "--seed"),
    (["serve", "--ttl", "inf"], "--ttl"),
    (["bench", "--contender", "{}/mine.py"], "SystemExit"),
    (["bench", "--workload", "{}/fifo"], "FIFO"),
    (["report", "{}"], "run.json"),
]


@pytest.mark.parametrize(("words", "says"), PROCESSES)
def test_a_process_that_is_given_bad_input_ends_with_code_2_and_one_line(
    tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "mine.py").write_text("import sys\nsys.exit(0)\n")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "run.json").write_text(json.dumps({"schema": 2, "started_utc": 5}))
    command = [sys.executable, "-m", "stampede", *(word.format(tmp_path) for word in words)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("stampede: ")
    assert says in line
