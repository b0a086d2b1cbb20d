"""`stampede init` and `stampede new`: files for the user to fill in."""

import re
from keyword import iskeyword
from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.output import print_result, print_status

TEMPLATES = Path(__file__).parent.parent.parent / "file_templates"
LONGEST_NAME = 40


def preset_names() -> list[str]:
    """Completions of `--preset`."""
    from stampede.scenarios.traffic.presets.preset_files import presets

    return ["list", *presets()]


def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("workload.toml"),
    preset: Annotated[
        str | None,
        typer.Option(
            help="published traffic: etc, zipf-0.99, twitter-cluster-1 …; list prints all", autocompletion=preset_names
        ),
    ] = None,
) -> None:
    """Write a commented workload file."""
    if preset is not None:
        init_from_preset(path, preset)
        return
    from stampede.scenarios.workload import TEMPLATE

    write_new_file(path, TEMPLATE)


def init_from_preset(path: Path, name: str) -> None:
    """Write the workload file of a preset, or print the list of presets."""
    from stampede.scenarios.traffic.presets.preset_files import find_preset, presets

    if name == "list":
        for each in presets().values():
            print_result(each.line())
        return
    preset = find_preset(name)
    write_new_file(path, preset.workload_text())
    print_status(f"{preset.size_text()}; {preset.not_reproduced()}")


KINDS = ("pattern", "limiter", "serializer", "scenario")
NAME = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")


def kind_names() -> list[str]:
    """Completions of `stampede new`."""
    return list(KINDS)


def new(
    kind: Annotated[str, typer.Argument(help="pattern, limiter, serializer or scenario", autocompletion=kind_names)],
    name: Annotated[str, typer.Argument(help="its name, such as my-cache; the file is my_cache.py")],
) -> None:
    """Write a commented pattern, limiter, serializer or scenario to fill in; it works unchanged."""
    from stampede.core.errors import require

    require(kind in KINDS, "kind", kind, f"one of {', '.join(KINDS)}")
    valid = len(name) <= LONGEST_NAME and NAME.fullmatch(name) is not None and not iskeyword(name)
    require(valid, "name", name, f"up to {LONGEST_NAME} lower-case letters, digits and hyphens, such as my-cache")
    path = Path(f"{name.replace('-', '_')}.py")
    write_new_file(path, file_text(kind, path))


def file_text(kind: str, path: Path) -> str:
    """The commented file of that kind. The class is called after the file: my_cache.py defines MyCache."""
    template = (TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8")
    class_name = "".join(word.capitalize() for word in path.stem.split("_"))
    return template.format(file=path, name=class_name, dashed=path.stem.replace("_", "-"))


def check_new_file(path: Path) -> None:
    """Raise ConfigError if the file exists: before work whose result goes there."""
    from stampede.core.errors import require

    require(not path.exists(), "path", str(path), "a file that does not exist yet")


def write_new_file(path: Path, text: str) -> None:
    """Write the file. Raises ConfigError if it exists or cannot be written."""
    from stampede.core.errors import ConfigError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError("path", str(path), "a file that does not exist yet") from None
    except OSError as error:
        raise ConfigError("path", str(path), f"a file that can be written ({error.strerror})") from error
    print_status(f"wrote {path}")
