"""The real program on a bucket: killed, broken off and replaced, it loses nothing that it acknowledged. Usage: writers.py PROGRAM"""

import csv
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bucket import EVERY, NAME, Bucket
from expect import step

SEED = 7
ROUNDS = 4
STATEMENTS = 24
SECRET = "a-secret-that-nobody-prints"
DATABASE = f"s3://{NAME}/team/telemetry"


def environment(bucket):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DRIFTLINE_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": bucket.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_TIMEOUT": "1s",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


class Shell:
    """The program on the database, statement by statement."""

    def __init__(self, program, bucket, errors, *options):
        command = [program, "--quiet", "--db", DATABASE, "sql", "--format", "ndjson", *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(bucket)
        )

    def send(self, statement):
        self.process.stdin.write(f"{statement};\n")
        self.process.stdin.flush()

    def line(self):
        """The next answer; None when the program is dead."""
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def run(self, statement):
        self.send(statement)
        return self.line()

    def rows(self):
        self.send("SELECT id FROM t ORDER BY id")
        self.send("SELECT 'end' AS marker")
        found = []
        while (row := self.line()) is not None:
            if row.get("marker") == "end":
                return found
            found.append(row["id"])
        raise AssertionError("the program died while it was reading")

    def kill(self):
        self.process.kill()
        self.process.wait()
        answers = 0
        while self.line() is not None:
            answers += 1
        return answers

    def close(self):
        self.process.stdin.close()
        rest = self.process.stdout.read()
        return self.process.wait(), rest


def insert(row):
    return f"INSERT INTO t (time, id) VALUES (to_timestamp_nanos({row} * 3600000000000), {row})"


def create_is_exclusive(bucket):
    path = f"/{NAME}/probe"
    first = bucket.request("PUT", path, {"If-None-Match": "*"}, b"1")
    second = bucket.request("PUT", path, {"If-None-Match": "*"}, b"2")
    assert (first[0], second[0]) == (200, 412), (first, second)
    assert bucket.request("GET", path)[2] == b"1"
    bucket.request("DELETE", path)


def killed_again_and_again(program, bucket, errors, rng):
    """Rows that were acknowledged, and the next id."""
    shell = Shell(program, bucket, errors, "--create")
    assert shell.run("CREATE TABLE t (time TIMESTAMP NOT NULL, id BIGINT)") is not None
    acknowledged, attempted = set(), set()
    for _ in range(ROUNDS):
        sent = list(range(len(attempted), len(attempted) + STATEMENTS))
        attempted.update(sent)
        for row in sent:
            shell.send(insert(row))
        answers = 0
        for _ in range(rng.randrange(2, STATEMENTS)):
            assert shell.line() == {"count": 1}
            answers += 1
        answers += shell.kill()
        acknowledged.update(sent[:answers])
        shell = Shell(program, bucket, errors)
        visible = shell.rows()
        assert len(visible) == len(set(visible)), "a row is there twice"
        assert acknowledged <= set(visible) <= attempted, (acknowledged - set(visible), set(visible) - attempted)
        acknowledged = set(visible)
    assert shell.close()[0] == 0
    return acknowledged, len(attempted)


def replaced(program, bucket, errors, rows, next_id):
    with tempfile.TemporaryFile("w+") as said:
        old = Shell(program, bucket, said)
        assert old.run(insert(next_id)) == {"count": 1}
        new = Shell(program, bucket, errors)
        rows = rows | {next_id}
        assert set(new.rows()) == rows
        # the old one answers with an error, and not with a count
        old.send(insert(next_id + 1))
        old.send(insert(next_id + 2))
        status, rest = old.close()
        said.seek(0)
        error = said.read()
        assert status != 0 and rest == "", (status, rest)
        assert "another writer has taken over this database" in error, error
        assert SECRET not in error
    assert new.run(insert(next_id + 3)) == {"count": 1}
    # a reader beside the writer
    reader = Shell(program, bucket, errors, "--read-only")
    rows = rows | {next_id + 3}
    assert set(reader.rows()) == rows
    assert reader.close()[0] == 0
    assert new.close()[0] == 0
    return rows


def requests_are_counted(program, bucket, errors):
    shell = Shell(program, bucket, errors)
    shell.rows()
    shell.send("SELECT operation, requests, errors, bytes FROM driftline.store_requests")
    counts = {}
    while "http" not in counts:
        row = shell.line()
        counts[row["operation"]] = row
    assert counts["put"]["requests"] > 0 and counts["get"]["bytes"] > 0 and counts["list"]["requests"] > 0, counts
    operations = sum(row["requests"] for operation, row in counts.items() if operation != "http")
    failed = counts["http"]["errors"]
    # what was broken was tried again: more requests than were asked for, and nothing failed for good
    assert counts["http"]["requests"] >= operations, counts
    assert all(row["errors"] == 0 for operation, row in counts.items() if operation not in ("http", "put")), counts
    assert shell.close()[0] == 0
    return failed


