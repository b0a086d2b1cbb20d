"""A wrong value in a workload file or in gate.toml: one line on stderr that names it, and exit code 2."""

from pathlib import Path

import pytest

from tests.cli.test_bad_input import refused

WORKLOADS: dict[str, tuple[str | bytes, str]] = {
    "no TOML": ("rate_per_s =", "TOML"),
    "no UTF-8": ("é = 1".encode("latin-1"), "TOML"),
    "a NUL": ("rate_per_s = 1\0", "TOML"),
    "binary": (bytes(range(256)), "TOML"),
    "a number of 400 digits": (f"rate_per_s = {'9' * 400}", "rate_per_s"),
    "a TTL of 400 digits": (f"ttl_s = {'9' * 400}", "ttl_s"),
    "a window of 400 digits": (f"[limiter]\nwindow_s = {'9' * 400}", "window_s"),
    "a limit of 400 digits": (f"[limiter]\nlimit = {'9' * 400}", "limit"),
    "a number of 5,000 digits": (f"records = {'9' * 5000}", "TOML"),
    "deep nesting": ("x = " + "[" * 5000, "TOML"),
    "a key twice": ("records = 1\nrecords = 2", "TOML"),
    "an unknown key": ("rate = 5", "rate"),
    "an unknown scenario": ("[scenario.rush]\nrecords = 1", "scenario"),
    "a scenario that is a number": ("scenario = 5", "scenario"),
    "a scenario that is a list": ("scenario = [1]", "scenario"),
    "scenarios that are an array of tables": ("[[scenario]]\nrecords = 1", "scenario"),
    "a scenario's value that is no table": ("[scenario]\nstampede = 5", "scenario.stampede"),
    "a scenario's wrong value": ("[scenario.stampede]\nttl_s = 'x'", "scenario.stampede"),
    "a limiter that is no table": ("limiter = 1", "limiter"),
    "an unknown limit": ("[limiter]\nmost = 1", "limiter.most"),
    "a limit of 0": ("[limiter]\nlimit = 0", "limit"),
    "half a call": ("[limiter]\nlimit = 1.5", "limit"),
    "a window of nan": ("[limiter]\nwindow_s = nan", "window_s"),
    "an endless window": ("[limiter]\nwindow_s = inf", "window_s"),
    "a burst below 1": ("[limiter]\nburst = -1", "burst"),
    "SQL that is no table": ("sql = 'SELECT 1'", "sql"),
    "SQL without ids": ("[sql]\nload = 'SELECT %(id)s'", "sql.ids"),
    "SQL that is a number": ("[sql]\nload = 1\nids = 'SELECT 1'", "sql.load"),
    "an unknown statement": ("[sql]\ndelete = 'DELETE'", "sql.delete"),
    "arrivals that are unknown": ("arrivals = 'bursty'", "arrivals"),
    "arrivals that are a number": ("arrivals = 1", "arrivals"),
    "more active records than records": ("records = 5\nactive_records = 6", "active_records"),
    "an endless TTL": ("ttl_s = inf", "ttl_s"),
    "a TTL of a week": ("ttl_s = 604800", "ttl_s"),
    "no request in a window": ("rate_per_s = 0.001", "rate_per_s"),
    "hardly a request in a window": ("rate_per_s = 1", "rate_per_s"),
    "closed clients that hardly ask": ("arrivals = 'closed'\nthink_s = 60\nusers_per_process = 1", "think_s"),
    "closed clients that ask too often": ("arrivals = 'closed'\nthink_s = 0.001\nusers_per_process = 1000", "think_s"),
    "a run of a month": ("[scenario.stampede]\nttl_s = 86400", "--yes"),
}
WRONG_FIELDS: dict[str, tuple[str | bytes, str]] = {
    f"{name} = {value}": (f"{name} = {value}", name)
    for name in (
        "rate_per_s",
        "think_s",
        "read_share",
        "records",
        "active_records",
        "key_skew",
        "record_bytes",
        "ttl_s",
        "load_cpu_ms",
        "load_wait_ms",
        "rtt_ms",
        "users_per_process",
    )
    for value in ("-1", "nan", "inf", "true", "'x'", "[]", "1e300", "2026-01-01")
}
WORKLOADS |= WRONG_FIELDS


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_file_with_a_wrong_value_is_refused(tmp_path: Path, name: str) -> None:
    text, says = WORKLOADS[name]
    path = tmp_path / "w.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert says in refused("bench", "--plan", "smoke", "--workload", str(path))


GATES = {
    "no TOML": ("limits = [", "TOML"),
    "a number of 5,000 digits": (f"max_regression = {'9' * 5000}", "TOML"),
    "an unknown key": ("limit = 1", "limit"),
    "a share of 400 digits": (f"max_regression = {'9' * 400}", "max_regression"),
    "a share that is a list": ("max_regression = [1]", "max_regression"),
    "a share that is true": ("max_regression = true", "max_regression"),
    "a share of nan": ("max_regression = nan", "max_regression"),
    "a share below 0": ("max_regression = -0.1", "max_regression"),
    "metrics that are text": ("metrics = 'p99'", "metrics"),
    "metrics that are numbers": ("metrics = [1]", "metrics"),
    "an unknown metric": ("metrics = ['speed']", "metrics"),
    "contracts that are a number": ("contracts = 1", "contracts"),
    "limits that are a list": ("limits = []", "limits"),
    "limits of a scenario that are a number": ("[limits]\nstampede = 1", "limits.stampede"),
    "a limit without a bound": ("[limits.stampede.cache-aside]\nread-p99 = {}", "read-p99"),
    "a limit of nan": ("[limits.stampede.cache-aside]\nread-p99 = { max = nan }", "read-p99.max"),
    "an endless limit": ("[limits.stampede.cache-aside]\nread-p99 = { max = inf }", "read-p99.max"),
    "a limit of 400 digits": (f"[limits.s.c]\nread-p99 = {{ max = {'9' * 400} }}", "read-p99.max"),
    "a limit that is text": ("[limits.s.c]\nread-p99 = { max = '50' }", "read-p99.max"),
    "a limit that is true": ("[limits.s.c]\nread-p99 = { max = true }", "read-p99.max"),
    "limits that exclude each other": ("[limits.s.c]\nread-p99 = { min = 5, max = 1 }", "read-p99"),
    "an unknown bound": ("[limits.s.c]\nread-p99 = { most = 5 }", "read-p99.most"),
    "an unknown figure": ("[limits.s.c]\nspeed = { max = 5 }", "speed"),
}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_file_with_a_wrong_value_is_refused(tmp_path: Path, name: str) -> None:
    text, says = GATES[name]
    path = tmp_path / "gate.toml"
    path.write_text(text)
    assert says in refused("gate", "run", "--config", str(path))
