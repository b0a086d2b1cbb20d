"""The rules of the architecture hold for the project, and each check finds a planted violation."""

import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import architecture as house

ROOT = Path(__file__).resolve().parents[2]

PAGE = '''"""Good page.

    read    app ──GET──► Redis
    write   app ──UPDATE──► PostgreSQL

Cost in round trips: 1.
Good for: a.
Bad for: b.
Source: c. Departures: none.
"""


class GoodPage:
    pass
'''

SOUND = {
    "stampede/__init__.py": (
        "if TYPE_CHECKING:\n    from stampede.patterns.caching.cache_pattern import CachePattern\n"
    ),
    "stampede/app.py": (
        "from stampede.core.text.safe_text import visible\n\n\ndef bench():\n    from stampede.loadtests import bench\n"
    ),
    "core/__init__.py": "",
    "core/files.py": "import os\n",
    "patterns/__init__.py": "",
    "core/errors.py": "",
    "patterns/caching/__init__.py": "",
    "patterns/caching/cache_pattern.py": (
        "import redis\nfrom stampede.core import files\nfrom stampede.core.errors import require\n"
    ),
    "patterns/caching/good_page.py": PAGE,
    "scenarios/__init__.py": "",
    "scenarios/workload.py": "from stampede.core.errors import require\n",
    "stack/postgres/dataset.py": (
        "from stampede.scenarios.workload import Workload\nfrom stampede.patterns.caching.cache_pattern import Source\n"
    ),
    "core/text/safe_text.py": "import re\n",
    "run_folder/schema.py": "import pyarrow\nfrom stampede.core.text.safe_text import visible\n",
    "reports/output/html_report.py": "from stampede.run_folder import schema\n",
    "loadtests/__init__.py": "",
    "loadtests/locustfiles/locustfile.py": (
        "import locust\nfrom stampede.loadtests import users\n"
        "from stampede.loadtests.instrumentation.clock import now_ns\n"
    ),
    "loadtests/users.py": "import gevent\n",
    "loadtests/instrumentation/clock.py": "def wait():\n    import gevent\n",
    "loadtests/bench.py": (
        "from stampede.loadtests.instrumentation.clock import now_ns\nfrom stampede.stack.postgres import dataset\n"
    ),
}

CHECKS: dict[str, Callable[[Path], list[str]]] = {
    "disallowed_imports": house.disallowed_imports,
    "circles": house.circles,
    "patching_imports": house.patching_imports,
    "early_imports": house.early_imports,
    "meters_in_patterns": house.meters_in_patterns,
    "incomplete_pages": house.incomplete_pages,
}

PLANTED = [
    ("disallowed_imports", "core/files.py", "from stampede.patterns.user_files import import_file\n"),
    ("disallowed_imports", "core/files.py", "import patterns\n"),
    ("disallowed_imports", "loadtests/bench.py", "from reports.output import html_report\n"),
    ("disallowed_imports", "patterns/caching/good_page.py", PAGE + "from stampede.run_folder.schema import SAMPLES\n"),
    ("disallowed_imports", "run_folder/schema.py", "import stampede.patterns.user_files\n"),
    ("disallowed_imports", "core/text/safe_text.py", "from stampede.run_folder.schema import SAMPLES\n"),
    (
        "disallowed_imports",
        "patterns/caching/good_page.py",
        PAGE + "from stampede.core.text.safe_text import visible\n",
    ),
    ("disallowed_imports", "run_folder/schema.py", "def f():\n    from stampede.scenarios import workload\n"),
    ("disallowed_imports", "scenarios/workload.py", "from stampede.patterns.caching.good_page import GoodPage\n"),
    ("disallowed_imports", "scenarios/workload.py", "from stampede.patterns.caching import good_page\n"),
    ("disallowed_imports", "scenarios/workload.py", "from stampede.stack import dataset\n"),
    ("disallowed_imports", "stack/postgres/dataset.py", "import stampede.scenarios\n"),
    ("disallowed_imports", "stack/postgres/dataset.py", "import stampede.patterns\n"),
    (
        "disallowed_imports",
        "reports/output/html_report.py",
        "from stampede.patterns.caching.cache_pattern import Guarantee\n",
    ),
    (
        "disallowed_imports",
        "reports/output/html_report.py",
        "import importlib\nimportlib.import_module('stampede.loadtests.instrumentation.clock')\n",
    ),
    ("disallowed_imports", "loadtests/bench.py", "from stampede.reports import render\n"),
    ("disallowed_imports", "loadtests/bench.py", "import stampede\n"),
    ("disallowed_imports", "stack/postgres/dataset.py", "from ...loadtests import clock\n"),
    ("circles", "loadtests/instrumentation/clock.py", "from stampede.loadtests import bench\n"),
    (
        "circles",
        "loadtests/instrumentation/clock.py",
        "def f():\n    from stampede.loadtests.locustfiles import locustfile\n",
    ),
    (
        "circles",
        "loadtests/instrumentation/clock.py",
        "if TYPE_CHECKING:\n    from stampede.loadtests.bench import Bench\n",
    ),
    ("circles", "core/errors.py", "from stampede.stack.postgres import dataset\n"),
    ("patching_imports", "loadtests/instrumentation/clock.py", "import gevent\n"),
    ("patching_imports", "loadtests/instrumentation/clock.py", "def f():\n    from locust import User\n"),
    ("patching_imports", "loadtests/bench.py", "from locust.env import Environment\n"),
    ("patching_imports", "loadtests/bench.py", "from stampede.loadtests import users\n"),
    (
        "patching_imports",
        "stack/postgres/dataset.py",
        "try:\n    import gevent.monkey\nexcept ImportError:\n    pass\n",
    ),
    ("early_imports", "stampede/app.py", "from stampede.loadtests import bench\n"),
    ("early_imports", "stampede/app.py", "import locust\n"),
    ("early_imports", "stampede/__init__.py", "from stampede.patterns.caching.cache_pattern import CachePattern\n"),
    ("meters_in_patterns", "patterns/caching/good_page.py", PAGE + "from time import perf_counter\n"),
    (
        "meters_in_patterns",
        "patterns/caching/good_page.py",
        PAGE + "import stampede.loadtests.instrumentation.meters\n",
    ),
    ("incomplete_pages", "patterns/caching/good_page.py", PAGE + "x = 1\n" * 120),
    ("incomplete_pages", "patterns/caching/good_page.py", PAGE.replace("Bad for:", "Worse for:")),
    ("incomplete_pages", "patterns/caching/good_page.py", PAGE.replace("    write   app", "    other   app")),
    ("incomplete_pages", "patterns/caching/good_page.py", PAGE.replace("class GoodPage", "class Other")),
    ("incomplete_pages", "patterns/rate_limiting/good_page.py", PAGE),
]


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("check", CHECKS)
def test_project_keeps_the_rule(check: str) -> None:
    """Imports point one way, only the locust side patches the process, pattern files are complete pages."""
    assert house.sources(ROOT)
    assert CHECKS[check](ROOT) == []


