"""Questions in SQL over Flight SQL: to FLIGHT, with the authority CA and as the user `reader` where that is set."""

import os

import adbc_driver_flightsql.dbapi as dbapi

# lists, maps and structs as Arrow's own types, not as JSON
options = {"adbc.flight.sql.rpc.call_header.driftline-types": "arrow"}
if "CA" in os.environ:
    options["adbc.flight.sql.client_option.tls_root_certs"] = open(os.environ["CA"]).read()
    options |= {"username": "reader", "password": "secret"}
connection = dbapi.connect(os.environ["FLIGHT"], db_kwargs=options, autocommit=True)


def rows(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
        return cursor.fetch_arrow_table().to_pylist()


def row(sql, *parameters):
    answer = rows(sql, *parameters)
    assert len(answer) == 1, f"{len(answer)} rows: {sql}"
    return answer[0]


def same(found, expected):
    assert found == expected, f"\nfound    {found}\nexpected {expected}"
