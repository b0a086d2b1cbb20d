"""The command `stampede races`: output, files, exit codes and page; limiters; faults and servers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stampede.cli.app import app
from stampede.core.errors import RunFolderError
from stampede.core.text.safe_text import visible
from stampede.races.hooks.limiter_adapter import find_explorable
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.hooks.sandbox_servers import open_sandbox
from stampede.races.scheduler.client import Client
from stampede.races.scheduler.schedule import SchedulePlayer
from stampede.races.scheduler.scheduler import Execution
from stampede.races.scheduler.search import FollowSchedule
from stampede.reports.topics.races.races_page import render_races
from stampede.run_folder.races_json import read_races
from stampede.scenarios.interleavings.situation import Situation, situations
from stampede.stack.servers import Stack
from tests.races.conftest import Explore

FIELDS = {"contender", "situation", "invariant", "verdict", "guaranteed", "how", "schedules", "shortest", "id"}

LIAR = """
from stampede.patterns.caching.cache_pattern import Guarantee
from stampede.patterns.caching.cache_aside import CacheAside

class Liar(CacheAside):
    summary = "cache-aside that claims too much"
    guarantees = frozenset({Guarantee.EVENTUALLY_FRESH})
"""

LISTENING = """
from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

class Listening(CachePattern):
    summary = "one client loads and notifies the others"
    guarantees = frozenset({Guarantee.ONE_LOAD_PER_MISS})

    def get(self, record_id):
        key = self.key(record_id)
        cached = self.redis.get(key)
        if cached is None and not self.redis.set(f"lock:{key}", "1", nx=True, px=10_000):
            with self.redis.pubsub(ignore_subscribe_messages=True) as channel:
                channel.subscribe(f"done:{key}")
                cached = self.redis.get(key)
                while cached is None:
                    channel.get_message(timeout=1.0)
                    cached = self.redis.get(key)
        if cached is None:
            cached = self.redis.get(key)
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        self.redis.delete(f"lock:{key}")
        self.redis.publish(f"done:{key}", "1")
        return record

    def update(self, record_id, changes):
        return self.source.update(record_id, changes)

    def invalidate(self, record_id):
        self.redis.delete(self.key(record_id))
"""


STRANGE = r"""
from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee

