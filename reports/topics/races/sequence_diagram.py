"""Sequence diagram of a schedule in SVG: clients, Redis, PostgreSQL, and the stored data after every step."""

import re
from collections.abc import Sequence
from html import escape

from stampede.run_folder.races_json import StepInfo

ROW, TOP, LEFT, GAP = 38, 46, 60, 150
STATE = 330
CHARACTER = 6.3
"""Approximate width of a character of the small text, in pixels."""


def diagram(steps: Sequence[StepInfo], title: str, prefix: str) -> str:
    """Inline SVG. All ids begin with `prefix`; colours are CSS variables of the page."""
    prefix = re.sub(r"[^\w-]+", "-", prefix)
    clients = sorted({step.client for step in steps if step.client})
    lanes = {**{name: LEFT + i * GAP for i, name in enumerate(clients)}}
    lanes["redis"] = LEFT + len(clients) * GAP
    lanes["postgres"] = lanes["redis"] + GAP
    state_x = lanes["postgres"] + 80
    width, height = state_x + STATE, TOP + ROW * len(steps) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sequence" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" aria-labelledby="{prefix}-t {prefix}-d">',
        f'<title id="{prefix}-t">{escape(title)}</title>',
        f'<desc id="{prefix}-d">{escape(as_text(steps))}</desc>',
        f'<defs><marker id="{prefix}-a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>',
    ]
    for name, x in lanes.items():
        shown = {"redis": "Redis", "postgres": "PostgreSQL"}.get(name, f"client {escape(name)}")
        parts.append(f'<text x="{x}" y="18" class="head" text-anchor="middle">{shown}</text>')
        parts.append(f'<line x1="{x}" x2="{x}" y1="26" y2="{height - 12}" class="lane"/>')
    parts.append(f'<text x="{state_x}" y="18" class="head">after the step: database · cache</text>')
    for number, step in enumerate(steps):
        parts += draw_step(step, number, lanes, state_x, prefix)
    parts.append("</svg>")
    return "".join(parts)


def draw_step(step: StepInfo, number: int, lanes: dict[str, int], state_x: int, prefix: str) -> list[str]:
    """SVG elements of one step: an arrow to a server, or a fault, and the state after it."""
    y = TOP + ROW * number + 12
    parts = [f'<text x="8" y="{y + 4}" class="no">{number + 1}</text>']
    if step.server:
        begin, end = lanes[step.client], lanes[step.server]
        label = step.label + (" (waits for the row)" if step.blocked else "")
        room = int((end - begin - 12) / CHARACTER)
        parts.append(f'<line x1="{begin}" x2="{end}" y1="{y}" y2="{y}" class="call" marker-end="url(#{prefix}-a)"/>')
        parts.append(f'<circle cx="{begin}" cy="{y}" r="3" class="dot"/>')
        parts.append(f'<text x="{begin + 8}" y="{y - 5}" class="command">{escape(shorten(label, room))}</text>')
    else:
        x = lanes.get(step.client, lanes["redis"])
        anchor = "start" if step.client else "middle"
        text = f"✕ {step.label}"
        parts.append(f'<text x="{x + (6 if step.client else 0)}" y="{y + 4}" class="adverse" text-anchor="{anchor}">')
        parts.append(f"{escape(text)}</text>")
    parts.append(
        f'<text x="{state_x}" y="{y + 4}" class="state">{escape(shorten(state(step), int(STATE / CHARACTER)))}'
    )
    parts.append(f"<title>{escape(state(step))}</title></text>")
    return parts


def state(step: StepInfo) -> str:
    """Contents of database and cache after a step."""
    database = ", ".join(f"{record}: v{version}" for record, version in step.database.items())
    cache = ", ".join(f"{key} = {value}" for key, value in step.cache.items()) or "empty"
    return f"{database} · {cache}"


def as_text(steps: Sequence[StepInfo]) -> str:
    """The schedule as text, for screen readers."""
    return "; ".join(f"{n}. {s.client or 'fault'}: {s.label}, then {state(s)}" for n, s in enumerate(steps, start=1))


def shorten(text: str, room: int) -> str:
    """The text, cut to a number of characters."""
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"
