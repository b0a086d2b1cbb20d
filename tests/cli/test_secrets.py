"""No command shows a secret: not on its streams, in a file of its run folder, on a page, in a log or in an argument.

`stampede services` is the exception: it prints URLs, which is what it is for.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import matplotlib
import psutil
import psycopg
import pytest
import redis
from typer.testing import CliRunner

from stampede.cli import app as front_door
from stampede.core.network import free_port
from stampede.run_folder.read import read_run
from stampede.stack.servers import Stack

REPO = Path(__file__).resolve().parents[2]
SECRET = "hid1en#hid2en/hid3en?hid4en[hid5en@hid6en%zz hid7en"
"""Each part can be found, however the whole is cut, encoded or decoded."""
TRACE = re.compile(r"hid\den")
ENCODED = quote(SECRET, safe="")

REDIS_FORMS = {
    "user and password": f"redis://ann:{ENCODED}@127.0.0.1:PORT/0",
    "password": f"redis://:{ENCODED}@127.0.0.1:PORT",
    "token": "redis://hid1en@127.0.0.1:PORT/0",
    "token and colon": "rediss://hid1en:@127.0.0.1:PORT/0",
    "raw": f"redis://ann:{SECRET}@127.0.0.1:PORT/0",
    "raw, like a port": "redis://ann:12/hid1en@127.0.0.1:PORT/0",
    "parameter": f"redis://127.0.0.1:PORT/0?username=ann&password={ENCODED}",
    "raw parameter": "redis://127.0.0.1:PORT/0?password=hid1en#hid2en&hid3en",
    "of a key": "rediss://127.0.0.1:PORT/0?ssl_password=hid1en",
    "unix socket": "unix://ann:hid1en@/no/such/redis.sock?db=0",
    "no scheme": "ann:hid1en@127.0.0.1:PORT",
    "no host": "redis://ann:hid1en",
}
POSTGRES_FORMS = {
    "user and password": f"postgresql://ann:{ENCODED}@127.0.0.1:PORT/app",
    "token": "postgresql://hid1en@127.0.0.1:PORT/app",
    "raw": f"postgres://ann:{SECRET}@127.0.0.1:PORT/app",
    "parameter": f"postgresql://127.0.0.1:PORT/app?user=ann&password={ENCODED}",
    "raw parameter": "postgresql://127.0.0.1:PORT/app?password=hid1en#hid2en&hid3en",
    "of a key": "postgresql://ann@127.0.0.1:PORT/app?sslpassword=hid1en",
    "keywords": r"host=127.0.0.1 port=PORT user=ann password='hid1en it\'s hid2en'",
    "bare keywords": "host=127.0.0.1 port=PORT password=hid1en&hid2en",
    "no host": "postgresql://ann:hid1en",
    "two hosts": "postgresql://ann:hid1en@127.0.0.1:PORT,localhost:PORT/app",
}


def closed(url: str) -> str:
    """The URL with a port where nothing listens."""
    return url.replace("PORT", str(free_port()))


def refused(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What the front door says to a command that cannot work: without a trace of a secret and without a traceback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stampede", *words])
        result = CliRunner().invoke(front_door.app, list(words), env=environment)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert TRACE.findall(result.output) == [], result.output
    return result.output


@pytest.mark.parametrize("form", REDIS_FORMS)
def test_no_form_of_redis_url_is_shown_when_it_is_refused(form: str, stack: Stack, tmp_path: Path) -> None:
    """By option and by environment, of a server that is not there, and of a URL that cannot be read."""
    url = closed(REDIS_FORMS[form])
    assert "redis" in refused(["monitor", "--redis", url])
    assert "redis" in refused(["monitor"], {"STAMPEDE_REDIS_URL": url})
    words = ["bench", "--postgres", stack.postgres.url, f"--redis={url}", "--runs", str(tmp_path)]
    assert "redis" in refused(words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", POSTGRES_FORMS)
def test_no_form_of_postgresql_url_is_shown_when_it_is_refused(form: str, stack: Stack, tmp_path: Path) -> None:
    """psycopg quotes parts of what it cannot read."""
    url = closed(POSTGRES_FORMS[form])
    words = ["bench", "--redis", stack.redis.url, "--postgres", url, "--runs", str(tmp_path)]
    assert "postgres" in refused(words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["raw", "raw, like a port", "raw parameter"])
def test_a_password_with_raw_signs_is_answered_by_how_to_encode_it(form: str) -> None:
    """One line that names the function that does it."""
    (line,) = refused(["monitor", "--redis", closed(REDIS_FORMS[form])]).splitlines()
    assert "percent-encoded" in line
    assert "urllib.parse.quote" in line


COMMANDS = {
    "bench": ["bench", "--plan", "smoke"],
    "races": ["races"],
    "serializers": ["serializers", "--only", "json"],
    "web": ["web"],
    "web --http": ["web", "--http"],
    "serve": ["serve"],
    "services": ["services"],
    "aa": ["aa"],
    "selftest": ["selftest"],
    "knee": ["knee", "--only", "cache-aside"],
    "overhead": ["overhead"],
    "worker": ["worker", "--master", "127.0.0.1:PORT", "--wait", "1"],
    "profile": ["profile"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_the_urls_of_servers_that_do_not_answer(command: str, tmp_path: Path) -> None:
    """Every command that takes URLs, before anything is stored."""
    words = [closed(word) for word in COMMANDS[command]]
    words += ["--port", str(free_port())] if command in ("web", "web --http", "serve") else []
    postgres, server = (closed(forms["user and password"]) for forms in (POSTGRES_FORMS, REDIS_FORMS))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        refused([*words, "--postgres", postgres, "--redis", server])
        if command != "worker":
            raw = closed(POSTGRES_FORMS["raw"])
            assert "percent-encoded" in refused([*words, "--postgres", raw, "--redis", server])
    assert list(tmp_path.rglob("*.json")) == []


WRONG_PLACES = [
    ["monitor", "redis://:hid1en@h/0"],
    ["bench", "--seed", "redis://:hid1en@h/0"],
    ["bench", "--redis", "redis://h", "--no-such-option", "redis://:hid1en@h/0"],
    ["redis://:hid1en@h/0"],
    ["bench", "--plan", "redis://:hid1en@h/0"],
    ["bench", "--workload", "redis://:hid1en@h/0"],
    ["bench", "--contender", "redis://:hid1en@h/0"],
    ["bench", "--scenario", "PGPASSWORD=hid1en"],
    ["bench", "--rate", "redis://:hid1en@h/0"],
    ["bench", "--resume", "redis://:hid1en@h/0"],
    ["report", "redis://ann:hid1en@h/0"],
    ["compare", "redis://ann:hid1en@h/0", "x"],
    ["gate", "redis://ann:hid1en@h/0"],
    ["races", "--situation", "host=h password=hid1en"],
    ["serializers", "--record", "redis://:hid1en@h/0"],
    ["knee", "--objective", "redis://:hid1en@h/0"],
    ["worker", "--master", "redis://:hid1en@h/0", "--wait", "1"],
    ["web", "--host", "http://ann:hid1en@127.0.0.1:9"],
    ["web", "--host", "http://127.0.0.1:9?token=hid1en"],
    ["init", "no/such/folder/redis://:hid1en@h"],
]


@pytest.mark.parametrize("words", WRONG_PLACES, ids=" ".join)
def test_a_url_in_the_wrong_place_is_refused_without_its_password(words: list[str]) -> None:
    """A word too many, an option that there is not, a value of another kind."""
    assert refused(words)


def test_a_fault_of_ours_shows_no_secret_in_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """The traceback of an error in our code quotes the error's arguments."""

    def broken() -> None:
        raise RuntimeError("no pool for redis://ann:hid1en@h")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(front_door, "app", broken)
        with pytest.raises(SystemExit) as end:
            front_door.main()
    printed = capsys.readouterr().err
    assert end.value.code == 1
    assert "RuntimeError: no pool for redis://ann:***@h" in printed
    assert TRACE.findall(printed) == []


