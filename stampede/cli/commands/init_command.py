"""`stampede init`."""

from pathlib import Path
from typing import Annotated

import typer

from stampede.cli.output import print_status


def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("workload.toml"),
) -> None:
    """Write a commented workload file."""
    from stampede.core.errors import ConfigError
    from stampede.scenarios.workload import TEMPLATE

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ConfigError("path", str(path), "a file that is not there yet") from None
    except OSError as error:
        raise ConfigError("path", str(path), f"a file that can be written ({error.strerror})") from error
    print_status(f"wrote {path}")
