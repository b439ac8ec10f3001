"""Drift statistics over the same values in Driftline, NumPy, SciPy, evidently, DuckDB and ClickHouse; see README.md beside this file."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "2"

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from chdb import session as chdb_session
from scipy import stats
from scipy.spatial.distance import jensenshannon

EDGES = [-1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.5]
FLOOR = 1e-4  # the share that an empty bin counts as: Driftline's default
DAY = 86_400 * 10**9
START = 1_785_542_400 * 10**9  # 2026-08-01
CATEGORIES = [f"category {i}" for i in range(20)]
GROUPS = 1000


class Driftline:
    """The command line tool as a child process: statements in, one JSON array out for each."""

    def __init__(self, binary, folder, file):
        self.database = os.path.join(folder, "driftline")
        subprocess.run([binary, "--db", self.database, "import", file, "--table", "t"], check=True, capture_output=True)
        command = [binary, "--db", self.database, "sql", "--format", "ndjson", "--quiet"]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, call, source="t"):
        self.child.stdin.write(f"SELECT {call} AS answer FROM {source};\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())["answer"]

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def psi_of_counts(reference, current):
    r = np.maximum(reference / reference.sum(), FLOOR)
    c = np.maximum(current / current.sum(), FLOOR)
    return float(np.sum((c - r) * np.log(c / r)))


def counts(values, edges):
    total = np.zeros(len(edges) + 1, dtype=np.int64)
    for chunk in np.array_split(values, max(1, len(values) // 1_000_000)):
        total += np.bincount(np.searchsorted(edges, chunk, side="right"), minlength=len(edges) + 1)
    return total


def numpy_psi(reference, current, edges):
    return psi_of_counts(counts(reference, edges), counts(current, edges))


def numpy_psi_deciles(reference, current):
    return numpy_psi(reference, current, np.quantile(reference, np.arange(1, 10) / 10))


def scipy_js_deciles(reference, current):
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    return float(jensenshannon(counts(reference, edges), counts(current, edges), 2))


def psi_sql(bin_expression, source):
    """PSI over bins in plain SQL, as somebody writes it who has no psi()."""
    return f"""
        WITH h AS (SELECT {bin_expression} AS bin, count(*) FILTER (NOT is_current) AS r, count(*) FILTER (is_current) AS c FROM {source} GROUP BY 1),
        s AS (SELECT greatest(r / sum(r) OVER (), {FLOOR}) AS r, greatest(c / sum(c) OVER (), {FLOOR}) AS c FROM h)
        SELECT sum((c - r) * ln(c / r)) FROM s"""


def grouped_psi_sql(bin_expression, table, reference, current):
    """The sum of the PSI of all groups."""
    return f"""
        WITH h AS (SELECT g, {bin_expression} AS bin, {reference} AS r, {current} AS c FROM {table} GROUP BY 1, 2),
        s AS (SELECT greatest(r / sum(r) OVER (PARTITION BY g), {FLOOR}) AS r, greatest(c / sum(c) OVER (PARTITION BY g), {FLOOR}) AS c FROM h)
        SELECT sum((c - r) * ln(c / r)) FROM s"""


def chi2_sql(table, reference, current):
    """Pearson's statistic of two samples."""
    return f"""
        WITH h AS (SELECT c, {reference} AS r, {current} AS n FROM {table} GROUP BY c),
        e AS (SELECT r, n, (r + n) * sum(r) OVER () / sum(r + n) OVER () AS er, (r + n) * sum(n) OVER () / sum(r + n) OVER () AS en FROM h)
        SELECT sum((r - er) * (r - er) / er + (n - en) * (n - en) / en) FROM e"""


