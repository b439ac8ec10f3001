"""Spans of 90 days in Driftline, DuckDB and ClickHouse: look-ups, rare values, burn rates, bytes on disk; see README.md beside this file."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
from chdb import session as chdb_session

DAYS = 90
PARTS = 4  # files, each over all days: what is loaded second lies beside what was loaded first until it is compacted
SPANS_OF_A_TRACE = 8
START = "TIMESTAMP '2026-06-01'"
WARM_UP = 2
COLUMNS = (
    "time, end_time, duration_ns, trace_id, span_id, parent_span_id, name, kind, status_code, service_name, gen_ai_operation_name, "
    "gen_ai_request_model, gen_ai_usage_input_tokens, gen_ai_usage_output_tokens, gen_ai_conversation_id, error_type, user_id, "
    "http_route, resource_service_version, resource_deployment_environment_name, attributes"
)
TRACE = "SELECT * FROM {table} WHERE trace_id = '{id}' ORDER BY time, span_id"
QUESTIONS = {
    "rare attribute": "SELECT count(*) AS n, sum(duration_ns) AS duration FROM {table} WHERE gen_ai_request_model = 'rare'",
    "two attributes": "SELECT count(*) AS n, sum(duration_ns) AS duration FROM {table} "
    "WHERE error_type = 'content_filter' AND gen_ai_request_model = 'borealis'",
    "last 100 errors": "SELECT time, service_name, name, error_type, trace_id, span_id FROM {table} WHERE status_code = 'error' "
    "ORDER BY time DESC, span_id LIMIT 100",
}


def make_files(folder, rows):
    """The spans, the same in every run, as Parquet files; returns them and some ids of traces."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    traces = rows // SPANS_OF_A_TRACE
    step = DAYS * 86_400 * 10**6 // traces
    files = []
    for part in range(PARTS):
        file = os.path.join(folder, f"spans-{part}.parquet")
        connection.execute(f"""
            COPY (
                WITH numbered AS (
                    SELECT t, k, hash(t) AS ht, hash(t * {SPANS_OF_A_TRACE} + k) AS hs, hash(t * {SPANS_OF_A_TRACE} + k + {rows}) AS he
                    FROM range({part}, {traces}, {PARTS}) AS traces(t), range({SPANS_OF_A_TRACE}) AS spans(k)
                ), drawn AS (
                    SELECT *, {START} + to_microseconds(t * {step} + k * 37_000 + (hs % 30_000)::BIGINT) AS time,
                        (exp(15 + 6 * (hs % 1_000_003) / 1_000_003.0))::BIGINT AS duration_ns, k % 2 = 1 AS is_chat, he % 1000 < 12 AS is_error
                    FROM numbered
                )
                SELECT time::TIMESTAMPTZ AS time, (time + to_microseconds(duration_ns // 1000))::TIMESTAMPTZ AS end_time, duration_ns,
                    md5(t::TEXT) AS trace_id, md5('span' || t * {SPANS_OF_A_TRACE} + k)[:16] AS span_id,
                    CASE WHEN k > 0 THEN md5('span' || t * {SPANS_OF_A_TRACE})[:16] END AS parent_span_id,
                    CASE WHEN k = 0 THEN 'POST /v1/chat' WHEN is_chat THEN 'chat' ELSE 'execute_tool search' END AS name,
                    CASE WHEN k = 0 THEN 'server' WHEN is_chat THEN 'client' ELSE 'internal' END AS kind,
                    CASE WHEN is_error THEN 'error' ELSE 'unset' END AS status_code,
                    'service-' || ht % 12 AS service_name,
                    CASE WHEN is_chat THEN 'chat' WHEN k > 0 THEN 'execute_tool' END AS gen_ai_operation_name,
                    CASE WHEN NOT is_chat THEN NULL WHEN hs % 50_000 = 7 THEN 'rare'
                        ELSE ['aurora-large', 'aurora-small', 'borealis', 'cirrus', 'dune'][1 + (hs // 50_000 % 5)::INT] END AS gen_ai_request_model,
                    CASE WHEN is_chat THEN (hs // 7 % 4000)::BIGINT END AS gen_ai_usage_input_tokens,
                    CASE WHEN is_chat THEN (hs // 11 % 900)::BIGINT END AS gen_ai_usage_output_tokens,
                    'conversation-' || t // 5 AS gen_ai_conversation_id,
                    CASE WHEN is_error THEN ['timeout', 'rate_limit', '500', 'content_filter'][1 + (he // 1000 % 4)::INT] END AS error_type,
                    'user-' || ht // 12 % 50_000 AS user_id,
                    CASE WHEN k = 0 THEN '/v1/chat' END AS http_route,
                    '1.' || t * 6 // {traces} AS resource_service_version,
                    CASE WHEN ht // 1000 % 10 = 0 THEN 'staging' ELSE 'production' END AS resource_deployment_environment_name,
                    MAP {{'app.intent': '"intent-' || ht // 99 % 20 || '"'}} AS attributes
                FROM drawn
            ) TO '{file}' (FORMAT parquet, COMPRESSION zstd)""")
        files.append(file)
    ids = [row[0] for row in connection.execute(f"SELECT md5((i * 7919 % {traces})::TEXT) FROM range(1, 100) AS r(i)").fetchall()]
    return files, ids


