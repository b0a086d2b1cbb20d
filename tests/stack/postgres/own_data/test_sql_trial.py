"""The trial of the user's own SQL before a run: a value that cannot be cached is one line with a remedy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from stampede.core.errors import ConfigError
from stampede.patterns.serialization.json import Json
from stampede.patterns.serialization.pickle import Pickle
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.postgres.own_data.sql_trial import try_own_sql

LOAD = "SELECT id, name FROM trial.books WHERE id = %(id)s"
IDS = "SELECT id FROM trial.books ORDER BY id"
UPDATE = "UPDATE trial.books SET name = %(text)s, version = version + 1 WHERE id = %(id)s RETURNING id, name"


@pytest.fixture(scope="module")
def connection(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url, autocommit=True) as made:
        made.execute("CREATE SCHEMA trial")
        made.execute("CREATE TYPE trial.size AS (width int, height int)")
        made.execute("CREATE TYPE trial.mood AS ENUM ('a', 'b')")
        made.execute(
            "CREATE TABLE trial.books AS SELECT n AS id, 'book ' || n AS name, n AS version, n % 2 = 0 AS sold,"
            " CASE WHEN n = 90 THEN timestamptz '-infinity' END AS returned FROM generate_series(1, 120) AS n"
        )
        made.execute("ALTER TABLE trial.books ADD UNIQUE (name)")
        made.execute("INSERT INTO trial.books VALUES (121, 'free', NULL, true, NULL)")
        yield made
        made.execute("DROP SCHEMA trial CASCADE")


def value(expression: str) -> OwnSql:
    """A load with one additional column, named x."""
    return OwnSql(load=f"SELECT id, {expression} AS x FROM trial.books WHERE id = %(id)s", ids=IDS)


def refusal(connection: psycopg.Connection[Any], sql: OwnSql) -> str:
    """The one line with which the SQL is refused."""
    with pytest.raises(ConfigError) as caught:
        try_own_sql(connection, Workload(queries=(sql,)), Json(), "shop.toml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("shop.toml: sql.")
    return line


REFUSED_VALUES = [
    ("now()", "timestamp with time zone", "x::text AS x"),
    ("localtimestamp", "timestamp without time zone", "x::text AS x"),
    ("current_date", "date: date", "x::text AS x"),
    ("localtime", "time without time zone", "x::text AS x"),
    ("12.50", "numeric: Decimal from the database, str", "x::text AS x"),
    ("gen_random_uuid()", "uuid: UUID from the database, str", "x::text AS x"),
    ("'\\xdeadbeef'::bytea", "bytea, which the cache's JSON cannot represent", "encode(x, 'base64') AS x"),
    ("interval '1 day'", "interval", "x::text AS x"),
    ("inet '10.0.0.1'", "inet", "x::text AS x"),
    ("cidr '10.0.0.0/8'", "cidr", "x::text AS x"),
    ("int4range(1, 5)", "int4range", "x::text AS x"),
    ("'{[1,2)}'::int4multirange", "int4multirange", "x::text AS x"),
    ("ROW(1, 'a')", "record", "x::text AS x"),
    ("ARRAY[now()]", "timestamp with time zone[]", "x::text[] AS x"),
    ("ARRAY[1.5, 2.5]", "numeric[]", "x::text[] AS x"),
    ("timestamptz 'infinity'", "too large", "x::text AS x"),
    ("date '20000-01-01'", "too large", "x::text AS x"),
    ("returned", "for id 90", "returned::text AS returned"),
    ("'NaN'::numeric", "numeric: Decimal from the database, str", "x::text AS x"),
    ("numrange(1.5, 2)", "numrange", "x::text AS x"),
    ("NULL::bytea", "NULL in every row that was tried, bytea, which", "encode(x, 'base64') AS x"),
    ("NULL::numeric", "NULL in every row that was tried, numeric: Decimal", "x::text AS x"),
    ("NULL::timestamptz[]", "NULL in every row that was tried, timestamp with time zone[]", "x::text[] AS x"),
    ("CASE WHEN id = 90 THEN 1.5 END", "numeric: Decimal from the database, str", "x::text AS x"),
]


@pytest.mark.parametrize(("expression", "received", "remedy"), REFUSED_VALUES)
def test_an_error_for_a_value_that_cannot_be_cached_names_column_type_and_remedy(
    connection: psycopg.Connection[Any], expression: str, received: str, remedy: str
) -> None:
    sql = value(expression)
    if expression == "returned":
        sql = OwnSql(load="SELECT id, returned FROM trial.books WHERE id = %(id)s", ids=IDS)
    line = refusal(connection, sql)
    assert line.startswith(f"shop.toml: sql.load, column {remedy.rpartition(' ')[2]}: ")
    assert received in line
    assert remedy in line


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "1",
            "2.5::float8",
            "'NaN'::float8",
            "'-infinity'::float8",
            "true",
            "'text'",
            "NULL",
            "NULL::int",
            "NULL::trial.size",
            "''",
        ),
        *("'{\"a\": [1, null, 2.5]}'::jsonb", "ARRAY[1, 2]", "ARRAY['a', NULL]", "2::bigint ^ 40", "'a%%b'"),
        *("now()::text", "1.5::text", "interval '1 day'::text", "(ARRAY[now()])::text[]", "encode('x', 'base64')"),
        *("'a'::trial.mood", "'a fat cat'::tsvector", "NULL::xml", "B'101'", "point '(1,2)'"),
        "repeat('x', 1000000)",
        *(
            "'{\"n\": 123456789012345678901234567890}'::jsonb",
            "'[[1, {\"a\": [2.5]}]]'::jsonb",
            "ARRAY[[1, 2], [3, 4]]",
        ),
        *("(SELECT s FROM (SELECT (1, 2)::trial.size AS s) AS t)", "10::oid", "'x'::name", "'10'::money"),
    ],
)
def test_a_value_that_json_does_not_change_is_accepted(connection: psycopg.Connection[Any], expression: str) -> None:
    assert try_own_sql(connection, Workload(queries=(value(expression),)), Json())[0].ids.ids[0] == 1


def test_one_error_names_every_column_that_needs_a_remedy(connection: psycopg.Connection[Any]) -> None:
    line = refusal(connection, value("now() AS a, 2.5 AS b, 'text'"))
    assert "column a: " in line
    assert "a::text AS a, b::text AS b; or accept" in line


REFUSED = [
    (OwnSql(load=LOAD, ids="SELECT nullif(id, 7) AS n FROM trial.books ORDER BY id"), "column n, row 7: NULL (wanted"),
    (OwnSql(load=LOAD, ids="SELECT name FROM trial.books"), "sql.load: SELECT id, name FROM trial.books WHERE id ="),
    (OwnSql(load=LOAD, ids="SELECT sold FROM trial.books"), "a second time (wanted: each id once"),
    (OwnSql(load=LOAD, ids="SELECT id, version FROM trial.books"), "%(id)s and %(version)s in it: every column of"),
    (OwnSql(load=LOAD, ids="SELECT ARRAY[id] AS a FROM trial.books"), "sql.ids, column a, row 1: list [1] (wanted: a"),
    (OwnSql(load=LOAD, ids="SELECT to_jsonb(books) AS j FROM trial.books"), "j::text AS j"),
    (OwnSql(load=LOAD, ids="SELECT (id, name) AS r FROM trial.books"), "sql.ids, column r, row 1: tuple"),
    (OwnSql(load=LOAD, ids="SELECT returned AS t FROM trial.books WHERE id = 90"), "id::text AS id"),
    (OwnSql(load=LOAD, ids='SELECT id, id AS "order id" FROM trial.books'), "column order id (wanted: a letter"),
    (OwnSql(load=LOAD, ids="SELECT id, id FROM trial.books"), "sql.ids: column id twice"),
    (OwnSql(load=LOAD, ids="SELECT id FROM trial.books WHERE false"), "sql.ids: no rows"),
    (OwnSql(load=LOAD, ids="SELECT id FROM trial.missing"), "sql.ids: SELECT id FROM trial.missing (wanted: SQL"),
    (OwnSql(load=LOAD, ids="SELECT 1; SELECT 2"), "only one statement is allowed"),
    (OwnSql(load=LOAD, ids="SET work_mem = '4MB'"), "sql.ids: no rows"),
    (OwnSql(load=f"{LOAD}; SELECT 2", ids=IDS), "only one statement is allowed"),
    (OwnSql(load=f"{LOAD} AND name LIKE 'book%'", ids=IDS), "write %% for a %"),
    (OwnSql(load=f"{LOAD} AND id % 1 = 0", ids=IDS), "write %% for a %"),
    (OwnSql(load=f"{LOAD} AND name = %(title)s", ids=IDS), "the parameters are %(id)s, %(text)s and %(number)s"),
    (OwnSql(load="SELECT id FROM trial.books WHERE id > %(id)s + 1000", ids=IDS), "no row for any id"),
    (OwnSql(load="UPDATE trial.books SET sold = sold WHERE id = %(id)s", ids=IDS), "sql.load: no rows (wanted: a SEL"),
    (OwnSql(load=LOAD.replace("name", "b.*, 1 AS id").replace("books", "books AS b"), ids=IDS), "sql.load: id twice"),
    (OwnSql(load=LOAD, ids=IDS, version="version"), "sql.version: 'version' (wanted: a column that sql.load returns"),
    (OwnSql(load=LOAD.replace("name", "version"), ids=IDS, version="version"), "column version: NULL (wanted"),
    (OwnSql(load=LOAD, ids=IDS, version="name"), "name::bigint AS name"),
    (OwnSql(load=LOAD, ids=IDS, update=UPDATE.partition(" RETURNING")[0]), "sql.update: no rows (wanted: an UPDATE …"),
    (OwnSql(load=LOAD, ids=IDS, update=UPDATE.replace("= %(id)s", "= %(id)s + 1000")), "sql.update: no row for id 1"),
    (OwnSql(load=LOAD, ids=IDS, update=f"{UPDATE}, sold"), "the same columns as sql.load returns (id, name)"),
    (OwnSql(load=LOAD, ids=IDS, update=f"{UPDATE}".replace("name = %(text)s", "name = 'book 9'")), "duplicate key"),
    (
        OwnSql(
            load="SELECT id, version FROM trial.books WHERE id = %(id)s AND id < 121",
            ids=IDS,
            update="UPDATE trial.books SET name = %(text)s WHERE id = %(id)s RETURNING id, version",
            version="version",
        ),
        "sql.update, column version: 1 before, 1 after an update (wanted: a version that increases by one",
    ),
    (OwnSql(load=LOAD, ids=IDS, create="INSERT INTO trial.missing VALUES (1)"), "sql.create: INSERT"),
]


@pytest.mark.parametrize(("sql", "expected"), REFUSED)
def test_an_error_for_an_unusable_statement_names_its_key_and_the_remedy(
    connection: psycopg.Connection[Any], sql: OwnSql, expected: str
) -> None:
    line = refusal(connection, sql)
    assert expected in line


def test_the_trial_changes_nothing(connection: psycopg.Connection[Any]) -> None:
    sql = OwnSql(
        load="SELECT id, name, version FROM trial.books WHERE id = %(id)s AND id < 121",
        ids=IDS,
        update=f"{UPDATE}, version",
        version="version",
    )
    before = connection.execute("SELECT id, name, version FROM trial.books ORDER BY id").fetchall()
    assert try_own_sql(connection, Workload(queries=(sql,)), Json())[0].ids.ids[0] == 1
    assert connection.execute("SELECT id, name, version FROM trial.books ORDER BY id").fetchall() == before


def test_sql_with_a_nul_character_is_refused() -> None:
    with pytest.raises(ConfigError, match="NUL"):
        OwnSql(load=f"{LOAD} -- \0", ids=IDS)


PICKLED = [
    "now()",
    "12.50",
    "gen_random_uuid()",
    "'\\xdead'::bytea",
    "interval '1 day'",
    "inet '10.0.0.1'",
    "cidr '10.0.0.0/8'",
]
PICKLED += ["int4range(1, 5)", "'{[1,2)}'::int4multirange", "'NaN'::numeric", "ROW(1, 'a')", "ARRAY[now()]"]


@pytest.mark.parametrize("expression", PICKLED)
def test_the_trial_asks_the_serializer_of_the_run(connection: psycopg.Connection[Any], expression: str) -> None:
    """Pickle carries what JSON changes."""
    assert "JSON" in refusal(connection, value(expression))
    assert try_own_sql(connection, Workload(queries=(value(expression),)), Pickle(), cache="pickle")[0].changes == {}


def test_a_changed_column_is_accepted_if_the_user_names_it(connection: psycopg.Connection[Any]) -> None:
    """The trial then says how a hit differs from a miss; it offers the setting for columns that can be accepted."""
    sql = value("12.50 AS price, now()")
    assert 'accept_changed = ["price", "x"]' in refusal(connection, sql)
    accepted = replace(sql, accept_changed=("price", "x"))
    found = try_own_sql(connection, Workload(queries=(accepted,)), Json())[0].changes
    assert found == {
        "price": "numeric: Decimal from the database, str from the cache's JSON",
        "x": "timestamp with time zone: datetime from the database, str from the cache's JSON",
    }


def test_a_column_that_the_cache_cannot_represent_is_refused_even_if_it_is_accepted(
    connection: psycopg.Connection[Any],
) -> None:
    line = refusal(connection, replace(value("'\\xdead'::bytea"), accept_changed=("x",)))
    assert "encode(x, 'base64') AS x" in line
    assert "accept_changed =" not in line


def test_an_accepted_column_that_no_statement_returns_is_named(connection: psycopg.Connection[Any]) -> None:
    line = refusal(connection, replace(value("1"), accept_changed=("prize",)))
    assert "sql.accept_changed: 'prize' (wanted: columns that sql.load returns (id, x)" in line


def test_the_version_cannot_be_accepted_as_changed() -> None:
    with pytest.raises(ConfigError, match=r"sql.accept_changed: 'v'"):
        OwnSql(load=LOAD, ids=IDS, version="v", accept_changed=("v",))


def test_one_error_names_the_columns_of_all_rows_of_the_trial(connection: psycopg.Connection[Any]) -> None:
    """The first row has no value in one column, and the second row none in the other."""
    line = refusal(connection, value("CASE WHEN id = 1 THEN now() END AS a, CASE WHEN id = 2 THEN 1.5 END"))
    assert "a::text AS a, x::text AS x" in line