@pytest.mark.parametrize("check", CHECKS)
def test_correct_tree_passes(check: str, tmp_path: Path) -> None:
    """No check reports a small tree that keeps every rule."""
    assert CHECKS[check](plant(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("check", "file", "text"), PLANTED)
def test_planted_violation_is_found(check: str, file: str, text: str, tmp_path: Path) -> None:
    """Each check names the file when one violation is planted in a sound tree."""
    found = CHECKS[check](plant(tmp_path, SOUND | {file: text}))
    assert found
    planted_room = file.partition("/")[0]
    assert all(line.startswith(planted_room) for line in found)


def test_locust_side_is_found_from_the_import_graph(tmp_path: Path) -> None:
    """A module that only the locustfile imports belongs to its side; a module that others import too does not."""
    assert house.locust_side(plant(tmp_path, SOUND)) == {
        "stampede.loadtests.locustfiles.locustfile",
        "stampede.loadtests.users",
    }


def test_registry_hosts_and_machine_paths_are_found(tmp_path: Path) -> None:
    """The check finds a registry's host and the usual homes of a checkout, and accepts addresses and options."""
    planted = [
        "--index-url https://pypi" + ".org/simple",
        "see /ro" + "ot/notes",
        "'/ho" + "me/ann/x'",
        "cd /tm" + "p/x",
    ]
    sound = ["https://example.org/home/page", "tempfile.gettempdir()", "a/work/b", "~/tmp/x", "tests/tmp/x"]
    files = plant(tmp_path, {"a.py": "\n".join(planted + sound)})
    found = house.named_places(files, [files / "a.py"])
    assert [line.split()[0] for line in found] == ["a.py:1", "a.py:2", "a.py:3", "a.py:4"]


def test_no_file_names_a_registry_or_a_machine() -> None:
    """The suite works with any mirror, in any folder: no tracked file names a registry's host or a private path."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no list of our files")
    paths = house.tracked_text(ROOT, listed.stdout.splitlines())
    assert ROOT / "pyproject.toml" in paths
    assert house.named_places(ROOT, paths) == []


PROBE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({m.partition(".")[0] for m in sys.modules} & {"locust", "gevent"}))
"""


def patched_by(modules: list[str]) -> str:
    """Which of locust and gevent a fresh interpreter has loaded after it imported the modules."""
    command = [sys.executable, "-c", PROBE, *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("room", ["core", "patterns", "scenarios", "reports", "stack", "run_folder"])
def test_importing_a_room_loads_neither_locust_nor_gevent(room: str) -> None:
    """Importing any module of a room leaves the process without monkey-patches."""
    package = f"stampede.{room}"
    modules = [package, *(m.name for m in pkgutil.walk_packages([str(ROOT / room)], f"{package}."))]
    assert patched_by(modules) == ""


def test_importing_the_command_line_loads_neither_locust_nor_gevent() -> None:
    """The command line starts without importing either of them."""
    assert patched_by(["stampede", "stampede.cli.app"]) == ""


def test_the_probe_sees_gevent() -> None:
    """The probe itself can fail."""
    assert patched_by(["gevent"]) == "gevent"
