"""Positions: the records of all queries of a scenario, most popular first, query by query."""

import numpy as np
import pytest

from stampede.core.models.closed_forms import zipf_shares
from stampede.scenarios.traffic.population import Population, QueryKeys


def two_queries() -> Population:
    """Four products with a quarter of the requests, and three lines of two tenants with the rest."""
    return Population(
        ids=["p1", "p:2", "p3", "p4", (1, 7), (1, 8), (2, 7)],
        shares=np.concatenate([0.25 * zipf_shares(4, 1.0), 0.75 * zipf_shares(3, 1.0)]),
        queries=(
            QueryKeys(entity="product", first=0, count=4, read_share=1.0, ttl_s=60.0),
            QueryKeys(entity="line", first=4, count=3, read_share=0.5, ttl_s=5.0),
        ),
    )


def test_each_position_has_the_id_the_query_and_the_settings_of_its_query() -> None:
    found = two_queries()
    assert [found.query_at(position) for position in range(len(found))] == [0, 0, 0, 0, 1, 1, 1]
    assert found.record_id(5) == (1, 8)
    assert found.read_shares.tolist() == [1.0] * 4 + [0.5] * 3
    assert found.ttls_s.tolist() == [60.0] * 4 + [5.0] * 3
    assert found.split([0, 4, 6, 1]) == [["p1", "p:2"], [(1, 7), (2, 7)]]


def test_a_rank_orders_the_records_of_all_queries_by_their_share() -> None:
    found = two_queries()
    assert found.shares[np.argsort(found.ranks)].tolist() == sorted(found.shares, reverse=True)
    assert found.ranks.tolist()[4] == 0


@pytest.mark.parametrize(
    ("key", "position"),
    [
        (b"stampede:product:p1", 0),
        (b"stampede:product:p%3A2:v5", 1),
        (b"lock:stampede:line:2:7", 6),
        (b"stampede:line:1:8:version", 5),
        (b"stampede:line:3:1", -1),
        (b"stampede:celery", -1),
    ],
)
def test_a_keys_name_gives_the_position_of_its_record(key: bytes, position: int) -> None:
    assert two_queries().positions_in([key], most=7).tolist() == [position]


def test_records_beyond_the_most_popular_are_not_looked_up() -> None:
    """A table of ten million rows must not become a dict of ten million texts."""
    keys = [b"stampede:product:p1", b"stampede:line:1:7", b"stampede:product:p4"]
    assert two_queries().positions_in(keys, most=3).tolist() == [-1, 4, -1]


def test_an_integer_id_is_a_plain_integer() -> None:
    """NumPy's integers are no JSON, and psycopg adapts them otherwise."""
    query = QueryKeys(entity="user", first=0, count=2, read_share=1.0, ttl_s=1.0)
    found = Population(ids=np.array([3, 9]), shares=zipf_shares(2, 0.0), queries=(query,))
    assert type(found.record_id(1)) is int
