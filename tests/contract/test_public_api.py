"""The examples in the documentation of the module stampede work as they are written."""

import textwrap
from pathlib import Path

import redis

import stampede
from stampede.patterns.answer_checks import check_decision
from stampede.patterns.contender_registry import find_contender, find_limiter
from stampede.patterns.serialization.serializer_registry import load_serializer
from stampede.scenarios.scenario import find_scenario
from stampede.scenarios.user_scenarios import scenario_names
from stampede.stack.postgres.source import PostgresSource
from tests.contract.contexts import World
from tests.docs.documents import block


def example(defined: str, folder: Path) -> str:
    """The path of a file with the example that contains that text."""
    blocks: list[list[str]] = [[]]
    for line in (stampede.__doc__ or "").splitlines():
        if line.startswith("    ") or (not line and blocks[-1]):
            blocks[-1].append(line)
        elif blocks[-1]:
            blocks.append([])
    code = next(block for block in map("\n".join, blocks) if defined in block)
    path = folder / "mine.py"
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    return str(path)


def test_pattern_example_caches_and_invalidates(
    tmp_path: Path, redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    """The second read is a hit, and a read after a write returns the new value."""
    world = World(find_contender(example("class MyPattern", tmp_path)), redis_client, source, key_prefix)
    assert world.loads_in(lambda: [world.pattern.get(70) for _ in range(2)]) == 1
    written = world.pattern.update(70, {"name": "new"})
    assert written is not None
    assert world.pattern.get(70) == written
    assert world.pattern.get(-1) is None


def test_pattern_of_the_page_remembers_what_does_not_exist(
    tmp_path: Path, redis_client: redis.Redis, source: PostgresSource, key_prefix: str
) -> None:
    """The file in docs/how-to/your-own-pattern.md caches records, written values and the absence of a record."""
    path = tmp_path / "negative_caching.py"
    path.write_text(block("docs/how-to/your-own-pattern.md", "python"), encoding="utf-8")
    world = World(find_contender(str(path)), redis_client, source, key_prefix)
    assert world.loads_in(lambda: [world.pattern.get(71) for _ in range(2)]) == 1
    written = world.pattern.update(71, {"name": "new"})
    assert written is not None
    assert world.pattern.get(71) == written
    assert world.loads_in(lambda: [world.pattern.get(-1) for _ in range(2)]) == 1


def test_limiter_example_admits_its_limit(tmp_path: Path, redis_client: redis.Redis, key_prefix: str) -> None:
    """Of five calls at once, the first three are admitted. Every decision is valid."""
    kind = find_limiter(example("class MyLimiter", tmp_path)).limiter
    limiter = kind(redis_client, stampede.LimiterConfig(limit=3, window_s=60.0, key_prefix=key_prefix), lambda: 0.0)
    decisions = [limiter.hit("s") for _ in range(5)]
    for decision in decisions:
        check_decision("mine", decision)
    assert [d.allowed for d in decisions] == [True] * 3 + [False] * 2


def test_serializer_example_restores_a_record(tmp_path: Path) -> None:
    """A record of plain values survives."""
    serializer = load_serializer(Path(example("class MySerializer", tmp_path))).serializer()
    assert serializer.loads(serializer.dumps({"b": 1, "a": "x"})) == {"a": "x", "b": 1}


def test_scenario_example_is_a_scenario(tmp_path: Path) -> None:
    """The file adds its scenario."""
    (name,) = scenario_names([example("SCENARIO =", tmp_path)])
    assert find_scenario(name).overrides == {"rate_per_s": 200.0, "key_skew": 1.4}


def test_every_public_name_can_be_imported() -> None:
    """Each name of __all__ exists, and `dir` lists exactly these names."""
    assert all(getattr(stampede, name) is not None for name in stampede.__all__)
    assert dir(stampede) == sorted(stampede.__all__)
