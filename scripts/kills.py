"""What happens when something is killed, stopped or full in the middle of a command:

    make kills
    make kills ARGS="--only 'worker' --only 'disk'"

Processes × signals, full disks, folders that are removed or made read-only in mid-run, five kinds of TMPDIR, and
SIGTERM of every long command, one row at a time, each on servers of its own. Prints a Markdown table: how long the
command ran on after the event, its exit code, its last line, what is left of it, how many finished cells were kept.

Exit 1 where a command that the event ends took more than 30 s to end, or one hung, left anything behind, lost a
finished cell, or its run folder cannot be reported. Full disks and read-only folders need mount(8) and root; as a plain
user those rows are skipped, and the table says so.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from artefact.read import read_run  # noqa: E402
from core.errors import RunFolderError  # noqa: E402
from core.network import free_port  # noqa: E402
from reports.render import render  # noqa: E402

STAMPEDE = [sys.executable, "-m", "stampede"]
BENCH = ["bench", "--stack", "embedded", "--plan", "smoke", "--only", "cache-aside", "--scenario", "stampede"]
BENCH += ["--rounds", "2", "--rtt", "0", "--workers", "2"]
WORKLOAD = """records = 200
users_per_process = 8
[scenario.stampede]
rate_per_s = 50
load_cpu_ms = 0.5
load_wait_ms = 4
"""
MARK = "STAMPEDE_KILLS"
STOPPED_S = 10.0
HANG_S = 30.0
GOES_ON_S = 120.0
"""How long a run that an event does not end may go on: it runs its other cells and writes its report."""
BEGIN_S = 300.0
"""How long a command may take until the event can come."""
LOOK_S = 0.05
SIGNALS = ("KILL", "TERM", "INT", "HUP", "STOP")


@dataclass(kw_only=True)
class Trial:
    """One command, and what became of it."""

    name: str
    arguments: list[str]
    home: Path
    runs: Path
    environment: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    process: "subprocess.Popen[bytes] | None" = None
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    directories: set[Path] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)
    """Cells that run.json called done before the event."""
    warnings: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "workload.toml").write_text(WORKLOAD)
        environment = {**os.environ, "TMPDIR": str(self.home / "tmp"), **self.environment, MARK: self.mark}
        environment["PYTHONPATH"] = str(REPO)
        (self.home / "tmp").mkdir(exist_ok=True)
        with (self.home / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*STAMPEDE, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env=environment,
                start_new_session=True,
            )

    @property
    def front(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def look(self) -> list[psutil.Process]:
        """The command's processes; those that were there once are remembered."""
        with suppress(psutil.NoSuchProcess):
            for each in [self.front, *self.front.children(recursive=True)]:
                self.seen[each.pid] = each
                with suppress(psutil.NoSuchProcess, IndexError):
                    words = each.cmdline()
                    if any("warden.py" in word for word in words):
                        self.directories.add(Path(words[-2]))
        return [each for each in self.seen.values() if is_alive(each)]

    def find(self, wanted: str) -> psutil.Process:
        """One of the command's processes by its part in it."""
        for each in self.look():
            with suppress(psutil.NoSuchProcess):
                if PARTS[wanted](each):
                    return each
        raise LookupError(f"no {wanted} among {[each.name() for each in self.look()]}")

    def output(self) -> list[str]:
        text = (self.home / "output").read_text(errors="replace")
        return [line for line in text.splitlines() if line.strip()]

    def folder(self) -> Path | None:
        found = sorted(path.parent for path in self.runs.glob("*/run.json"))
        return found[-1] if found else None

    def cells_done(self) -> set[int]:
        folder = self.folder()
        try:
            cells = json.loads((folder / "run.json").read_text())["cells"] if folder else []
        except (OSError, ValueError, KeyError):
            return set()
        return {cell["id"] for cell in cells if cell["status"] == "done"}

    def await_until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Whether it came to hold before the command ended."""
        assert self.process is not None
        give_up = time.monotonic() + within_s
        while not holds():
            if self.process.poll() is not None or time.monotonic() > give_up:
                return False
            self.look()
            time.sleep(LOOK_S)
        return True

    def await_first_cell(self) -> None:
        """Until the first cell is finished and the next one has been under way for a second."""
        if not self.await_until(lambda: bool(self.cells_done()), BEGIN_S):
            raise LookupError("no cell was finished")
        time.sleep(1.0)
        self.finished = self.cells_done()

    def left(self) -> list[str]:
        """Processes and directories that have outlived the command."""
        found = [f"process {describe(each)}" for each in self.seen.values() if is_alive(each)]
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                named = any(str(directory) in " ".join(each.cmdline()) for directory in self.directories)
                if (each.environ().get(MARK) == self.mark or named) and is_alive(each) and each.pid not in self.seen:
                    found.append(f"process {describe(each)}")
        found += [f"directory {directory}" for directory in self.directories if directory.exists()]
        kept = self.home / "tmp"
        return found + ([f"file {path}" for path in kept.iterdir()] if kept.is_dir() else [])

    def tidy(self) -> None:
        """End what is left; each by its own number."""
        for each in self.seen.values():
            with suppress(psutil.NoSuchProcess):
                if is_alive(each):
                    each.kill()


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def describe(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())[:80]
    return str(process.pid)


def words(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


PARTS: dict[str, Callable[[psutil.Process], bool]] = {
    "front": lambda p: "-m stampede" in words(p),
    "master": lambda p: "-m locust" in words(p) and " --master " in words(p),
    "worker": lambda p: "-m locust" in words(p) and " --worker " in words(p),
    "valkey": lambda p: "valkey-server" in words(p),
    "postmaster": lambda p: "/postgres -D" in words(p),
    "backend": lambda p: words(p).startswith("postgres: postgres postgres 127.0.0.1"),
    "supervisor": lambda p: "warden.py" in words(p),
}


@dataclass(kw_only=True)
class Row:
    """A line of the table."""

    name: str
    event: str
    took_s: float = 0.0
    code: int | None = None
    last: str = ""
    left: list[str] = field(default_factory=list)
    cells: str = ""
    faults: list[str] = field(default_factory=list)

    def shown(self) -> str:
        code = "" if self.code is None else str(self.code)
        left = "; ".join(self.left) or "nothing"
        last = self.last.replace("|", "\\|")
        fault = "; ".join(self.faults) or "–"
        return f"| {self.name} | {self.event} | {self.took_s:.1f} | {code} | {last} | {left} | {self.cells} | {fault} |"


HEAD = """| what | event | s to the end | exit | last line | left | cells | fault |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def conclude(trial: Trial, row: Row, *, hang_s: float = HANG_S, gone: bool = False, reports: bool = True) -> Row:
    """Wait for the end and look at what is left. `gone`: the run folder was removed, so that no cell can be kept."""
    assert trial.process is not None
    began_s = time.monotonic()
    try:
        row.code = trial.process.wait(timeout=max(hang_s, GOES_ON_S))
    except subprocess.TimeoutExpired:
        row.faults.append("hangs")
    row.took_s = time.monotonic() - began_s
    if row.code != 0 and row.took_s > hang_s and not row.faults:
        row.faults.append(f"ends only after {hang_s:.0f} s")
    give_up = time.monotonic() + HANG_S
    while trial.left() and row.code is not None and time.monotonic() < give_up:
        time.sleep(0.2)
    row.left = trial.left()
    if row.left:
        row.faults.append("something is left")
    trial.tidy()
    lines = trial.output()
    row.last = shorten(lines[-1] if lines else "", trial)
    if any(line.startswith("Traceback") for line in lines):
        row.faults.append("a traceback")
    if trial.runs.exists() and not gone:
        reports = reports and not any(line.startswith("report: ") for line in lines)
        row.cells, faults = kept(trial, reports=reports)
        row.faults += faults
        if row.code == 0 and lines[-1:] and trial.arguments[0] == "bench":
            row.last = "; ".join(["(the summary)", *trial.warnings])
    return row


