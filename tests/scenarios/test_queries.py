"""Several queries in a workload file: each with its part of the requests, its own TTL and its own type of key."""

from pathlib import Path

import pytest

from stampede.core.errors import ConfigError
from stampede.scenarios.workload import OwnSql, Workload, WorkloadFile, read_workload

KNOWN = frozenset({"read-mostly", "stampede"})
TWO = """
ttl_s = 300
read_share = 0.9
[[query]]
entity = "product"
weight = 3
load = "SELECT 1 AS x WHERE %(id)s = 1"
ids = "SELECT 1 AS id"
[[query]]
name = "baskets"
entity = "basket"
ttl_s = 60
read_share = 0.5
load = "SELECT 1 AS x WHERE %(tenant)s = 1 AND %(id)s = 1"
ids = "SELECT 1 AS tenant, 1 AS id"
update = "UPDATE baskets SET x = %(number)s WHERE tenant = %(tenant)s AND id = %(id)s RETURNING x"
version = "x"
"""
WRITES = TWO.replace("weight = 3", 'weight = 3\nupdate = "UPDATE p SET x = 1 WHERE id = %(id)s RETURNING x"')


def read(tmp_path: Path, text: str) -> WorkloadFile:
    path = tmp_path / "w.toml"
    path.write_text(text)
    return read_workload(path, KNOWN)


def test_each_query_has_its_name_type_weight_ttl_and_share_of_reads(tmp_path: Path) -> None:
    """A query without `update` only reads; the workload's share of reads is that of all requests."""
    workload = read(tmp_path, TWO).applied("read-mostly", {})
    assert [(q.name, q.entity, q.weight, q.ttl_s, q.read_share) for q in workload.queries] == [
        ("product", "product", 3, 300, 1.0),
        ("baskets", "basket", 1, 60, 0.5),
    ]
    assert workload.read_share == pytest.approx((3 * 1.0 + 1 * 0.5) / 4)
    assert (workload.own_sql, workload.versioned, workload.writes) == (True, True, True)


def test_a_scenarios_ttl_keeps_the_proportions_of_the_queries(tmp_path: Path) -> None:
    """The entries that live longest live as long as the scenario says."""
    workload = read(tmp_path, TWO).applied("stampede", {"ttl_s": 1.5})
    assert workload.ttl_s == 1.5
    assert [q.ttl_s for q in workload.queries] == pytest.approx([1.5, 0.3])


def test_a_scenarios_share_of_reads_is_that_of_every_query_that_writes(tmp_path: Path) -> None:
    workload = read(tmp_path, WRITES).applied("mixed-writes", {"read_share": 0.7})
    assert [q.read_share for q in workload.queries] == [0.7, 0.7]
    assert workload.read_share == pytest.approx(0.7)
    assert read(tmp_path, TWO).applied("mixed-writes", {"read_share": 0.7}).read_share == pytest.approx(0.925)


def test_without_a_statement_that_writes_there_are_no_writes(tmp_path: Path) -> None:
    text = TWO.replace("update = ", "create = ")
    workload = read(tmp_path, text).applied("read-mostly", {"read_share": 0.7})
    assert (workload.read_share, workload.writes) == (1.0, False)


def test_the_table_sql_is_one_query(tmp_path: Path) -> None:
    """Its entity is the type in the names of keys; without one it is `record`."""
    sql = '[sql]\nload = "SELECT %(id)s"\nids = "SELECT 1"\n'
    plain, named = read(tmp_path, sql), read(tmp_path, f'{sql}entity = "product"\n')
    assert [f.applied("read-mostly", {}).queries[0].entity for f in (plain, named)] == ["record", "product"]
    assert plain.applied("read-mostly", {}).queries[0].table == "sql"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TWO.replace('"basket"', '"product"'), "query.entity: 'product' (wanted: another entity for each query"),
        (TWO.replace('"baskets"', '"product"'), "query.name: 'product' (wanted: another name for each query"),
        (TWO.replace('"basket"', '"a:b"'), "query baskets.entity: 'a:b' (wanted: a letter, then at most 63 letters"),
        (TWO.replace("weight = 3", "weight = 0"), "query product.weight: 0 (wanted: above 0"),
        (TWO.replace("ttl_s = 60", "ttl_s = 0"), "query baskets.ttl_s: 0 (wanted: 0.05 to 86,400 s)"),
        (TWO.replace("read_share = 0.5", "read_share = 2"), "query baskets.read_share: 2 (wanted: 0 to 1)"),
        (TWO.replace("weight = 3", "wait = 3"), "query 1.wait: 3 (wanted: one of load, ids, "),
        (TWO.replace("weight = 3", 'weight = "a lot"'), "query 1.weight: 'a lot' (wanted: a number)"),
        (TWO.replace("WHERE %(id)s = 1", ""), "query product.load: 'SELECT 1 AS x ' (wanted: a SELECT with %(id)s"),
        (f'{TWO}[sql]\nload = "SELECT %(id)s"\nids = "SELECT 1"', "sql: '[sql] and [[query]]' (wanted: one of them"),
        ("query = 3", "query: 3 (wanted: tables [[query]])"),
        ("query = [3]", "query 1: 3 (wanted: a table)"),
        ('[[query]]\nids = "SELECT 1"', "query 1.load: None (wanted: a statement: it is required)"),
    ],
)
def test_a_wrong_query_is_refused_with_file_query_field_and_wanted_value(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'w.toml'}: {line}")
    assert "\n" not in str(refused.value)


def test_the_run_folder_gets_every_value_of_a_query(tmp_path: Path) -> None:
    found = read(tmp_path, TWO).applied("read-mostly", {}).as_dict()
    assert found["own_sql"] is True
    assert [query["entity"] for query in found["queries"]] == ["product", "basket"]
    assert "own_sql" in Workload().as_dict()


def test_percent_signs_that_are_escaped_name_no_parameter() -> None:
    with pytest.raises(ConfigError, match=r"sql\.load"):
        OwnSql(load="SELECT 1 WHERE x LIKE '%%(id)s'", ids="SELECT 1")
