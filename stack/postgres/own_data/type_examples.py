"""An example value of a PostgreSQL type, as the driver loads it: for columns that are NULL in every tried row."""

from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format

EXAMPLES = {
    "bytea": "\\x00",
    "bit": "1",
    "varbit": "1",
    "date": "2000-01-31",
    "time": "12:30:00",
    "timetz": "12:30:00+00",
    "timestamp": "2000-01-31 12:30:00",
    "timestamptz": "2000-01-31 12:30:00+00",
    "interval": "1 day",
    "numeric": "1.5",
    "uuid": "12345678-1234-5678-1234-567812345678",
    "inet": "10.0.0.1",
    "cidr": "10.0.0.0/8",
    "int4range": "[1,5)",
    "int8range": "[1,5)",
    "numrange": "[1.5,2.5)",
    "daterange": "[2000-01-31,2000-02-01)",
    "tsrange": '["2000-01-31 12:30:00","2000-01-31 12:31:00")',
    "tstzrange": '["2000-01-31 12:30:00+00","2000-01-31 12:31:00+00")',
    "int4multirange": "{[1,5)}",
    "int8multirange": "{[1,5)}",
    "nummultirange": "{[1.5,2.5)}",
    "datemultirange": "{[2000-01-31,2000-02-01)}",
}
"""By the name of a type: a value as PostgreSQL writes it. Values of other types are text, numbers or JSON."""


def example_of(connection: psycopg.Connection[Any], oid: int) -> Any:
    """A value of the type, or an array of one; None for a type whose values are text, numbers or unknown here."""
    info = connection.adapters.types.get(oid)
    text = EXAMPLES.get(info.name) if info is not None else None
    if info is None or text is None:
        return None
    if oid == info.array_oid:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        text = f'{{"{escaped}"}}'
    return Transformer(connection).get_loader(oid, Format.TEXT).load(text.encode())