class Strange(CachePattern):
    summary = "rings\\x07 <i onload=x>"
    guarantees = frozenset({Guarantee.EVENTUALLY_FRESH})

    def key(self, record_id):
        return f"{self.config.key_prefix}\\x1b[2J[blink]\\u202e\\r<i onload=x>:{record_id}"

    def get(self, record_id):
        cached = self.redis.get(self.key(record_id))
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        self.redis.set(self.key(record_id), self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def update(self, record_id, changes):
        return self.source.update(record_id, changes)

    def invalidate(self, record_id):
        self.redis.delete(self.key(record_id))
"""


def races(stack: Stack, tmp_path: Path, *words: str) -> Result:
    servers = ["--stack", "external", "--postgres", stack.postgres.url, "--redis", stack.redis.url]
    return CliRunner().invoke(app, ["races", *servers, "--runs", str(tmp_path / "runs"), *words])


def test_a_broken_guarantee_is_exit_1_and_a_fault_without_a_guarantee_is_not(stack: Stack, tmp_path: Path) -> None:
    """The verdicts are a list with the documented fields, broken ones with their schedule; the page is written too."""
    (tmp_path / "liar.py").write_text(LIAR, encoding="utf-8")
    for contender, code in (("cache-aside", 0), (str(tmp_path / "liar.py"), 1)):
        out = tmp_path / "verdicts.json"
        done = races(stack, tmp_path, "--contender", contender, "--situation", "reader-writer", "--json", str(out))
        assert done.exit_code == code, done.output
        rows = json.loads(out.read_text(encoding="utf-8"))
        assert all(row.keys() == FIELDS for row in rows)
        (fresh,) = [row for row in rows if row["invariant"] == "eventually-fresh"]
        assert (fresh["verdict"], fresh["guaranteed"]) == ("broken", code == 1)
        assert [step["label"].split()[0] for step in fresh["shortest"]] == [
            *("GET", "SELECT", "BEGIN", "UPDATE", "COMMIT", "DEL", "SET"),
        ]
        assert fresh["id"] == "reader-writer:a2.b4.a"
        assert f"--replay '{fresh['id']}'" in done.output
    pages = sorted((tmp_path / "runs").glob("*/races.html"))
    assert pages
    text = pages[-1].read_text(encoding="utf-8")
    assert 'class="v-BROKEN"' in text
    assert text.count("<svg") >= 1
    assert "proved" not in text.lower()


def test_keys_and_names_are_escaped_on_the_terminal_and_on_the_page(stack: Stack, tmp_path: Path) -> None:
    """A file name, a summary and keys with escape sequences and markup, in a schedule that breaks a guarantee."""
    (tmp_path / "<i onload=x>[red].py").write_text(STRANGE, encoding="utf-8")
    words = ("--contender", str(tmp_path / "<i onload=x>[red].py"), "--situation", "reader-writer")
    done = races(stack, tmp_path, *words)
    assert done.exit_code == 1, done.output
    assert visible(done.output, keep="\n") == done.output
    assert "[red]" in done.output
    assert "\\x1b[2J[blink]\\u202e\\r" in "".join(done.output.split())
    text = next((tmp_path / "runs").glob("*/races.html")).read_text(encoding="utf-8")
    assert visible(text, keep="\n\t") == text
    assert "<i onload" not in text
    assert "[blink]" in text


def test_a_schedule_is_replayed_by_its_id(stack: Stack, tmp_path: Path) -> None:
    """The replay prints the same steps, and the invariants that they break."""
    words = ("--contender", "cache-aside", "--replay", "reader-writer:a2.b4.a", "--times", "3")
    done = races(stack, tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert "eventually-fresh broken" in done.output
    assert "the same end each time" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ("--contender", "nothing"),
        ("--situation", "nowhere"),
        ("--contender", "cache-aside", "--replay", "reader-writer:?"),
        ("--replay", "reader-writer:a"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(words: tuple[str, ...], stack: Stack, tmp_path: Path) -> None:
    """Input that the user can correct."""
    done = races(stack, tmp_path, *words)
    assert done.exit_code == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("stampede: ")] == done.stderr.splitlines()[-1:]


def test_a_page_needs_a_readable_races_json(tmp_path: Path) -> None:
    """A folder without races.json, with a truncated one, or with another schema is refused."""
    for text in (None, "{", '{"schema": 0}'):
        if text is not None:
            (tmp_path / "races.json").write_text(text, encoding="utf-8")
        with pytest.raises(RunFolderError):
            render_races(tmp_path)
        with pytest.raises(RunFolderError):
            read_races(tmp_path)


@pytest.mark.parametrize(
    ("limiter", "situation", "invariant", "verdict"),
    [
        (
            "sliding-window",
            "calls-on-one-tick",
            "admits-at-most-its-bound",
            "broken",
        ),  # sorted-set members of the same instant
        ("sliding-window", "calls-with-skewed-clocks", "admits-at-most-its-bound", "broken"),
        ("sliding-window", "calls-at-the-limit", "refused-calls-are-free", "broken"),
        ("sliding-log", "calls-at-once", "admits-at-most-its-bound", "kept"),
        ("gcra", "calls-with-skewed-clocks", "admits-at-most-its-bound", "kept"),
    ],
)
def test_limiters_get_verdicts(limiter: str, situation: str, invariant: str, verdict: str, explore: Explore) -> None:
    """The article's limiter miscounts on one tick and with skewed clocks, and counts refused calls; scripts do not."""
    info, verdicts = explore(find_explorable(limiter), situation)
    assert info.complete
    assert verdicts[invariant].verdict == verdict


def test_a_subscriber_is_recognised_as_waiting(tmp_path: Path, explore: Explore) -> None:
    """A subscriber is scheduled like any other reader: it continues when the message arrives, in every order."""
    path = tmp_path / "listening.py"
    path.write_text(LISTENING, encoding="utf-8")
    info, verdicts = explore(find_explorable(str(path)), "reader-reader")
    assert verdicts["one-load-per-miss"].verdict == "kept"
    assert verdicts["correct-after-cache-loss"].verdict != "broken"
    assert info.schedules > 1


def test_a_library_is_explored_from_one_file(explore: Explore) -> None:
    """dogpile.cache's distributed lock has no TTL by default: when its holder crashes, a reader waits without end."""
    pytest.importorskip("dogpile.cache")
    contender = find_explorable(str(Path(__file__).parents[2] / "examples" / "dogpile_cache.py"))
    _, verdicts = explore(contender, "reader-reader-death")
    assert verdicts["waits-at-most-lock-ttl"].verdict == "broken"
    assert explore(contender, "reader-reader")[1]["one-load-per-miss"].verdict != "broken"


def test_a_writer_that_waits_for_a_row_lock_is_recognised_as_waiting(sandbox: Sandbox) -> None:
    """The second UPDATE waits in PostgreSQL for the first client's COMMIT, and the first client continues."""
    player = SchedulePlayer(sandbox, find_explorable("cache-aside").pattern, situations()["writer-writer"])
    trace = player.play(FollowSchedule("aabbaabb"))
    blocked = [(step.action.token, step.action.label) for step in trace.steps if step.blocked]
    assert blocked == [("b", "UPDATE 1")]
    assert [commit.client for commit in trace.commits] == ["a", "b"]
    assert [commit.version for commit in trace.commits] == [2, 3]


def test_virtual_time_shortens_the_ttl_of_every_key(sandbox: Sandbox) -> None:
    """If no client can take a step, the clock moves to the end of the next wait, and TTLs become that much shorter."""
    sandbox.reset([])
    ttls_ms: list[int] = []

    def body(client: Client) -> None:
        client.thread.redis.set(f"{sandbox.key_prefix}a", "1", px=60_000)
        client.sleep(20)
        ttls_ms.append(client.thread.redis.pttl(f"{sandbox.key_prefix}a"))
        client.sleep(41)
        ttls_ms.append(client.thread.redis.pttl(f"{sandbox.key_prefix}a"))

    execution = Execution(sandbox, Situation(name="x", clients=(("get",),)).adversary, lambda enabled: enabled[0])
    execution.start(body)
    execution.run()
    assert 20_000 < ttls_ms[0] <= 40_000  # 60 s less 20 s of virtual time, and less the real time that has passed
    assert ttls_ms[1] == -2


def test_the_table_and_the_keys_of_a_sandbox_are_removed(stack: Stack, sandbox: Sandbox) -> None:
    """After an exploration, its table and its keys do not exist."""
    with open_sandbox(stack) as other:
        other.client_thread(0).redis.set(f"lock:{other.key_prefix}x", "1")
        table, prefix = other.tablename, other.key_prefix
    assert [key for key in sandbox.sampler.keys("*") if prefix.encode() in key] == []
    with sandbox.connect() as connection:
        assert connection.execute("SELECT to_regclass(%s) AS found", [table]).fetchone() == {"found": None}