def duckdb_engine(file):
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute(f"CREATE TABLE t AS SELECT x, is_current, c, g FROM '{file}'")
    one = lambda sql: connection.execute(sql).fetchone()[0]
    fixed = "+".join(f"(x >= {edge})::INT" for edge in EDGES)
    deciles = "[" + ", ".join(f"{i / 10}" for i in range(1, 10)) + "]"
    quantiles = f"(SELECT quantile_cont(x, {deciles}) AS b FROM t WHERE NOT is_current) AS e"
    ks = """
        WITH g AS (SELECT x, count(*) FILTER (NOT is_current) AS r, count(*) FILTER (is_current) AS c FROM t GROUP BY x),
        w AS (SELECT sum(r) OVER (ORDER BY x) AS r, sum(c) OVER (ORDER BY x) AS c FROM g)
        SELECT max(abs(r / (SELECT sum(r) FROM g) - c / (SELECT sum(c) FROM g))) FROM w"""
    binned = "+".join(f"(x >= b[{i}])::INT" for i in range(1, 10))
    return {
        "psi, given edges": lambda: one(psi_sql(fixed, "t")),
        "psi, deciles": lambda: one(psi_sql(binned, f"t, {quantiles}")),
        "psi, given edges, by 1,000 groups": lambda: one(grouped_psi_sql(fixed, "t", "count(*) FILTER (NOT is_current)", "count(*) FILTER (is_current)")),
        "ks": lambda: one(ks),
        "chi2_test, 20 categories": lambda: one(chi2_sql("t", "count(*) FILTER (NOT is_current)", "count(*) FILTER (is_current)")),
    }


def clickhouse_engine(file, folder):
    session = chdb_session.Session(os.path.join(folder, "clickhouse"))
    session.query("CREATE DATABASE IF NOT EXISTS d")
    session.query(
        "CREATE TABLE d.t ENGINE = MergeTree ORDER BY tuple() AS SELECT assumeNotNull(x) AS x, assumeNotNull(is_current) AS is_current, "
        "toLowCardinality(assumeNotNull(c)) AS c, assumeNotNull(g) AS g "
        f"FROM file('{file}', Parquet) SETTINGS max_threads = 2"
    )
    one = lambda sql: float(str(session.query(sql + " SETTINGS max_threads = 2", "CSV")).strip())
    fixed = "+".join(f"(x >= {edge})" for edge in EDGES)
    table = lambda binned, prefix="": (
        f"{prefix} SELECT sum((c - r) * ln(c / r)) FROM (SELECT greatest(r / sum(r) OVER (), {FLOOR}) AS r, greatest(c / sum(c) OVER (), {FLOOR}) AS c "
        f"FROM (SELECT {binned} AS bin, countIf(NOT is_current) AS r, countIf(is_current) AS c FROM d.t GROUP BY bin))"
    )
    levels = ", ".join(str(i / 10) for i in range(1, 10))
    deciles = f"WITH (SELECT quantilesExactInclusive({levels})(x) FROM d.t WHERE NOT is_current) AS b"
    binned = "+".join(f"(x >= b[{i}])" for i in range(1, 10))
    return {
        "psi, given edges": lambda: one(table(fixed)),
        "psi, deciles": lambda: one(table(binned, deciles)),
        "psi, given edges, by 1,000 groups": lambda: one(grouped_psi_sql(fixed, "d.t", "countIf(NOT is_current)", "countIf(is_current)")),
        "chi2_test, 20 categories": lambda: one(chi2_sql("d.t", "countIf(NOT is_current)", "countIf(is_current)")),
        "ks": lambda: one("SELECT tupleElement(kolmogorovSmirnovTest('two-sided', 'asymp')(x, toUInt8(is_current)), 1) FROM d.t"),
    }


def evidently_engine(reference, current):
    from evidently.legacy.calculations.stattests import jensenshannon_stat_test, psi_stat_test, wasserstein_stat_test
    from evidently.legacy.core import ColumnType

    reference, current = pd.Series(reference), pd.Series(current)
    score = lambda test: float(test(reference, current, ColumnType.Numerical, None).drift_score)
    # its bins are Sturges' over both sides: another number, the same work
    return {
        "psi, deciles": lambda: score(psi_stat_test),
        "js_distance, deciles": lambda: score(jensenshannon_stat_test),
        "wasserstein_norm": lambda: score(wasserstein_stat_test),
    }


