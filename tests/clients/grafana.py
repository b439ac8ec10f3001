"""The dashboards of docs/grafana, as Grafana runs them: its macros, its statement without preparation, the rules of its frames.

Usage: grafana.py FOLDER, where FOLDER holds the dashboards of one data source.
"""

import json
import os
import pathlib
import re
import sys
from datetime import datetime, timedelta, timezone

import adbc_driver_flightsql
import adbc_driver_manager
import pyarrow as pa
import pyarrow.types as types

from expect import step

# what Grafana takes, which sets nothing
LIMIT = {"adbc.flight.sql.client_option.with_max_msg_size": "4194304"}
EPOCH = "timestamp '1970-01-01T00:00:00Z'"


def group(unit):
    parts = ["minute", "hour", "day", "month", "year"]
    return parts[parts.index(unit) :] if unit in parts else []


def expand(query, start, end, interval):
    """Both sources' macros, word for word as their Go code writes them."""
    stamp = lambda time: time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    seconds = f"interval '{int(interval.total_seconds())} second'"
    macros = {
        "dateBin": lambda column: f"date_bin({seconds}, {column}, {EPOCH})",
        "dateBinAlias": lambda column: f"date_bin({seconds}, {column}, {EPOCH}) as {column}_binned",
        "timeFilter": lambda column: f"{column} >= '{stamp(start)}' AND {column} <= '{stamp(end)}'",
        "timeRange": lambda column: f"{column} >= '{stamp(start)}' AND {column} <= '{stamp(end)}'",
        "timeRangeFrom": lambda column: f"{column} >= '{stamp(start)}'",
        "timeRangeTo": lambda column: f"{column} <= '{stamp(end)}'",
        "timeFrom": lambda *_: f"cast('{stamp(start)}' as timestamp)",
        "timeTo": lambda *_: f"cast('{stamp(end)}' as timestamp)",
        "timeGroup": lambda column, unit: ",".join(f"datepart('{part}', {column})" for part in group(unit)),
        "timeGroupAlias": lambda column, unit: ",".join(
            f"datepart('{part}', {column}) as {column}_{part}" for part in group(unit)
        ),
        "interval": lambda *_: seconds,
    }
    # the longest name first: $__timeFrom begins as $__timeFro..., $__dateBinAlias as $__dateBin
    for name in sorted(macros, key=len, reverse=True):
        arguments = lambda found: [text.strip() for text in (found.group(1) or "").split(",") if text.strip()]
        query = re.sub(rf"\$__{name}\b(?:\(([^)]*)\))?", lambda found: macros[name](*arguments(found)), query)
    assert "$__" not in query, query
    return query


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


def check_frame(answer):
    """What a frame must be, and one that becomes a time series."""
    for field in answer.schema:
        assert is_read(field.type), f"column {field.name} is {field.type}"
        # a gap in a column that cannot be NULL is drawn as 0
        assert field.nullable, f"column {field.name} cannot be NULL"
    kinds = {field.name: field.type for field in answer.schema}
    assert types.is_timestamp(kinds["time"]), "no time column found"
    first = next(name for name, kind in kinds.items() if types.is_timestamp(kind))
    assert first == "time", f"the time is taken from {first}"
    labels = [name for name, kind in kinds.items() if types.is_string(kind) or types.is_boolean(kind)]
    assert len(labels) + 1 < len(kinds), "no value"
    times = answer["time"].to_pylist()
    assert None not in times, "a time is NULL"
    assert times == sorted(times), "long series must be sorted ascending by time"
    keys = list(zip(times, *(answer[name].to_pylist() for name in labels)))
    assert len(set(keys)) == len(keys), "of rows with one time and the same labels the last one counts"


def run(connection, query):
    with adbc_driver_manager.AdbcStatement(connection) as statement:
        statement.set_sql_query(query)
        handle, _ = statement.execute_query()
        return pa.RecordBatchReader._import_from_c(handle.address).read_all()


def targets(folder):
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", target.get("queryText") or target["rawSql"]


START, END = datetime(2026, 6, 1, tzinfo=timezone.utc), datetime(2026, 8, 31, tzinfo=timezone.utc)
folder = sys.argv[1]
print(f"dashboards of {pathlib.Path(folder).name}:")
database = adbc_driver_manager.AdbcDatabase(
    driver=adbc_driver_flightsql._driver_path(), uri="grpc://" + os.environ["OPEN"], **LIMIT
)
with database, adbc_driver_manager.AdbcConnection(database) as connection:
    shown = 0
    for name, query in targets(folder):
        with step(name):
            answer = run(connection, expand(query, START, END, timedelta(hours=2)))
            check_frame(answer)
            assert answer.num_rows > 7, f"{answer.num_rows} days"
            # zoomed in until the interval is below a second: nothing there, and no error
            moment = datetime(2026, 8, 24, 11, tzinfo=timezone.utc)
            narrow = run(connection, expand(query, moment, moment + timedelta(seconds=2), timedelta(milliseconds=20)))
            assert narrow.num_rows == 0 and narrow.schema.equals(answer.schema)
            shown += 1
    assert shown >= 16, f"{shown} panels"

    print("macros:")
    macros = {
        "dateBin": "SELECT $__dateBin(time) AS time, model, avg(duration_ms) AS ms FROM {t}"
        " WHERE $__timeFilter(time) GROUP BY time, model ORDER BY time",
        "dateBinAlias": "SELECT $__dateBinAlias(time), max(time) AS time, count(*) AS n FROM {t}"
        " WHERE $__timeRange(time) GROUP BY time_binned ORDER BY 2",
        "timeFrom, timeTo, interval": 'SELECT date_bin($__interval, time) AS time, count(*) AS n FROM {t}'
        ' WHERE "time" >= $__timeFrom AND "time" <= $__timeTo GROUP BY time ORDER BY time',
        "timeRangeFrom, timeRangeTo": "SELECT time, duration_ms FROM {t}"
        " WHERE $__timeRangeFrom(time) AND $__timeRangeTo(time) ORDER BY time",
        "timeGroup": "SELECT min(time) AS time, count(*) AS n FROM {t} WHERE $__timeFilter(time)"
        " GROUP BY $__timeGroup(time, hour) ORDER BY 1",
        "timeGroupAlias": "SELECT $__timeGroupAlias(time, day), min(time) AS time, count(*) AS n FROM {t}"
        " WHERE $__timeFilter(time) GROUP BY time_day, time_month, time_year ORDER BY time",
    }
    # the InfluxDB source names its schema
    table = "iox.llm_calls" if pathlib.Path(folder).name == "influxdb" else "llm_calls"
    noon = datetime(2026, 8, 24, 12, tzinfo=timezone.utc)
    for name, query in macros.items():
        with step(name):
            for length, interval in [(86_400, 600), (300, 0.02)]:
                end = noon + timedelta(seconds=length)
                sql = expand(query.format(t=table), noon, end, timedelta(seconds=interval))
                answer = run(connection, sql)
                assert answer.num_rows > 0, name
                for field in answer.schema:
                    assert is_read(field.type) and field.nullable, f"{name}: {field}"
