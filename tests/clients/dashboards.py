"""Every panel's query, as Grafana would run it: the answer keeps the rules of both of Grafana's readers."""

import os
import pathlib
import sys

import adbc_driver_flightsql.dbapi as dbapi
import pyarrow.types as types

from expect import step

LIMIT = {"adbc.flight.sql.client_option.with_max_msg_size": "4194304"}


def is_read(kind):
    """What both readers copy into a frame; any other type makes an empty column or an error."""
    return (
        types.is_integer(kind)
        or types.is_float32(kind)
        or types.is_float64(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or (types.is_timestamp(kind) and kind.unit == "ns")
    )


def check(name, answer):
    for field in answer.schema:
        assert is_read(field.type), f"{name}: column {field.name} is {field.type}"
        # a gap in a column that cannot be NULL is drawn as 0
        assert field.nullable, f"{name}: column {field.name} cannot be NULL"
    times = [field.name for field in answer.schema if types.is_timestamp(field.type)]
    if "time" in times and answer.num_rows:
        column = answer["time"].to_pylist()
        assert None not in column, f"{name}: a time is NULL"
        assert column == sorted(column), f"{name}: times are not ascending"


print("dashboards:")
folder = pathlib.Path(sys.argv[1])
with dbapi.connect("grpc://" + os.environ["OPEN"], db_kwargs=LIMIT, autocommit=True) as connection:
    for path in sorted(folder.glob("*/*.sql")):
        if path.parent.name == "views":
            continue
        with step(f"{path.parent.name}/{path.stem}"), connection.cursor() as cursor:
            # a panel of Grafana is in order of time
            query = path.read_text().rstrip().rstrip(";")
            cursor.execute(f"SELECT * FROM ({query}\n) ORDER BY time")
            check(path.stem, cursor.fetch_arrow_table())