def measure(ask, runs):
    seconds, answer = [], None
    for _ in range(runs + 1):
        start = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]), answer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driftline", required=True, help="the release binary")
    parser.add_argument("--rows", type=int, default=10_000_000, help="values of each population")
    parser.add_argument("--runs", type=int, default=3, help="warm runs that are measured")
    arguments = parser.parse_args()

    random = np.random.default_rng(1)
    reference = random.standard_normal(arguments.rows)
    current = random.standard_normal(arguments.rows) + 0.01
    codes = random.integers(0, len(CATEGORIES), 2 * arguments.rows)
    names = pd.Categorical.from_codes(codes, CATEGORIES)
    is_current = np.arange(2 * arguments.rows) >= arguments.rows
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "values.parquet")
        times = START + np.arange(2 * arguments.rows) * (30 * DAY // (2 * arguments.rows))
        columns = {
            "time": pa.array(times, pa.timestamp("ns", "UTC")),
            "x": np.concatenate([reference, current]),
            "is_current": is_current,
            "c": pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), CATEGORIES),
            "g": (np.arange(2 * arguments.rows) * 7919 % GROUPS).astype(np.int32),
        }
        pq.write_table(pa.table(columns), file)
        driftline = Driftline(arguments.driftline, folder, file)
        edges = ", ".join(str(edge) for edge in EDGES)
        engines = {
            "Driftline": {
                "psi, given edges": lambda: driftline.ask(f"psi(x, is_current, 'edges=[{edges}]')"),
                "psi, deciles": lambda: driftline.ask("psi(x, is_current)"),
                "js_distance, deciles": lambda: driftline.ask("js_distance(x, is_current)"),
                "psi, given edges, by 1,000 groups": lambda: driftline.ask(
                    "sum(p)", f"(SELECT psi(x, is_current, 'edges=[{edges}]') AS p FROM t GROUP BY g)"
                ),
                "ks": lambda: driftline.ask("ks_test(x, is_current)")["statistic"],
                "wasserstein_norm": lambda: driftline.ask("wasserstein_norm(x, is_current)"),
                "chi2_test, 20 categories": lambda: driftline.ask("chi2_test(c, is_current)")["statistic"],
            },
            "NumPy": {
                "psi, given edges": lambda: numpy_psi(reference, current, np.array(EDGES)),
                "psi, deciles": lambda: numpy_psi_deciles(reference, current),
            },
            "SciPy": {
                "js_distance, deciles": lambda: scipy_js_deciles(reference, current),
                "chi2_test, 20 categories": lambda: float(stats.chi2_contingency(pd.crosstab(names, is_current)).statistic),
                "ks": lambda: float(stats.ks_2samp(reference, current).statistic),
                "wasserstein_norm": lambda: float(stats.wasserstein_distance(reference, current) / max(np.std(reference), 0.001)),
            },
            "evidently": evidently_engine(reference, current),
            "DuckDB": duckdb_engine(file),
            "ClickHouse": clickhouse_engine(file, folder),
        }
        agreed = report(engines, arguments)
        driftline.close()
    sys.exit(0 if agreed else 1)


def report(engines, arguments):
    """Prints the table; says whether the engines agree wherever they mean the same number."""
    print(f"{arguments.rows:,} v {arguments.rows:,} values, two threads, median of {arguments.runs} warm runs\n")
    print("| question | engine | seconds | ratio to Driftline | answer |\n|---|---|---|---|---|")
    agreed = True
    for question in engines["Driftline"]:
        ours = None
        for engine, questions in engines.items():
            if question not in questions:
                continue
            seconds, answer = measure(questions[question], arguments.runs)
            ours = ours or (seconds, answer)
            print(f"| {question} | {engine} | {seconds:.3f} | {seconds / ours[0]:.1f} | {answer!r} |", flush=True)
            other_number = engine == "evidently" and question.endswith("deciles")
            if not other_number and abs(answer - ours[1]) > 1e-9 * max(1, abs(ours[1])):
                print(f"{engine} answers {answer!r} to {question}, Driftline {ours[1]!r}", file=sys.stderr)
                agreed = False
    return agreed


if __name__ == "__main__":
    main()
