"""The cost of a load that a run records before its cells."""

from stampede.loadtests.bench.run_plan.load_pricing import priced_statements
from stampede.scenarios.workload import OwnSql, Workload
from stampede.stack.servers import Stack


def test_own_sql_is_recorded_with_the_number_of_its_ids(stack: Stack) -> None:
    """The report needs it to predict the hit rate: the keys are the ids that the SQL returns."""
    sql = OwnSql(load="SELECT %(id)s::int AS id, 'x' AS name", ids="SELECT generate_series(1, 37)")
    _, measured = priced_statements(stack, Workload(queries=(sql,)), lambda _line: None)
    assert measured["ids"] == 37
    assert measured["load_ms"] > 0