# ── commands that work, on servers with such a password ──


@pytest.fixture(scope="module")
def urls(stack: Stack) -> Iterator[tuple[str, str]]:
    """PostgreSQL and Redis as a user whose password is the secret."""
    address = {name: url.rpartition("@")[2] for name, url in (("p", stack.postgres.url), ("r", stack.redis.url))}
    with (
        psycopg.connect(stack.postgres.url, autocommit=True) as connection,
        redis.Redis.from_url(stack.redis.url) as client,
    ):
        connection.execute("DROP ROLE IF EXISTS hider")
        literal = SECRET.replace("'", "''")
        connection.execute(f"CREATE ROLE hider SUPERUSER LOGIN PASSWORD '{literal}'".encode())
        client.acl_setuser(
            "hider", enabled=True, passwords=[f"+{SECRET}"], keys=["*"], channels=["*"], commands=["+@all"]
        )
        yield f"postgresql://hider:{ENCODED}@{address['p']}", f"redis://hider:{ENCODED}@{address['r']}"
        client.acl_deluser("hider")
        connection.execute("REASSIGN OWNED BY hider TO CURRENT_USER")
        connection.execute("DROP OWNED BY hider")
        connection.execute("DROP ROLE hider")


def options(urls: tuple[str, str]) -> list[str]:
    return ["--postgres", urls[0], f"--redis={urls[1]}"]


