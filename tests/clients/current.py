"""ADBC of today (the same code as Grafana's InfluxDB source), pyarrow, pandas and polars."""

import concurrent.futures
import os
import threading

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as dbapi
import adbc_driver_manager
import pandas
import polars
import pyarrow as pa
import pyarrow.flight as flight

from expect import refused, step

OPEN = "grpc://" + os.environ["OPEN"]
CLOSED = "grpc+tls://" + os.environ["CLOSED"]
CA = open(os.environ["CA"]).read()
TOKEN = os.environ["TOKEN"]
MUTUAL = "grpc+tls://" + os.environ["MUTUAL"]
CERTIFICATE = {
    "adbc.flight.sql.client_option.mtls_cert_chain": open(os.environ["CLIENT"] + ".pem").read(),
    "adbc.flight.sql.client_option.mtls_private_key": open(os.environ["CLIENT"] + ".key").read(),
}
# what Grafana takes, which sets nothing
LIMIT = {"adbc.flight.sql.client_option.with_max_msg_size": "4194304"}
TLS = {"adbc.flight.sql.client_option.tls_root_certs": CA}


def connect(url, **options):
    return dbapi.connect(url, db_kwargs=LIMIT | options, autocommit=True)


def table(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
        return cursor.fetch_arrow_table()


def queries(connection):
    with step("query"):
        assert table(connection, "SELECT count(*) AS n FROM llm_calls")["n"][0].as_py() > 100_000
    with step("parameters"):
        sql = "SELECT count(*) AS n FROM llm_calls WHERE model = ? AND duration_ms > ?"
        assert table(connection, sql, ("gpt-4o", 10.5))["n"][0].as_py() > 0
        assert table(connection, "SELECT $1 + $2 AS sum", (40, 2))["sum"][0].as_py() == 42
    with step("5 million rows"):
        answer = table(connection, "SELECT value, value * 0.5 AS half FROM generate_series(1, 5000000)")
        assert answer.num_rows == 5_000_000 and pa.compute.sum(answer["value"]).as_py() == 12_500_002_500_000
    with step("a text of 2 MB"):
        assert len(table(connection, "SELECT repeat('x', 2000000) AS t")["t"][0].as_py()) == 2_000_000
    with step("no words"):
        assert table(connection, " ").num_rows == 1
    with step("what a statement will answer"):
        with connection.cursor() as cursor:
            assert cursor.adbc_execute_schema("SELECT model, count(*) AS n FROM llm_calls GROUP BY 1").names == ["model", "n"]
    with refused("a text of 5 MB", "column \"t\"", "ResourceExhausted"):
        table(connection, "SELECT repeat('x', 5000000) AS t")
    with refused("an error in the middle of a stream", "divide by zero"):
        table(connection, "SELECT repeat('x', 100), 10 / (value - 4000000) FROM generate_series(1, 5000000)")
    with refused("unknown table", "NotFound", "did you mean \"spans\"?"):
        table(connection, "SELECT * FROM spanz")


def catalog(connection):
    with step("catalog"):
        objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
        assert [entry["catalog_name"] for entry in objects] == ["driftline"]
        schemas = {entry["db_schema_name"]: entry for entry in objects[0]["catalog_db_schemas"]}
        assert set(schemas) == {"driftline", "information_schema", "public"}
        tables = {entry["table_name"]: entry for entry in schemas["public"]["db_schema_tables"]}
        assert tables["llm_calls"]["table_type"] == "VIEW" and tables["spans"]["table_type"] == "TABLE"
        columns = [entry["column_name"] for entry in tables["llm_calls"]["table_columns"]]
        assert columns[0] == "time"
        assert connection.adbc_get_table_schema("llm_calls").names == columns
        assert connection.adbc_get_table_types() == ["SYSTEM TABLE", "TABLE", "VIEW"]
        assert connection.adbc_get_info()["vendor_name"] == "Driftline"
        assert connection.adbc_current_catalog == "driftline"
        assert connection.adbc_current_db_schema == "public"


def writing(connection):
    rows = pa.table({
        "time": pa.array(range(1_788_134_400_000_000, 1_788_134_400_100_000), pa.timestamp("us")),
        "name": ["a", None] * 50_000,
        "value": [0.5] * 100_000,
    })
    with connection.cursor() as cursor:
        with step("ingest: create and append"):
            assert cursor.adbc_ingest("ingested", rows, mode="create") == 100_000
            assert cursor.adbc_ingest("ingested", rows, mode="append") == 100_000
        with refused("ingest: create again", "exists already"):
            cursor.adbc_ingest("ingested", rows, mode="create")
        with step("executemany"):
            values = [("2026-09-01T00:00:00Z", f"n{i}", float(i)) for i in range(500)]
            cursor.executemany("INSERT INTO ingested VALUES (?, ?, ?)", values)
    answer = table(connection, "SELECT count(*) AS n, count(name) AS named FROM ingested")
    assert answer.to_pylist() == [{"n": 200_500, "named": 100_500}], answer
    table(connection, "DROP TABLE ingested")
    with step("ingest: eight loaders at once, whoever makes the table"):
        with concurrent.futures.ThreadPoolExecutor(8) as loaders:
            assert list(loaders.map(load, range(8))) == [1000] * 8
    assert table(connection, "SELECT count(*) AS n FROM loaded")["n"][0].as_py() == 8000
    table(connection, "DROP TABLE loaded")


def load(number):
    rows = pa.table({"time": pa.array(range(1000), pa.timestamp("us")), "loader": [number] * 1000})
    with connect(OPEN) as connection, connection.cursor() as cursor:
        return cursor.adbc_ingest("loaded", rows, mode="create_append")


def too_much(connection):
    """Short statements that would take all the stack, memory or time that there is: each is refused, and the server goes on."""
    doubled = ", ".join(f"a{i} AS (SELECT x FROM a{i - 1} UNION ALL SELECT x FROM a{i - 1})" for i in range(1, 40))
    for name, sql, words in [
        ("3,000 operators", "SELECT 1" + " + 1" * 3000, "nests more than"),
        ("1,000 UNIONs", " UNION ALL ".join(["SELECT 1"] * 1000), "nests more than"),
        ("5,000 EXPLAINs", "EXPLAIN " * 5000 + "SELECT 1", "nests more than"),
        ("a query that doubles", f"WITH a0 AS (SELECT 1 AS x), {doubled} SELECT count(*) FROM a39", "relations"),
        ("long texts", "SELECT lpad(model, 50000000) FROM llm_calls", "the limit is"),
        ("long lists", "SELECT sum(array_length(range(1, 100000000 + value))) FROM generate_series(1, 4)", "the limit is"),
        ("a list for every row", "SELECT array_agg(value) OVER () FROM generate_series(1, 100000)", "its frame must be"),
    ]:
        with refused(name, words):
            table(connection, sql)
    with step("and 200 conditions are fine"):
        conditions = " OR ".join(f"model = 'm{i}'" for i in range(200))
        assert table(connection, f"SELECT count(*) AS n FROM llm_calls WHERE {conditions}")["n"][0].as_py() == 0


def cancelling(connection):
    with connection.cursor() as cursor:
        threading.Timer(0.5, cursor.adbc_cancel).start()
        with refused("cancel", "CANCELLED"):
            cursor.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
            cursor.fetchall()
    with step("the cancelled query is gone"):
        running = "SELECT count(*) AS n FROM driftline.queries WHERE state = 'running' AND sql LIKE '%100000000000)'"
        while table(connection, running)["n"][0].as_py():
            pass


def as_grafana(connection):
    """A statement without preparation, as Grafana sends it."""
    database = adbc_driver_manager.AdbcDatabase(driver=adbc_driver_flightsql._driver_path(), uri=OPEN, **LIMIT)
    with database, adbc_driver_manager.AdbcConnection(database) as low:
        with adbc_driver_manager.AdbcStatement(low) as statement, step("as Grafana sends it"):
            statement.set_sql_query(
                "SELECT date_bin(interval '60 second', time, timestamp '1970-01-01T00:00:00Z') AS time, avg(duration_ms) AS ms"
                " FROM iox.llm_calls WHERE time >= '2020-01-01T00:00:00Z' GROUP BY time ORDER BY time LIMIT 5"
            )
            handle, _ = statement.execute_query()
            answer = pa.RecordBatchReader._import_from_c(handle.address).read_all()
            assert answer.num_rows == 5 and answer.schema.field("time").type.unit == "ns"
            assert len(set(answer["time"].to_pylist())) == 5


def frames(connection):
    sql = "SELECT model, count(*) AS n FROM llm_calls GROUP BY 1 ORDER BY 1"
    with step("polars"):
        assert polars.read_database(sql, connection).columns == ["model", "n"]
    with step("pandas"):
        assert list(pandas.read_sql(sql, connection).columns) == ["model", "n"]


def who():
    with step("TLS with an own authority, password"):
        reader = connect(CLOSED, username="reader", password="secret", **TLS)
        assert table(reader, "SELECT 1 AS one").to_pylist() == [{"one": 1}]
    with refused("role read: INSERT", "needs the role write"):
        table(reader, "INSERT INTO logs (time) VALUES ('2026-09-01T00:00:00Z')")
    with refused("files of the server", "not allowed"):
        table(reader, "SELECT * FROM '/etc/hostname.csv'")
    with step("token"):
        writer = connect(CLOSED, **TLS, **{"adbc.flight.sql.authorization_header": f"Bearer {TOKEN}"})
        table(writer, "INSERT INTO logs (time, body) VALUES ('2026-09-01T00:00:00Z', 'written by a client')")
        assert table(writer, "SELECT count(*) AS n FROM logs")["n"][0].as_py() == 1
    with refused("role write: CREATE", "needs the role admin"):
        table(writer, "CREATE TABLE t (time TIMESTAMP NOT NULL)")
    with refused("wrong password", "user or password is wrong"):
        table(connect(CLOSED, username="reader", password="secrets", **TLS), "SELECT 1")
    with refused("unknown token", "not known or has expired"):
        table(connect(CLOSED, **TLS, **{"adbc.flight.sql.authorization_header": "Bearer x"}), "SELECT 1")
    with refused("no credential", "sign in first"):
        table(connect(CLOSED, **TLS), "SELECT 1")
    with refused("another authority", "certificate"):
        table(connect(CLOSED, username="reader", password="secret"), "SELECT 1")
    with step("TLS on both sides"):
        assert table(connect(MUTUAL, **TLS, **CERTIFICATE), "SELECT 1 AS one").to_pylist() == [{"one": 1}]
    with refused("TLS on both sides, without a certificate", "certificate"):
        table(connect(MUTUAL, **TLS), "SELECT 1")
    with step("pyarrow: password"):
        client = flight.connect(CLOSED, tls_root_certs=CA)
        options = flight.FlightCallOptions(headers=[client.authenticate_basic_token("reader", "secret")])
        assert "CancelFlightInfo" in [action.type for action in client.list_actions(options)]


print("clients of today:")
with connect(OPEN) as connection:
    queries(connection)
    catalog(connection)
    writing(connection)
    too_much(connection)
    cancelling(connection)
    as_grafana(connection)
    frames(connection)
who()
