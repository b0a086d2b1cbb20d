"""Lua scripts: which ones touch only the keys that they declare, and how the explorer treats the others."""

from pathlib import Path

import pytest

from stampede.patterns.contender_registry import contenders, limiters
from stampede.races.commands.command_table import CommandTable
from stampede.races.commands.lua_scripts import declares_all
from stampede.races.explore import Bound
from stampede.races.hooks.sandbox import Sandbox
from stampede.races.scheduler.actions import EVERYTHING
from tests.races.conftest import Explore
from tests.races.race_contenders import planted

DECLARED = [
    "return redis.call('GET', KEYS[1])",
    "-- redis.call('GET', ARGV[1])\nreturn redis.call(\"SET\", KEYS[1], ARGV[1], 'PX', ARGV[2])",
    "--[[ redis.call('GET', ARGV[1]) ]] return redis.pcall('get', KEYS[1])",
    "local a, b = unpack(KEYS) if redis.call('GET', a) then return redis.call('DEL', a, b) end",
    "local key, limit = KEYS[1], tonumber(ARGV[1]) return redis.call('INCRBY', key, limit)",
    "for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end",
    "for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end",
    "return redis.call('MGET', unpack(KEYS))",
    "local t = redis.call('TIME') redis.call('ZADD', KEYS[1], t[1], t[2] .. ':' .. ARGV[1]) return {t[1]}",
    "redis.call('RPUSH', KEYS[1], unpack(ARGV)) return redis.status_reply('OK')",
]
UNDECLARED = [
    "return redis.call('GET', ARGV[1])",
    "return redis.call('GET', KEYS[1] .. ':lock')",
    "return redis.call('GET', redis.call('GET', KEYS[1]))",
    "return redis.call('DEL', KEYS[1], ARGV[1])",
    "return redis.call('DEL', unpack(ARGV))",
    "return redis.call(ARGV[1], KEYS[1])",
    "return redis.call('KEYS', '*')",
    "return redis.call('PUBLISH', KEYS[1], ARGV[1])",
    "return redis.call('ZUNIONSTORE', KEYS[1], 1, ARGV[1])",
    "return redis.call('SORT', KEYS[1], 'BY', ARGV[1] .. '*')",
    "local call = redis.call return call('GET', ARGV[1])",
    "local r = redis return r.call('GET', ARGV[1])",
    "return redis['call']('GET', ARGV[1])",
    "return pcall(redis.call, 'GET', ARGV[1])",
    "return server.call('GET', ARGV[1])",
    "local key = KEYS[1] key = ARGV[1] return redis.call('GET', key)",
    "local key = KEYS[1] do local key = ARGV[1] redis.call('DEL', key) end",
    "local a = KEYS[1] for i = 1, 2 do local b = a redis.call('GET', b) a = ARGV[1] end",
    "local function f(key) return redis.call('GET', key) end local key = KEYS[1] return f(ARGV[1])",
    "for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do redis.call('DEL', key) end",
    "KEYS[1] = ARGV[1] return redis.call('GET', KEYS[1])",
    "table.insert(KEYS, ARGV[1]) return redis.call('GET', KEYS[2])",
    "local K = KEYS K[1] = ARGV[1] return redis.call('GET', KEYS[1])",
    "local KEYS = ARGV return redis.call('GET', KEYS[1])",
    "return loadstring(ARGV[1])()",
    "local key = KEYS[1] or ARGV[1] return redis.call('GET', key)",
    "return function",  # not Lua
]

READS_UNDECLARED = """
    def get(self, record_id):
        cached = self.redis.eval("return redis.call('GET', ARGV[1])", 0, self.key(record_id))
        if cached is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        fill = self.redis.register_script("return redis.call('SET', ARGV[1], ARGV[2])")
        fill(keys=[f"{self.config.key_prefix}r:{id(self)}"], args=[self.key(record_id), self.serializer.dumps(record)])
        return record

    def invalidate(self, record_id):
        drop = "for _, k in ipairs({ARGV[1]}) do redis.call('DEL', k) end"
        self.redis.eval(drop, 1, f"{self.config.key_prefix}w:{id(self)}", self.key(record_id))
"""


@pytest.mark.parametrize("script", DECLARED)
def test_a_script_whose_text_names_only_declared_keys_declares_all(script: str, sandbox: Sandbox) -> None:
    assert declares_all(script, sandbox.command_table._row)


@pytest.mark.parametrize("script", UNDECLARED)
def test_a_script_that_may_touch_an_undeclared_key_does_not_declare_all(script: str, sandbox: Sandbox) -> None:
    assert not declares_all(script, sandbox.command_table._row)


def test_the_scripts_of_the_project_declare_all_their_keys(sandbox: Sandbox) -> None:
    """So the reduction applies to the schedules of the project's contenders."""
    modules = {c.pattern.__module__ for c in contenders().values()} | {
        x.limiter.__module__ for x in limiters().values()
    }
    found = [
        value
        for name in modules
        for value in vars(__import__(name, fromlist=["x"])).values()
        if isinstance(value, str) and "redis.call" in value
    ]
    assert len(found) >= 8
    assert [script for script in found if not declares_all(script, sandbox.command_table._row)] == []


@pytest.mark.parametrize(
    "command",
    [
        ("EVALSHA", "f" * 40, "1", "k"),  # a script whose text was never sent
        ("FCALL", "f", "1", "k"),
        ("EVAL_RO", "return redis.call('GET', ARGV[1])", "1", "k", "other"),
        ("SORT", "k", "BY", "weight_*"),
    ],
)
def test_a_command_that_may_touch_keys_that_it_does_not_name_commutes_with_nothing(
    command: tuple[str, ...], sandbox: Sandbox
) -> None:
    table = CommandTable(sandbox.sampler, sandbox.key_prefix)
    wire = b"".join([f"*{len(command)}\r\n".encode(), *(f"${len(w)}\r\n{w}\r\n".encode() for w in command)])
    assert table.request(wire).touch == EVERYTHING


def test_a_fault_in_keys_that_scripts_do_not_declare_is_found(tmp_path: Path, explore: Explore) -> None:
    """The stale fill of cache-aside, by scripts that do not declare the entry, with and without the reduction."""
    info, verdicts = explore(
        planted(tmp_path, "reads_undeclared", READS_UNDECLARED), "reader-writer", Bound(without_reduction=True)
    )
    assert verdicts["eventually-fresh"].verdict == "broken"
    assert not info.disagrees


def test_a_wrong_reduction_is_found_by_the_search_without_it(
    tmp_path: Path, explore: Explore, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If every script counts as declared, the searches disagree, and a violation that only one of them finds counts."""
    monkeypatch.setattr("stampede.races.commands.command_table.declares_all", lambda _script, _row: True)
    monkeypatch.setattr(sandbox.command_table, "_declares_all", {})
    monkeypatch.setattr(sandbox.command_table, "_requests", {})
    contender = planted(tmp_path, "undeclared", READS_UNDECLARED)
    assert explore(contender, "reader-writer")[1]["eventually-fresh"].verdict == "kept"
    info, verdicts = explore(contender, "reader-writer", Bound(without_reduction=True))
    assert info.disagrees
    assert verdicts["eventually-fresh"].verdict == "broken"
    assert verdicts["eventually-fresh"].shortest
