"""The traffic that is drawn for each preset has the skew, the sizes and the mix of its source."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from stampede.core.errors import ConfigError
from stampede.scenarios.traffic.presets.preset_files import clusters, find_preset, left_out, presets
from stampede.scenarios.traffic.presets.traffic_preset import DrawnTraffic, TrafficPreset
from stampede.scenarios.workload import read_workload

WITHIN = 0.02
DRAWN = 200_000


def drawn(preset: TrafficPreset) -> DrawnTraffic:
    return preset.draw(DRAWN, np.random.default_rng(7))


def fitted_skew(positions: np.ndarray, records: int) -> float:
    """The maximum-likelihood exponent of Zipf's law, by the mean logarithm of the ranks: independent of how the
    positions were drawn."""
    logs = np.log(np.arange(1, records + 1))
    wanted = float(np.log(positions + 1).mean())
    low, high = -1.0, 6.0
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(-middle * logs)
        low, high = (middle, high) if float((weights * logs).sum() / weights.sum()) > wanted else (low, middle)
    return high


CLUSTERS = {f"twitter-cluster-{row['cluster']}": row for row in clusters() if row["cluster"] not in left_out()}


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_of_twitter_has_the_figures_of_its_line(name: str) -> None:
    """Skew, mean size and the share of each kind of operation, within 2 % (a skew near 0: within 0.01)."""
    row, preset = CLUSTERS[name], find_preset(name)
    traffic = drawn(preset)
    alpha = float(row["zipf_alpha"])
    assert fitted_skew(traffic.position, preset.records) == pytest.approx(alpha, rel=WITHIN, abs=0.01)
    assert traffic.size_bytes.mean() == pytest.approx(float(row["value_bytes"]), rel=WITHIN)
    kinds = {word.split(":")[0]: float(word.split(":")[1]) for word in row["operations"].split()}
    reads = kinds.get("get", 0) + kinds.get("gets", 0)
    assert (~traffic.write).mean() == pytest.approx(reads, rel=WITHIN, abs=0.002)


def test_etc_has_the_sizes_of_its_model() -> None:
    """The mean, and the share of values up to 14 bytes, by SciPy's distribution; 30 reads per write; half of the keys
    get one request of a hundred."""
    preset = find_preset("etc")
    traffic = drawn(preset)
    small = preset.sizes.small_shares
    tail = stats.genpareto(c=0.348238, loc=15, scale=214.476)
    of_records = preset.sizes.draw(DRAWN, np.random.default_rng(3))
    expected = sum(size * share for size, share in enumerate(small)) + (1 - sum(small)) * (tail.mean() - 0.5)
    assert of_records.mean() == pytest.approx(expected, rel=WITHIN)
    for quantile in (0.5, 0.9, 0.99):
        among = sum(small) + (1 - sum(small)) * quantile
        assert np.quantile(of_records, among) == pytest.approx(tail.ppf(quantile), rel=WITHIN)
    assert (of_records <= 14).mean() == pytest.approx(sum(small), rel=WITHIN)
    assert (~traffic.write).sum() / traffic.write.sum() == pytest.approx(30, rel=WITHIN)
    many = preset.draw(10 * DRAWN, np.random.default_rng(7))
    assert (many.position >= preset.records // 2).mean() == pytest.approx(0.01, rel=WITHIN)


def test_the_usual_benchmark_is_zipf_099_with_95_reads_to_5_writes() -> None:
    preset = find_preset("zipf-0.99")
    traffic = drawn(preset)
    assert fitted_skew(traffic.position, preset.records) == pytest.approx(0.99, rel=WITHIN)
    assert (~traffic.write).mean() == pytest.approx(0.95, rel=WITHIN)
    assert traffic.size_bytes.mean() == 1000


@pytest.mark.parametrize("name", presets())
def test_the_file_of_a_preset_is_a_workload_with_its_values(name: str, tmp_path: Path) -> None:
    """A size that the table cannot hold is stated in the file, and so is every value that the source does not give."""
    preset, path = find_preset(name), tmp_path / "w.toml"
    text = preset.workload_text()
    path.write_text(text)
    workload = read_workload(path, frozenset()).applied("read-mostly", {})
    assert workload.key_skew == pytest.approx(preset.skew, rel=1e-4)
    assert workload.read_share == pytest.approx(preset.read_share, rel=1e-4)
    assert workload.ttl_s == min(preset.ttl_s or 300, 86_400)
    assert workload.record_bytes == min(max(round(preset.mean_bytes()), 200), 2000)
    assert ("the sizes are not reproduced" in text) == (round(preset.mean_bytes()) != workload.record_bytes)
    assert preset.source in text


def test_twitters_table_is_whole_and_names_its_licence() -> None:
    rows = clusters()
    assert [row["cluster"] for row in rows] == [str(number) for number in range(1, 55)]
    assert all(row["zipf_alpha"] == "" or math.isfinite(float(row["zipf_alpha"])) for row in rows)
    assert all("CC BY 4.0" in preset.workload_text() for name, preset in presets().items() if "twitter" in name)


@pytest.mark.parametrize(("name", "why"), [("twitter-cluster-15", "no reads"), ("twitter-cluster-5", "no skew")])
def test_a_cluster_without_the_needed_figures_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        find_preset(name)
