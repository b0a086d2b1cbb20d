"""One trial of `make kills`: a command, the processes that it starts, and what it leaves behind."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from stampede.core.errors import RunFolderError
from stampede.reports.output.html_report import render
from stampede.run_folder.read import read_run
from stampede.stack.supervisor import supervisor_process

STAMPEDE = [sys.executable, "-m", "stampede"]
WORKLOAD = """records = 200
users_per_process = 8
[scenario.stampede]
rate_per_s = 50
load_cpu_ms = 0.5
load_wait_ms = 4
"""
MARK = "STAMPEDE_KILLS"
HANG_S = 30.0
CONTINUES_S = 120.0
"""How long a run may continue if the event does not end it: it runs its other cells and writes its report."""
BEGIN_S = 300.0
"""How long a command may take until the event can occur."""
POLL_S = 0.05


@dataclass(kw_only=True)
class KillTrial:
    """One command, its processes, and what it leaves behind."""

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
    """Cells with the status done in run.json before the event."""
    warnings: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start the command."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "workload.toml").write_text(WORKLOAD)
        environment = {**os.environ, "TMPDIR": str(self.home / "tmp"), **self.environment, MARK: self.mark}
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
    def main_process(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def living(self) -> list[psutil.Process]:
        """The running processes of the command. Every process that was ever seen is remembered."""
        with suppress(psutil.NoSuchProcess):
            for each in [self.main_process, *self.main_process.children(recursive=True)]:
                self.seen[each.pid] = each
                with suppress(psutil.NoSuchProcess, IndexError):
                    arguments = each.cmdline()
                    if supervisor_process.__file__ in arguments:
                        self.directories.add(Path(arguments[-2]))
        return [each for each in self.seen.values() if is_alive(each)]

    def find(self, role: str) -> psutil.Process:
        """The command's process with this role."""
        for each in self.living():
            with suppress(psutil.NoSuchProcess):
                if ROLES[role](each):
                    return each
        raise LookupError(f"no {role} among {[each.name() for each in self.living()]}")

    def output(self) -> list[str]:
        """The non-blank lines of the command's output."""
        text = (self.home / "output").read_text(errors="replace")
        return [line for line in text.splitlines() if line.strip()]

    def folder(self) -> Path | None:
        """The newest run folder."""
        found = sorted(path.parent for path in self.runs.glob("*/run.json"))
        return found[-1] if found else None

    def cells_done(self) -> set[int]:
        """The ids of the cells that run.json marks as done."""
        folder = self.folder()
        try:
            cells = json.loads((folder / "run.json").read_text())["cells"] if folder else []
        except (OSError, ValueError, KeyError):
            return set()
        return {cell["id"] for cell in cells if cell["status"] == "done"}

    def await_until(self, holds: Callable[[], bool], within_s: float) -> bool:
        """Wait until `holds` returns True. False: the command ended first, or the time is over."""
        assert self.process is not None
        give_up = time.monotonic() + within_s
        while not holds():
            if self.process.poll() is not None or time.monotonic() > give_up:
                return False
            self.living()
            time.sleep(POLL_S)
        return True

    def await_first_cell(self) -> None:
        """Wait until the first cell is finished and the next one has run for a second."""
        if not self.await_until(lambda: bool(self.cells_done()), BEGIN_S):
            raise LookupError("no cell was finished")
        time.sleep(1.0)
        self.finished = self.cells_done()

    def left(self) -> list[str]:
        """Processes, directories and files that outlived the command."""
        found = [f"process {describe(each)}" for each in self.seen.values() if is_alive(each)]
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                named = any(str(directory) in " ".join(each.cmdline()) for directory in self.directories)
                if (each.environ().get(MARK) == self.mark or named) and is_alive(each) and each.pid not in self.seen:
                    found.append(f"process {describe(each)}")
        found += [f"directory {directory}" for directory in self.directories if directory.exists()]
        temporary = self.home / "tmp"
        return found + ([f"file {path}" for path in temporary.iterdir()] if temporary.is_dir() else [])

    def tidy(self) -> None:
        """Kill the remaining processes, each by its id."""
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


