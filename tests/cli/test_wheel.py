"""The wheel, installed outside the checkout: one top-level package, its documentation, a user's own project."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = {
    "reports/__init__.py": "",
    "reports/greeting.py": "GREETING = 'user'\n",
    "patterns/__init__.py": "",
    "patterns/naming.py": (
        "from reports.greeting import GREETING\n\n\ndef key(n: int) -> str:\n    return f'{GREETING}:{n}'\n"
    ),
    "scenarios/__init__.py": "LOADED = True\n",
    "stack/__init__.py": "LOADED = True\n",
    "core/__init__.py": "LOADED = True\n",
    "my_cache.py": '''"""A cache-aside that is part of a project with packages of common names."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import core
import scenarios
import stack
from patterns.naming import key as key_of

from stampede import CachePattern, Record

assert core.LOADED and scenarios.LOADED and stack.LOADED


class MyCache(CachePattern):
    """Reads the cache, then the database."""

    summary = "a user's own cache-aside"
    guarantees = frozenset()

    def get(self, record_id: int) -> Record | None:
        key = self.key(record_id).replace("user", key_of(0).partition(":")[0])
        if (cached := self.redis.get(key)) is not None:
            return self.serializer.loads(cached)
        record = self.source.load(record_id)
        if record is not None:
            self.redis.set(key, self.serializer.dumps(record), px=self.config.ttl_ms)
        return record

    def update(self, record_id: int, changes: Record) -> Record | None:
        record = self.source.update(record_id, changes)
        self.invalidate(record_id)
        return record

    def invalidate(self, record_id: int) -> None:
        self.redis.delete(self.key(record_id).replace("user", key_of(0).partition(":")[0]))
''',
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make dist` or pip would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment outside the checkout: the wheel, and the libraries that the lock file names."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin" / "python"


def run(python: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run([python, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def names_in(wheel: Path) -> set[str]:
    """The files of a wheel."""
    return set(zipfile.ZipFile(wheel).namelist())


def test_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """A wheel from the source distribution has the files of one from the checkout, whose rooms are links."""
    build = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run([*build, "-t", "sdist", "-d", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    shutil.unpack_archive(next(tmp_path.glob("*.tar.gz")), tmp_path / "sources")
    (sources,) = (tmp_path / "sources").iterdir()
    subprocess.run([*build, "-t", "wheel", "-d", str(tmp_path)], cwd=sources, check=True, capture_output=True)
    assert names_in(next(tmp_path.glob("*.whl"))) == names_in(wheel)


def test_wheel_adds_one_package(wheel: Path) -> None:
    """An installed wheel adds `stampede` to the user's packages, and nothing else."""
    names = {name.partition("/")[0] for name in names_in(wheel)}
    assert {name for name in names if not name.endswith(".dist-info")} == {"stampede"}


def test_wheel_has_no_tests(wheel: Path) -> None:
    """Tests, caches and scripts stay out of the wheel; templates and the compose file are in it."""
    names = names_in(wheel)
    assert not [name for name in names if "/tests/" in name or "__pycache__" in name or "/scripts/" in name]
    assert any(name.endswith("report.html.j2") for name in names)
    assert any(name.endswith("panel.js") for name in names)


def test_help_reads_as_documentation(installed: Path, tmp_path: Path) -> None:
    """`help(stampede)` shows what the package is for, an example, and the classes that a user builds on."""
    ended = run(installed, "-c", "import stampede; help(stampede)", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    for part in (
        "class CachePattern",
        "class RateLimiter",
        "class Serializer",
        "from stampede import",
        str(tmp_path.anchor),
    ):
        assert part in ended.stdout
    assert "site-packages" in run(installed, "-c", "import stampede; print(stampede.__file__)", cwd=tmp_path).stdout


def test_bench_with_colliding_project(installed: Path, tmp_path: Path) -> None:
    """A contender may import a project whose packages are called reports, patterns, scenarios, stack and core."""
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    words = (
        "-m stampede bench --plan smoke --stack embedded --scenario stampede --only cache-aside --contender my_cache.py"
        " --workload few.toml"
    )
    (tmp_path / "few.toml").write_text("records = 2000\n", encoding="utf-8")
    ended = run(installed, *words.split(), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (report,) = tmp_path.glob("runs/*/report.html")
    assert "my_cache" in report.read_text(encoding="utf-8") or "my-cache" in report.read_text(encoding="utf-8")