def kept(trial: Trial, *, reports: bool) -> tuple[str, list[str]]:
    """How many of the cells that were finished at the event are there; what is wrong."""
    folder = trial.folder()
    if folder is None:
        return "no run folder", ["the run folder is lost"] if trial.finished else []
    copy = trial.home / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.html", "*.csv"))
    try:
        run = read_run(copy)
        done = {cell.id for cell in run.done}
        if reports:  # else the command itself has rendered it
            render(copy)
    except RunFolderError as error:
        return "unreadable", [f"no report: {error}"]
    trial.warnings = warnings(folder)
    lost = trial.finished - done
    shown = f"{len(trial.finished - lost)} of {len(trial.finished)} kept, {len(done)} in all, {run.info.status}"
    return shown, [f"lost cells {sorted(lost)}"] if lost else []


def warnings(folder: Path) -> list[str]:
    """What the report says about what stood still."""
    if not (folder / "doubts.csv").exists():
        return []
    with (folder / "doubts.csv").open(encoding="utf-8", newline="") as file:
        return [row["what"] for row in csv.DictReader(file) if "stopped" in row.values()]


def shorten(line: str, trial: Trial) -> str:
    for path, name in ((str(trial.runs.resolve()), "RUNS"), (str(trial.home), "HOME")):
        line = line.replace(path, name)
    return line if len(line) < 230 else f"{line[:229]}…"