def command_line(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


ROLES: dict[str, Callable[[psutil.Process], bool]] = {
    "cli": lambda p: "-m stampede" in command_line(p),
    "master": lambda p: "-m locust" in command_line(p) and " --master " in command_line(p),
    "worker": lambda p: "-m locust" in command_line(p) and " --worker " in command_line(p),
    "valkey": lambda p: "valkey-server" in command_line(p),
    "postmaster": lambda p: "/postgres -D" in command_line(p),
    "backend": lambda p: command_line(p).startswith("postgres: postgres postgres 127.0.0.1"),
    "supervisor": lambda p: supervisor_process.__file__ in command_line(p),
}


@dataclass(kw_only=True)
class KillRow:
    """A row of the table."""

    name: str
    event: str
    took_s: float = 0.0
    code: int | None = None
    last: str = ""
    left: list[str] = field(default_factory=list)
    cells: str = ""
    faults: list[str] = field(default_factory=list)

    def as_markdown(self) -> str:
        code = "" if self.code is None else str(self.code)
        left = "; ".join(self.left) or "nothing"
        last = self.last.replace("|", "\\|")
        fault = "; ".join(self.faults) or "–"
        return f"| {self.name} | {self.event} | {self.took_s:.1f} | {code} | {last} | {left} | {self.cells} | {fault} |"


HEAD = """| what | event | s to the end | exit | last line | left | cells | fault |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def conclude(
    trial: KillTrial, row: KillRow, *, hang_s: float = HANG_S, gone: bool = False, reports: bool = True
) -> KillRow:
    """Wait for the end and check what remains. `gone`: the run folder was removed, so no cell can be kept."""
    assert trial.process is not None
    began_s = time.monotonic()
    try:
        row.code = trial.process.wait(timeout=max(hang_s, CONTINUES_S))
    except subprocess.TimeoutExpired:
        row.faults.append("hangs")
    row.took_s = time.monotonic() - began_s
    if row.code != 0 and row.took_s > hang_s and not row.faults:
        row.faults.append(f"takes more than {hang_s:.0f} s to end")
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
        reports = reports and not any(line.startswith(("report: ", "Report: ")) for line in lines)
        row.cells, faults = kept_cells(trial, reports=reports)
        row.faults += faults
        if row.code == 0 and lines[-1:] and trial.arguments[0] == "bench":
            row.last = "; ".join(["(the summary)", *trial.warnings])
    return row


def kept_cells(trial: KillTrial, *, reports: bool) -> tuple[str, list[str]]:
    """How many of the cells that were finished at the event still exist, and the faults."""
    folder = trial.folder()
    if folder is None:
        return "no run folder", ["the run folder is lost"] if trial.finished else []
    copy = trial.home / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.html", "*.csv"))
    try:
        run = read_run(copy)
        done = {cell.id for cell in run.done}
        if reports:  # otherwise the command has rendered it
            render(copy)
    except RunFolderError as error:
        return "unreadable", [f"no report: {error}"]
    trial.warnings = warnings(folder)
    lost = trial.finished - done
    shown = f"{len(trial.finished - lost)} of {len(trial.finished)} kept, {len(done)} in all, {run.info.status}"
    return shown, [f"lost cells {sorted(lost)}"] if lost else []


def warnings(folder: Path) -> list[str]:
    """The report's warnings about servers or processes that stopped for a while."""
    path = folder / "warnings.csv"  # quoted
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row["what"] for row in csv.DictReader(file) if "stopped" in row.values()]


def shorten(line: str, trial: KillTrial) -> str:
    """A line without the trial's own paths, cut at 230 characters."""
    for path, name in ((str(trial.runs.resolve()), "RUNS"), (str(trial.home), "HOME")):
        line = line.replace(path, name)
    return line if len(line) < 230 else f"{line[:229]}…"
