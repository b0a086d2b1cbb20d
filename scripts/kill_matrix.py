"""Kills, stops and fills what a command needs while it runs, and prints a table of the results.

    make kills
    make kills ARGS="--only 'worker' --only 'disk'"

The events: signals to each process, full disks, folders that are removed or become read-only during a run, five kinds
of TMPDIR, and SIGTERM to every long command. There is one trial per row, each with its own servers. The columns of the
Markdown table: seconds from the event to the end of the command, its exit code, its last line, processes and files that
are left, and how many finished cells were kept.

Exit 1 if a command that the event ends took more than 30 s to end, or if one hung, left a process or file, lost a
finished cell, or left a run folder without a report. Full disks and read-only folders need mount(8) and root; for a
plain user those rows are marked as skipped.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import psutil
from kill_trials import BEGIN_S, HANG_S, HEAD, ROLES, KillRow, KillTrial, conclude

from stampede.core.network import free_port

BENCH = ["bench", "--stack", "embedded", "--plan", "smoke", "--only", "cache-aside", "--scenario", "stampede"]
BENCH += ["--rounds", "2", "--rtt", "0", "--workers", "2"]
STOPPED_S = 10.0
"""How long a stopped process stays stopped."""
SIGNALS = ("KILL", "TERM", "INT", "HUP", "STOP")


def bench_trial(home: Path, name: str, **options: object) -> KillTrial:
    runs = Path(str(options.pop("runs", home / "runs")))
    arguments = [*BENCH, "--workload", str(home / "workload.toml"), "--runs", str(runs)]
    return KillTrial(name=name, arguments=arguments, home=home, runs=runs, **options)  # type: ignore[arg-type]


def signalled(home: Path, role: str, signal_name: str) -> KillRow:
    """Send one signal to one process of a bench, in the middle of the second cell."""
    trial = bench_trial(home, role)
    row = KillRow(name=role, event=signal_name if signal_name != "STOP" else f"STOP, CONT after {STOPPED_S:.0f} s")
    trial.start()
    try:
        trial.await_first_cell()
        target = trial.find(role)
        target.send_signal(getattr(signal, f"SIG{signal_name}"))
        if signal_name == "STOP":
            time.sleep(STOPPED_S)
            with suppress(psutil.NoSuchProcess):
                target.send_signal(signal.SIGCONT)
    except (LookupError, psutil.NoSuchProcess) as error:
        row.faults.append(f"the event did not occur: {error}")
    return conclude(trial, row)


def mount(*arguments: str) -> None:
    """Call mount(8). Raises OSError with its message."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


@contextmanager
def small_disk(path: Path, kib: int) -> Iterator[None]:
    """Mount a tmpfs of that size. Raises OSError if that is not possible."""
    path.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(path))
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


def full_disk(home: Path, kib: int) -> KillRow:
    """Run a bench whose run folder is on a disk of that many KiB. The run itself fills it."""
    row = KillRow(name="full disk", event=f"{kib} KiB")
    trial = bench_trial(home, "full disk", runs=home / "disk" / "runs")
    with small_disk(home / "disk", kib):
        trial.start()
        assert trial.process is not None

        def full() -> bool:
            trial.finished |= trial.cells_done()
            return shutil.disk_usage(home / "disk").free < 8192

        trial.await_until(full, BEGIN_S)
        filled_s = time.monotonic()
        trial.await_until(lambda: full() and False, HANG_S)
        row = conclude(trial, row, hang_s=1.0)
        row.took_s = time.monotonic() - filled_s
        if row.code == 0:
            row.faults.append("exit 0")
    return row


def removed(home: Path) -> KillRow:
    """Remove the run folder of a bench."""
    trial = bench_trial(home, "run folder")
    row = KillRow(name="run folder", event="removed")
    trial.start()
    try:
        trial.await_first_cell()
        folder = trial.folder()
        assert folder is not None
        shutil.rmtree(folder)
    except LookupError as error:
        row.faults.append(f"the event did not occur: {error}")
    return conclude(trial, row, gone=True)


def read_only(home: Path) -> KillRow:
    """Make the run folder of a bench read-only."""
    trial = bench_trial(home, "run folder", runs=home / "disk" / "runs")
    row = KillRow(name="run folder", event="made read-only")
    with small_disk(home / "disk", 65536):
        trial.start()
        try:
            trial.await_first_cell()
            folder = trial.folder()
            assert folder is not None
            mount("--bind", str(folder), str(folder))  # the disk itself cannot be remounted while log files are open
            mount("-o", "remount,bind,ro", str(folder))
        except LookupError as error:
            row.faults.append(f"the event did not occur: {error}")
        try:
            return conclude(trial, row)
        finally:
            for each in (home / "disk" / "runs").glob("*"):
                subprocess.run(["umount", "-l", str(each)], capture_output=True, check=False)


def with_tmpdir(home: Path, kind: str) -> KillRow:
    """Run a whole bench with this kind of TMPDIR. It must work, or end with a one-line error."""
    path = home / "tmpdir"
    if kind == "long":
        path = home / ("d" * 100) / ("e" * 100)
    elif kind == "spaces":
        path = home / "a b  c"
    row = KillRow(name="TMPDIR", event=kind)
    trial = bench_trial(home, "TMPDIR", environment={"TMPDIR": str(path)})
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
        row.faults.append("neither works nor ends with a one-line error")
    return row


def commands() -> dict[str, tuple[list[str], str]]:
    """Each long command, and the text in its output after which it is working."""
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


def terminated(home: Path, command: str) -> KillRow:
    """Send SIGTERM to a long command."""
    arguments, awaited = commands()[command]
    trial = KillTrial(name=command, arguments=arguments, home=home, runs=home / "runs")
    row = KillRow(name=command, event="TERM")
    trial.start()
    if trial.await_until(lambda: any(awaited in line for line in trial.output()), BEGIN_S):
        trial.await_until(lambda: False, 4.0)
        trial.main_process.send_signal(signal.SIGTERM)
    else:
        row.faults.append(f"the event did not occur: {trial.output()[-1:]}")
    row = conclude(trial, row, reports=command not in ("races", "serializers"))
    if row.code != 128 + signal.SIGTERM:
        row.faults.append("exit code")
    return row


def rows(root: Path) -> dict[str, Callable[[], KillRow]]:
    """The trial of every row by its name."""
    found: dict[str, Callable[[], KillRow]] = {}

    def add(name: str, run: Callable[[Path], KillRow]) -> None:
        home = root / f"{len(found):02d}"
        found[name] = lambda: run(home)

    for role in ROLES:
        for name in SIGNALS:
            add(f"{role} {name}", lambda home, role=role, name=name: signalled(home, role, name))  # type: ignore[misc]
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", default=[], help="only rows whose name begins with this. May be repeated"
    )
    parser.add_argument("--keep", action="store_true", help="keep the folders of the trials")
    options = parser.parse_args()
    # In the background and under nohup they are ignored, and children would inherit that.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    root = Path(tempfile.mkdtemp(prefix="kills-", dir="/tmp"))
    root.chmod(0o755)  # the servers' account must be able to enter it
    broken = 0
    print(HEAD, flush=True)
    for name, run in rows(root).items():
        if options.only and not any(name.startswith(start) for start in options.only):
            continue
        try:
            row = run()
        except OSError as error:
            row = KillRow(name=name, event="skipped", last=str(error))
        broken += bool(row.faults)
        print(row.as_markdown(), flush=True)
    if options.keep:
        print(f"\nkept: {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