def served(program, bucket, errors):
    doors = ["--flight-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--otlp-grpc-addr", "off", "--otlp-http-addr", "off"]
    command = [program, "--db", DATABASE, "serve", *doors]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(bucket))
    try:
        address = next(line.split()[-1] for line in server.stdout if line.startswith("http listening"))
        with urllib.request.urlopen(f"http://{address}/metrics") as answer:
            page = answer.read().decode()
        metrics = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        assert int(metrics['driftline_object_store_requests_total{operation="list"}']) > 0
        assert int(metrics['driftline_object_store_http_requests_total{outcome="answered"}']) > 0
    finally:
        server.terminate()
        status = server.wait()
        errors.seek(0)
        assert status == 0, (status, errors.read()[-2000:])


def command(program, bucket, *arguments):
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, env=environment(bucket), stdin=subprocess.DEVNULL
    )


def mistakes_are_named(program, bucket):
    missing = command(program, bucket, "--db", f"s3://{NAME}/nothing", "sql", "-c", "SELECT 1")
    assert missing.returncode != 0 and "there is no database in s3://bucket/nothing" in missing.stderr, missing
    assert bucket.request("GET", f"/{NAME}?list-type=2&prefix=nothing")[2].count(b"<Key>") == 0
    unknown = command(program, bucket, "--db", "ftp://host/db", "info")
    assert unknown.returncode != 0 and "s3://BUCKET/PREFIX" in unknown.stderr, unknown


def ids(program, bucket, database):
    listed = command(program, bucket, "--db", database, "sql", "--read-only", "--format", "csv", "-c", "SELECT id FROM t")
    assert listed.returncode == 0 and SECRET not in listed.stderr, listed
    return {int(row["id"]) for row in csv.DictReader(io.StringIO(listed.stdout))}


def backed_up(program, bucket, rows):
    """Into a directory and into the bucket, and back into both."""
    with tempfile.TemporaryDirectory() as folder:
        places = [(f"{folder}/copy", f"{folder}/restored"), (f"s3://{NAME}/copies/of", f"{folder}/of-bucket")]
        # all rows lie in segments, else a database in a bucket is not made of it
        flushed = command(program, bucket, "--db", DATABASE, "sql", "-c", "FLUSH")
        assert flushed.returncode == 0, flushed
        places.append((f"s3://{NAME}/copies/of", f"s3://{NAME}/restored"))
        for copy, restored in places:
            for arguments in [("--db", DATABASE, "backup", copy), ("restore", copy, restored)]:
                done = command(program, bucket, *arguments)
                assert done.returncode == 0 and SECRET not in done.stderr, done
            checked = command(program, bucket, "--db", restored, "check", "--deep")
            assert checked.returncode == 0 and checked.stdout == "ok\n", checked
            assert ids(program, bucket, copy) == rows
            assert ids(program, bucket, restored) == rows
        # what was restored is a database like any other, and takes rows
        added = command(program, bucket, "--db", f"s3://{NAME}/restored", "sql", "-c", "INSERT INTO t (time, id) VALUES (now(), -1)")
        assert added.returncode == 0, added
        assert ids(program, bucket, f"s3://{NAME}/restored") == rows | {-1}


def main(program):
    bucket = Bucket()
    rng = random.Random(SEED)
    # whatever waits for ever fails
    limit = threading.Timer(300, lambda: os._exit(3))
    limit.daemon = True
    limit.start()
    try:
        with tempfile.TemporaryFile("w+") as errors:
            with step("a second create of an object is refused"):
                create_is_exclusive(bucket)
            bucket.breaks = True
            with step(f"killed {ROUNDS} times while requests fail: nothing acknowledged is lost"):
                rows, next_id = killed_again_and_again(program, bucket, errors, rng)
            with step("a writer that is replaced is stopped"):
                rows = replaced(program, bucket, errors, rows, next_id)
            with step("requests are counted"):
                requests_are_counted(program, bucket, errors)
            with step("a server runs on it"):
                served(program, bucket, errors)
            with step("a directory and the bucket have its backup"):
                backed_up(program, bucket, rows)
            missed = [fault for fault in EVERY if not bucket.faults[fault]]
            assert not missed, f"these faults never came: {missed}"
            print(f"  {bucket.count} requests, of which broken: {dict(bucket.faults)}")
            bucket.breaks = False
            with step("mistakes are named"):
                mistakes_are_named(program, bucket)
            checked = command(program, bucket, "--db", DATABASE, "check", "--deep")
            assert checked.returncode == 0 and checked.stdout == "ok\n", checked
            found = ids(program, bucket, DATABASE)
            assert found == rows, found ^ rows
            errors.seek(0)
            assert SECRET not in errors.read() + checked.stderr
    finally:
        bucket.stop()
    print("a bucket keeps what was acknowledged")


main(sys.argv[1])
