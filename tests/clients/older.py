"""ADBC of 2023 (arrow-go v12, as in Grafana's Flight SQL plugin), and the dialect of SQLAlchemy that Superset uses."""

import os
import warnings

import adbc_driver_flightsql.dbapi as dbapi
from flightsql import FlightSQLClient
from flightsql.dbapi import ParameterRecordBuilder
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import registry

from expect import step

warnings.filterwarnings("ignore")
OPEN = os.environ["OPEN"]
HOST, PORT = OPEN.split(":")

print("clients of 2023:")
connection = dbapi.connect("grpc://" + OPEN)
with connection.cursor() as cursor:
    with step("types that this reader does not know"):
        cursor.execute(
            "SELECT arrow_cast('x', 'Utf8View') AS view, arrow_cast('y', 'Dictionary(Int32, Utf8)') AS dictionary,"
            " make_array(1, 2) AS list, attributes AS map FROM spans LIMIT 1"
        )
        row = cursor.fetch_arrow_table().to_pylist()[0]
        assert (row["view"], row["dictionary"], row["list"]) == ("x", "y", "[1,2]"), row
    with step("every column of every table"):
        for name in ["spans", "metrics", "logs", "llm_calls", "evaluations", "traces"]:
            cursor.execute(f"SELECT * FROM {name} LIMIT 1000")
            assert cursor.fetch_arrow_table().schema.names == connection.adbc_get_table_schema(name).names
    with step("parameters"):
        cursor.execute("SELECT count(*) AS n FROM llm_calls WHERE duration_ms > ?", (10.5,))
        assert cursor.fetch_arrow_table()["n"][0].as_py() > 0
connection.close()

registry.register("datafusion.flightsql", "flightsql.sqlalchemy", "DataFusionDialect")
engine = create_engine(f"datafusion+flightsql://{HOST}:{PORT}?insecure=True")
with step("SQLAlchemy"):
    with engine.connect() as alchemy:
        rows = alchemy.execute(text("SELECT model, count(*) AS n FROM llm_calls GROUP BY 1")).fetchall()
        assert len(rows) > 1
    inspector = inspect(engine)
    assert "public" in inspector.get_schema_names()
    assert "spans" in inspector.get_table_names(schema="public")
    columns = [column["name"] for column in inspector.get_columns("llm_calls", schema="public")]
    assert columns[0] == "time"

with step("flightsql-dbapi: parameters in unions, the first handle kept"):
    client = FlightSQLClient(host=HOST, port=int(PORT), insecure=True)
    for value, kind in [(41, "Int64"), (2.5, "Float64"), ("a", "Utf8")]:
        prepared = client.prepare("SELECT arrow_typeof($1) AS kind, $1 AS value")
        info = prepared.execute(ParameterRecordBuilder([value]).build_record())
        answer = client.do_get(info.endpoints[0].ticket).read_all().to_pylist()
        assert answer == [{"kind": kind, "value": value}], answer
        prepared.close()
