"""Renders races.html from races.json."""

from pathlib import Path

from stampede.reports.output import charts
from stampede.reports.output.html_report import template, write_page
from stampede.reports.topics.races.races_section import section
from stampede.run_folder.races_json import RacesInfo, read_races


def render_races(folder: Path) -> Path:
    """Write races.html next to a folder's races.json and return its path. Raises RunFolderError."""
    path = folder / "races.html"
    write_page(path, page(read_races(folder), folder.resolve().name))
    return path


def page(info: RacesInfo, name: str) -> str:
    """The page as HTML."""
    return template("races.html.j2").render(races=section(info), name=name, palette=charts.PALETTE)