def a_bench(home: Path, name: str, **how: object) -> Trial:
    runs = Path(str(how.pop("runs", home / "runs")))
    arguments = [*BENCH, "--workload", str(home / "workload.toml"), "--runs", str(runs)]
    return Trial(name=name, arguments=arguments, home=home, runs=runs, **how)  # type: ignore[arg-type]


def signalled(home: Path, part: str, name: str) -> Row:
    """A bench in which one process is sent one signal in the middle of the second cell."""
    trial = a_bench(home, part)
    row = Row(name=part, event=name if name != "STOP" else f"STOP, CONT after {STOPPED_S:.0f} s")
    trial.start()
    try:
        trial.await_first_cell()
        target = trial.find(part)
        target.send_signal(getattr(signal, f"SIG{name}"))
        if name == "STOP":
            time.sleep(STOPPED_S)
            with suppress(psutil.NoSuchProcess):
                target.send_signal(signal.SIGCONT)
    except (LookupError, psutil.NoSuchProcess) as error:
        row.faults.append(f"the event did not come: {error}")
    return conclude(trial, row)


def mount(*arguments: str) -> None:
    """Raises OSError with mount's own word."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def small_disk(path: Path, kib: int) -> Iterator[None]:
    """A tmpfs of that size. Raises OSError where none can be mounted."""
    path.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(path))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


def full_disk(home: Path, kib: int) -> Row:
    """A bench whose run folder lies on a disk of that many KiB. The run itself fills it."""
    row = Row(name="full disk", event=f"{kib} KiB")
    trial = a_bench(home, "full disk", runs=home / "disk" / "runs")
    with small_disk(home / "disk", kib):
        trial.start()
        assert trial.process is not None
        filled_s: list[float] = []

        def full() -> bool:
            trial.finished |= trial.cells_done()
            return shutil.disk_usage(home / "disk").free < 8192

        trial.await_until(full, BEGIN_S)
        filled_s.append(time.monotonic())
        trial.await_until(lambda: full() and False, HANG_S)
        row = conclude(trial, row, hang_s=1.0)
        row.took_s = time.monotonic() - filled_s[0]
        if row.code == 0:
            row.faults.append("exit 0")
    return row


def removed(home: Path) -> Row:
    trial = a_bench(home, "run folder")
    row = Row(name="run folder", event="removed")
    trial.start()
    try:
        trial.await_first_cell()
        folder = trial.folder()
        assert folder is not None
        shutil.rmtree(folder)
    except LookupError as error:
        row.faults.append(f"the event did not come: {error}")
    return conclude(trial, row, gone=True)


def read_only(home: Path) -> Row:
    trial = a_bench(home, "run folder", runs=home / "disk" / "runs")
    row = Row(name="run folder", event="made read-only")
    with small_disk(home / "disk", 65536):
        trial.start()
        try:
            trial.await_first_cell()
            folder = trial.folder()
            assert folder is not None
            mount("--bind", str(folder), str(folder))  # of the disk itself, open log files would refuse it
            mount("-o", "remount,bind,ro", str(folder))
        except LookupError as error:
            row.faults.append(f"the event did not come: {error}")
        try:
            return conclude(trial, row)
        finally:
            for each in (home / "disk" / "runs").glob("*"):
                subprocess.run(["umount", "-l", str(each)], capture_output=True, check=False)


def with_tmpdir(home: Path, kind: str) -> Row:
    """A whole bench under such a TMPDIR, which must work or end in one line."""
    path = home / "tmpdir"
    if kind == "long":
        path = home / ("d" * 100) / ("e" * 100)
    elif kind == "spaces":
        path = home / "a b  c"
    row = Row(name="TMPDIR", event=kind)
    trial = a_bench(home, "TMPDIR", environment={"TMPDIR": str(path)})
    home.mkdir(parents=True)
    with small_disk(path, 1024) if kind == "read-only" else nullcontext():
        if kind == "read-only":
            mount("-o", "remount,ro", str(path))
        elif kind == "a file":
            path.write_text("")
        elif kind != "missing":
            path.mkdir(parents=True)
        trial.start()
        trial.await_until(lambda: False, BEGIN_S)
        row = conclude(trial, row)
        if kind in ("long", "spaces"):
            row.left += [f"file {each}" for each in path.iterdir()]
        if kind == "missing" and path.exists():
            row.left.append(f"directory {path}")
    if row.code not in (0, 1, 2):
        row.faults.append("neither works nor ends in one line")
    return row


def commands() -> dict[str, tuple[list[str], str]]:
    """Each long command, and the word in its output after which it is at work."""
    embedded = ["--stack", "embedded"]
    small = ["--rtt", "0", "--workload", "workload.toml"]
    return {
        "races": (["races", *embedded, "--contender", "cache-aside"], "embedded servers"),
        "serializers": (["serializers", *embedded, "--rounds", "3", "--record", "user-200"], "embedded servers"),
        "web": (["web", *embedded, *small, "--scenario", "stampede", "--port", str(free_port())], "Locust's page"),
        "serve": (["serve", *embedded, "--records", "200", "--port", str(free_port())], "Ctrl-C ends it"),
        "services": (["services", *embedded], "redis://"),
        "aa": (["aa", *embedded, *small, "--rounds", "3", "--scenario", "stampede"], "round 1/3"),
        "knee": (["knee", *embedded, *small, "--only", "cache-aside", "--rounds", "1"], "about"),
    }


def terminated(home: Path, command: str) -> Row:
    arguments, awaited = commands()[command]
    trial = Trial(name=command, arguments=arguments, home=home, runs=home / "runs")
    row = Row(name=command, event="TERM")
    trial.start()
    if trial.await_until(lambda: any(awaited in line for line in trial.output()), BEGIN_S):
        trial.await_until(lambda: False, 4.0)
        trial.front.send_signal(signal.SIGTERM)
    else:
        row.faults.append(f"the event did not come: {trial.output()[-1:]}")
    row = conclude(trial, row, reports=command not in ("races", "serializers"))
    if row.code != 128 + signal.SIGTERM:
        row.faults.append("exit code")
    return row


def rows(root: Path) -> dict[str, Callable[[], Row]]:
    """Every row by its name, not yet run."""
    found: dict[str, Callable[[], Row]] = {}

    def add(name: str, run: Callable[[Path], Row]) -> None:
        home = root / f"{len(found):02d}"
        found[name] = lambda: run(home)

    for part in PARTS:
        for name in SIGNALS:
            add(f"{part} {name}", lambda home, part=part, name=name: signalled(home, part, name))  # type: ignore[misc]
    for kib in (32, 64, 256):
        add(f"full disk {kib}", lambda home, kib=kib: full_disk(home, kib))  # type: ignore[misc]
    add("run folder removed", removed)
    add("run folder read-only", read_only)
    for kind in ("read-only", "missing", "long", "spaces", "a file"):
        add(f"TMPDIR {kind}", lambda home, kind=kind: with_tmpdir(home, kind))  # type: ignore[misc]
    for command in commands():
        add(f"command {command}", lambda home, command=command: terminated(home, command))  # type: ignore[misc]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="rows whose name begins so. May be repeated")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the trials")
    options = parser.parse_args()
    for number in (
        signal.SIGINT,
        signal.SIGHUP,
    ):  # in the background and under nohup they are ignored, and inherited so
        signal.signal(number, signal.default_int_handler)
    root = Path(tempfile.mkdtemp(prefix="kills-", dir="/tmp"))
    root.chmod(0o755)  # the account of the servers has to pass it
    broken = 0
    print(HEAD, flush=True)
    for name, run in rows(root).items():
        if options.only and not any(name.startswith(start) for start in options.only):
            continue
        try:
            row = run()
        except OSError as error:
            row = Row(name=name, event="skipped", last=str(error))
        broken += bool(row.faults)
        print(row.shown(), flush=True)
    if options.keep:
        print(f"\nkept: {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