def run(command):
    """Runs a program to its end; returns its seconds, MiB at most, and MiB that it wrote."""
    start, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        ended = 0
        while ended == 0:
            peak = max(peak, resident_peak(child.pid))
            time.sleep(0.02)
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            sys.exit(f"{command} failed: {errors.read().decode()}")
    return time.perf_counter() - start, peak, usage.ru_oublock * 512 / 2**20


def resident_peak(process):
    """MiB that a process had resident at most. (`ru_maxrss` also counts this process, of which it was a copy for a moment.)"""
    with open(f"/proc/{process}/status") as status:
        found = [line.split()[1] for line in status if line.startswith("VmHWM")]
    return int(found[0]) / 1024 if found else 0


def size(path):
    """Bytes of all files below a folder."""
    return sum(os.path.getsize(os.path.join(folder, file)) for folder, _, names in os.walk(path) for file in names)


class Driftline:
    """The command line tool as a child process: statements in, rows as JSON out."""

    burn = (
        "SELECT count(*) AS n, sum(burn) AS total FROM (SELECT service_name, date_bin(INTERVAL '1 hour', time) AS hour, "
        "slo_burn_rate(status_code <> 'error', 0.999) AS burn FROM spans GROUP BY service_name, hour)"
    )
    table = "spans"

    def __init__(self, binary, folder, files):
        self.binary, self.database = binary, os.path.join(folder, "driftline")
        seconds, peak, written = run([binary, "--db", self.database, "import", *files[:1], "--table", "spans"])
        for file in files[1:]:
            more, high, wrote = run([binary, "--db", self.database, "import", file, "--table", "spans"])
            seconds, peak, written = seconds + more, max(peak, high), written + wrote
        loaded = size(self.database)
        print(f"Driftline: loaded in {seconds:.0f} s, {peak:.0f} MiB at most, {written:.0f} MiB written, {loaded / 2**20:.0f} MiB on disk", flush=True)
        seconds, peak, written = run([binary, "--db", self.database, "compact", "spans", "--purge"])
        print(f"Driftline: compacted in {seconds:.0f} s, {peak:.0f} MiB at most, {written:.0f} MiB written", flush=True)
        self.bytes = size(self.database)
        self.start()

    def start(self):
        command = [self.binary, "--db", self.database, "sql", "--format", "json", "--quiet"]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, sql):
        # the answer to a statement is one line
        self.child.stdin.write(f"{sql};\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class DuckDb:
    burn = (
        "SELECT count(*) AS n, sum(burn) AS total FROM (SELECT service_name, time_bucket(INTERVAL '1 hour', time) AS hour, "
        "count(*) FILTER (status_code = 'error') / count(*) / (1 - 0.999) AS burn FROM spans GROUP BY ALL)"
    )
    table = "spans"

    def __init__(self, folder, files):
        path = os.path.join(folder, "spans.duckdb")
        self.connection = duckdb.connect(path)
        self.connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
        start = time.perf_counter()
        self.connection.execute(f"CREATE TABLE spans AS SELECT * FROM read_parquet({files}) ORDER BY service_name, time; CHECKPOINT")
        print(f"DuckDB: loaded in {time.perf_counter() - start:.0f} s", flush=True)
        self.bytes = os.path.getsize(path)

    def ask(self, sql):
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


class ClickHouse:
    burn = (
        "SELECT count(*) AS n, sum(burn) AS total FROM (SELECT service_name, toStartOfHour(time) AS hour, "
        "countIf(status_code = 'error') / count(*) / (1 - 0.999) AS burn FROM spans GROUP BY service_name, hour)"
    )
    table = "spans"
    low = {"name", "kind", "status_code", "service_name", "gen_ai_operation_name", "gen_ai_request_model", "error_type", "http_route"}
    low |= {"resource_service_version", "resource_deployment_environment_name"}
    nullable = {"parent_span_id", "gen_ai_operation_name", "gen_ai_request_model", "gen_ai_usage_input_tokens", "gen_ai_usage_output_tokens"}
    nullable |= {"error_type", "http_route"}

    def __init__(self, folder, files):
        path = os.path.join(folder, "clickhouse")
        self.session = chdb_session.Session(path)
        columns = ", ".join(f"{self.column(name.strip())} AS {name.strip()}" for name in COLUMNS.split(","))
        pattern = os.path.join(os.path.dirname(files[0]), "spans-*.parquet")
        start = time.perf_counter()
        self.session.query("CREATE DATABASE IF NOT EXISTS d")
        self.session.query(
            "CREATE TABLE d.spans ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY (service_name, time) AS "
            f"SELECT {columns} FROM file('{pattern}', Parquet) SETTINGS max_threads = 2, max_insert_threads = 1"
        )
        self.session.query("OPTIMIZE TABLE d.spans FINAL")
        print(f"ClickHouse: loaded and merged in {time.perf_counter() - start:.0f} s", flush=True)
        active = "SELECT sum(bytes_on_disk) AS bytes, count(*) AS parts FROM system.parts WHERE active AND table = 'spans'"
        self.bytes = int(self.ask(active)[0]["bytes"])

    def column(self, name):
        value = name if name in self.nullable else f"assumeNotNull({name})"
        if name == "attributes":
            return "CAST(attributes, 'Map(LowCardinality(String), String)')"
        return f"toLowCardinality({value})" if name in self.low else value

    def ask(self, sql):
        sql = sql.replace("FROM spans", "FROM d.spans")
        settings = "SETTINGS max_threads = 2, output_format_json_quote_64bit_integers = 0"
        text = str(self.session.query(f"{sql} {settings}", "JSONEachRow"))
        return [json.loads(line) for line in text.splitlines()]


def key(rows):
    """What answers are compared by: numbers, and the ids of spans in their order."""
    if rows and "span_id" in rows[0]:
        return [row["span_id"] for row in rows]
    return [[float(value or 0) for value in row.values()] for row in rows]


def same(a, b):
    if len(a) != len(b):
        return False
    if a and isinstance(a[0], list):
        return all(abs(x - y) <= 1e-9 * max(1, abs(x)) for left, right in zip(a, b) for x, y in zip(left, right))
    return a == b


def measure(engine, question, ids, runs):
    seconds, answer = [], None
    for turn in range(WARM_UP + runs):
        # another trace each time: nobody has it in memory
        sql = question.format(table=engine.table, id=ids[turn])
        start = time.perf_counter()
        answer = engine.ask(sql)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[WARM_UP:]), key(answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driftline", required=True, help="the release binary")
    parser.add_argument("--rows", type=int, default=50_000_000, help="spans")
    parser.add_argument("--runs", type=int, default=5, help="warm runs that are measured")
    parser.add_argument("--folder", help="where files and databases are made and left (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or temporary
        os.makedirs(folder, exist_ok=True)
        files, ids = make_files(folder, arguments.rows)
        engines = {
            "Driftline": Driftline(arguments.driftline, folder, files),
            "DuckDB": DuckDb(folder, files),
            "ClickHouse": ClickHouse(folder, files),
        }
        agreed = report(engines, ids, arguments)
        engines["Driftline"].close()
    sys.exit(0 if agreed else 1)


def report(engines, ids, arguments):
    """Prints the table; says whether the engines agree."""
    print(f"\n{arguments.rows:,} spans over {DAYS} days, two threads, median of {arguments.runs} warm runs\n")
    print("| question | engine | seconds | ratio to Driftline |\n|---|---|---|---|")
    agreed = True
    for question, sql in {"trace by id": TRACE, **QUESTIONS, "hourly burn rate by service": None}.items():
        ours = None
        for name, engine in engines.items():
            seconds, answer = measure(engine, sql or engine.burn, ids, arguments.runs)
            ours = ours or (seconds, answer)
            print(f"| {question} | {name} | {seconds:.4f} | {seconds / ours[0]:.1f} |", flush=True)
            if not same(ours[1], answer):
                print(f"{name} answers {answer[:3]!r} to {question}, Driftline {ours[1][:3]!r}", file=sys.stderr)
                agreed = False
    for name, engine in engines.items():
        print(f"| bytes a span on disk | {name} | {engine.bytes / arguments.rows:.1f} | {engine.bytes / engines['Driftline'].bytes:.2f} |")
    print(f"\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most in this process")
    return agreed


if __name__ == "__main__":
    main()