def run(home: Path, words: Sequence[str], urls: tuple[str, str] | None = None, end: int | None = None) -> str:
    """Run a command to its end, or end it by a signal once it serves; what it said.

    Meanwhile no process that it started has a secret among its arguments.
    """
    environment = {**os.environ, "HOME": str(home), "COLUMNS": "200", "MPLCONFIGDIR": matplotlib.get_cachedir()}
    if urls is not None:
        environment |= {"STAMPEDE_POSTGRES_URL": urls[0], "STAMPEDE_REDIS_URL": urls[1]}
    output = home / "output"
    with output.open("wb") as out:
        command = [sys.executable, "-m", "stampede", *words]
        front = subprocess.Popen(command, cwd=home, env=environment, stdout=out, stderr=subprocess.STDOUT)
    found: set[str] = set()
    over = threading.Event()
    watch = threading.Thread(target=lambda: found.update(arguments_of_children(front.pid, over)))
    watch.start()
    try:
        if end is not None:
            while "Ctrl-C ends it" not in output.read_text(errors="replace"):
                assert front.poll() is None, output.read_text(errors="replace")
                over.wait(0.1)
            front.send_signal(end)
        front.wait(300)
    finally:
        over.set()
        watch.join()
        if front.poll() is None:
            front.kill()
    assert found, f"no child was seen: {output.read_text(errors='replace')}"
    assert [line for line in found if TRACE.search(line)] == []
    return output.read_text(errors="replace")


def arguments_of_children(pid: int, over: threading.Event) -> set[str]:
    """The command lines of everything that a process started, looked at again and again.

    Its own is left out: the user wrote it, and a child has it until it becomes another program.
    """
    front = psutil.Process(pid)
    own = front.cmdline()
    found: set[str] = set()
    while not over.wait(0.05):
        with suppress(psutil.Error):
            lines = [child.cmdline() for child in front.children(recursive=True)]
            found |= {" ".join(line) for line in lines if line and line != own}
    return found


def traces(home: Path) -> list[str]:
    """Every file with a trace of a secret in its name or contents, and every one that others may read."""
    found = []
    for path in home.rglob("*"):
        if TRACE.search(str(path)) or (path.is_file() and TRACE.search(path.read_bytes().decode("latin-1"))):
            found.append(f"{path.relative_to(home)}: a secret")
        if path.is_relative_to(home / "runs") and path != home / "runs" and path.stat().st_mode & 0o077:
            found.append(f"{path.relative_to(home)}: mode {path.stat().st_mode & 0o777:o}")
    return found


