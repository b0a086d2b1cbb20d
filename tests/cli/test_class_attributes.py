"""A class of the user's with a wrong attribute: one error that names the attribute."""

from pathlib import Path

import pytest

HEAD = """\
from stampede.patterns.caching.cache_pattern import CachePattern, ClientSettings, Config, Guarantee


class Mine(CachePattern):
    summary = "mine"

    def get(self, record_id):
        return self.source.load(record_id)

    def update(self, record_id, changes):
        return self.source.update(record_id, changes)

    def invalidate(self, record_id):
        pass

"""
LIMITER_HEAD = """\
from stampede.patterns.rate_limiting.rate_limiter import Bucket, Decision, LimiterConfig, RateLimiter, Strict


class Mine(RateLimiter):
    summary = "mine"

    @classmethod
    def contract_for(cls, config):
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject):
        return Decision(allowed=True, limit=1, remaining=1, retry_after_s=0, reset_after_s=0)

"""
SERIALIZER_HEAD = """\
from stampede.patterns.serialization.serializer import Serializer


class Mine(Serializer):
    summary = "mine"

    def dumps(self, value):
        return b""

    def loads(self, data):
        return None

"""
SUMMARIES = ("None", "5", "''", "'a\\nb'", "'\\x1b[1m'", "'x' * 999", "b'x'")
ATTRIBUTES = [
    *((HEAD, f"summary = {value}", "summary") for value in SUMMARIES),
    *((HEAD, f"client = {value}", "client") for value in ("None", "{}", "ClientSettings", "5.0")),
    (HEAD, "client = ClientSettings(retries='3')", "retries"),
    (HEAD, "client = ClientSettings(retries=10**12)", "retries"),
    (HEAD, "client = ClientSettings(socket_timeout_s=float('inf'))", "socket_timeout_s"),
    (HEAD, "client = ClientSettings(socket_timeout_s=float('nan'))", "socket_timeout_s"),
    *((HEAD, f"config_type = {value}", "config_type") for value in ("None", "Config()", "dict", "'Config'", "int")),
    *((HEAD, f"requires = {value}", "requires") for value in ("None", "5", "'../x'", "'redis'")),
    *((HEAD, f"opt_in = {value}", "opt_in") for value in ("None", "'no'", "1")),
    *((LIMITER_HEAD, f"summary = {value}", "summary") for value in ("None", "''")),
    *((LIMITER_HEAD, f"client = {value}", "client") for value in ("None", "{}")),
    *((LIMITER_HEAD, f"config_type = {value}", "config_type") for value in ("None", "dict", "LimiterConfig()")),
    *(
        (LIMITER_HEAD, f"contract_for = classmethod(lambda cls, config: {v})", "contract_for")
        for v in ("None", "8", "1 / 0")
    ),
    *((SERIALIZER_HEAD, f"summary = {value}", "summary") for value in ("None", "5")),
    *((SERIALIZER_HEAD, f"schema = {value}", "schema") for value in ("None", "'writer'")),
    (SERIALIZER_HEAD, "runs_code = 'no'", "runs_code"),
    (SERIALIZER_HEAD, "native = [int]", "native"),
    (SERIALIZER_HEAD, "wire = None", "wire"),
]


@pytest.mark.parametrize(("head", "line", "says"), ATTRIBUTES)
def test_a_class_with_a_wrong_attribute_is_refused_by_its_name(tmp_path: Path, head: str, line: str, says: str) -> None:
    from stampede.core.errors import ConfigError
    from stampede.patterns.contender_registry import load
    from stampede.patterns.serialization.serializer_registry import load_serializer

    path = tmp_path / "mine.py"
    path.write_text(f"{head}    {line}\n")
    with pytest.raises(ConfigError, match=says):
        load_serializer(path) if head is SERIALIZER_HEAD else load(path)
    path.write_text(head)
    assert (load_serializer(path) if head is SERIALIZER_HEAD else load(path)).name == "mine"