LEAKY = '''
from stampede.patterns.caching.cache_aside import CacheAside as Ours

class Leaky(Ours):
    """Prints how it is connected, as a careless contender may."""
    def get(self, record_id):
        pool = self.redis.connection_pool.connection_kwargs
        if not getattr(Leaky, "said", False):
            Leaky.said = True
            print(f"connected with {pool['password']!r}: redis://u:{pool['password']}@h", dict(pool), flush=True)
        return super().get(record_id)
'''


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """In contents, in names and in modes."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "log").write_text("hid3en")
    (tmp_path / "runs" / "log").chmod(0o640)
    assert traces(tmp_path) == ["runs/log: a secret", "runs/log: mode 640"]


@pytest.fixture(scope="module")
def bench_home(urls: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bench of one scenario, its URLs given as options; with a contender that prints the password."""
    home = tmp_path_factory.mktemp("bench")
    (home / "leaky.py").write_text(LEAKY)
    (home / "w.toml").write_text("records = 2000\n")
    words = ["bench", "--plan", "smoke", "--scenario", "stampede", "--only", "cache-aside", "--rounds", "1"]
    words += ["--contender", "leaky.py", "--workload", "w.toml", "--no-races", *options(urls)]
    return home, run(home, words)


@pytest.mark.slow
def test_a_bench_leaves_no_secret(bench_home: tuple[Path, str], urls: tuple[str, str]) -> None:
    """Its output, run folder, report and logs, though a contender printed the password into a log; and it is resumed
    with the URLs that are given then."""
    home, said = bench_home
    (folder,) = (home / "runs").iterdir()
    assert f"Report: {folder}" in said
    assert TRACE.findall(said) == []
    assert traces(home) == []
    assert "connected with" in "".join(log.read_text() for log in folder.glob("*.log"))
    assert "--postgres 'postgresql://hider:***@" in read_run(folder).info.command
    cut = json.loads((folder / "run.json").read_text())
    cut["status"] = "cut"
    cut["cells"][-1] |= {"status": "planned"}
    (folder / "run.json").write_text(json.dumps(cut))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        asked = refused(["bench", "--resume", str(folder)])
        assert "STAMPEDE_REDIS_URL" in asked
    said = run(home, ["bench", "--resume", str(folder)], urls)
    assert "going on with 1 of" in said, said
    assert TRACE.findall(said) == []
    assert read_run(folder).info.status == "finished"
    assert traces(home) == []


@pytest.mark.slow
def test_what_is_made_of_a_run_holds_no_secret(bench_home: tuple[Path, str]) -> None:
    """report, compare and gate; also of a run that an earlier version wrote, with the URL as it was given."""
    home, _ = bench_home
    (folder,) = (home / "runs").iterdir()
    old = json.loads((folder / "run.json").read_text())
    old["command"] = f"stampede bench --redis 'redis://h?password={ENCODED}' --postgres postgresql://hid1en@h/app"
    old["metadata"]["servers"]["redis"]["url"] = "redis://h?password=hid1en"
    (folder / "run.json").write_text(json.dumps(old))
    for words in (["report"], ["compare", str(folder)], ["gate", "--against", str(folder)]):
        result = CliRunner().invoke(front_door.app, [*words, str(folder)])
        assert result.exit_code in (0, 1, 3), result.output
        assert TRACE.findall(result.output) == []
    pages = sorted(folder.glob("*.html"))
    assert len(pages) >= 2
    assert [page for page in pages if TRACE.search(page.read_text())] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["races", "--contender", "cache-aside", "--situation", "reader-reader"], None),
        (["serializers", "--only", "json", "--record", "user-200", "--rounds", "1"], None),
        (["serve", "--records", "2000", "--port", "PORT"], signal.SIGINT),
        (["web", "--scenario", "stampede", "--workload", "w.toml", "--port", "PORT"], signal.SIGINT),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_other_commands_leave_no_secret(
    words: list[str], end: int | None, urls: tuple[str, str], tmp_path: Path
) -> None:
    """Their URLs given as options: output, files, and the arguments of their processes."""
    (tmp_path / "w.toml").write_text("records = 2000\n")
    said = run(tmp_path, [*(closed(word) for word in words), *options(urls)], end=end)
    assert TRACE.findall(said) == []
    assert "Traceback" not in said
    assert traces(tmp_path) == []
    if words[0] not in ("serve",):
        assert list((tmp_path / "runs").rglob("*.json"))


def test_monitor_shows_the_server_without_the_password(urls: tuple[str, str]) -> None:
    """Its first line names the address."""
    result = CliRunner().invoke(front_door.app, ["monitor", "--once", "--redis", urls[1]])
    assert result.exit_code == 0
    assert "redis://hider:***@" in result.output
    assert TRACE.findall(result.output) == []
