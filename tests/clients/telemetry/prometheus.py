#!/usr/bin/env python3
"""A real Prometheus scrapes itself and a page, and writes what it finds to the real program; SQL must find what Prometheus itself stores.
Usage: prometheus.py PROGRAM. Needs the standard library alone; says so and leaves all out where there is no `prometheus`."""

import csv
import http.server
import io
import json
import math
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from expect import step

PATIENCE_S = 90
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
remote_write:
  - url: http://{write}/api/v1/write
    send_exemplars: true
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 50ms, max_backoff: 200ms}}
    metadata_config: {{send_interval: 1s}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["{own}"]}}]
  - job_name: team/page
    static_configs: [{{targets: ["{page}"], labels: {{zone: 'north "1"'}}}}]
  - job_name: native
    metrics_path: /native
    static_configs: [{{targets: ["{page}"]}}]
"""


def varint(value):
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def zigzag(value):
    return varint(value << 1 if value >= 0 else -value * 2 - 1)


def field(number, value):
    """A field of a message in protobuf: text and messages, doubles, or a varint that is encoded already."""
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, tuple):
        return varint(number << 3) + value[0]
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def native_histogram():
    """The format in which Prometheus scrapes native histograms: positive buckets 0, 1 and 4, a negative one, a zero bucket."""

    def span(offset, length):
        return field(1, (zigzag(offset),)) + field(2, (varint(length),))

    histogram = field(1, (varint(15),)) + field(2, 18.5) + field(5, (zigzag(1),))
    histogram += field(6, 0.001) + field(7, (varint(5),))
    histogram += field(9, span(-3, 1)) + field(10, (zigzag(4),))
    histogram += field(12, span(0, 2)) + field(12, span(2, 1))
    histogram += b"".join(field(13, (zigzag(delta),)) for delta in [1, 2, -1])
    metric = field(1, field(1, "path") + field(2, "/a")) + field(7, histogram)
    family = field(1, "latency") + field(3, (varint(4),)) + field(4, metric)
    return varint(len(family)) + family


class Page(http.server.BaseHTTPRequestHandler):
    """What a service shows: numbers in text, and a native histogram in protobuf, since text has none."""

    scrapes = 0

    def do_GET(self):
        if self.path == "/native":
            assert "application/vnd.google.protobuf" in self.headers["accept"]
            kind = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            page = native_histogram()
        else:
            Page.scrapes += 1
            kind = "application/openmetrics-text; version=1.0.0"
            page = "\n".join([
                "# TYPE visits counter",
                f'visits_total{{path="/ä"}} {Page.scrapes} # {{trace_id="{TRACE}",span_id="{SPAN}",user="u1"}} 0.5',
                "# TYPE odd gauge",
                'odd{value="nan"} NaN',
                'odd{value="inf"} +Inf',
                'odd{value="tiny"} 5e-324',
                "# EOF\n",
            ]).encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


def until(what, found):
    """Asks again and again, until there is an answer."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.05)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program of ours, which ends with us."""

    running = []

    def __init__(self, log, *command):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output)
        Process.running.append(self)

    def first_lines(self, last):
        """What it prints, up to the line that begins so."""
        lines = []
        while not lines or not lines[-1].startswith(last):
            line = self.process.stdout.readline().decode()
            assert line, self.log.read_text()
            lines.append(line)
        return lines

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()
        Process.running.remove(self)

    def kill(self):
        self.process.kill()
        self.process.wait()
        Process.running.remove(self)


class Driftline(Process):
    def __init__(self, program, folder, grpc="127.0.0.1:0", otlp="127.0.0.1:0"):
        self.program = program
        doors = ["--flight-addr", grpc, "--http-addr", "127.0.0.1:0", "--otlp-grpc-addr", "off", "--otlp-http-addr", otlp]
        super().__init__(folder / "driftline.log", program, "--db", folder / "db", "serve", "--create", *doors)
        doors = [line.split() for line in self.first_lines("http listening")]
        self.doors = {door: address for door, *_, address in doors}

    def rows(self, sql):
        command = [self.program, "sql", "--url", f"grpc://{self.doors['flight']}", "--format", "csv", "-c", sql]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return list(csv.DictReader(io.StringIO(answer)))


class Prometheus(Process):
    def __init__(self, binary, folder, write, page):
        self.address = f"127.0.0.1:{free_port()}"
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(write=write, own=self.address, page=page))
        features = "--enable-feature=exemplar-storage,native-histograms"
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address={self.address}"]
        super().__init__(folder / "prometheus.log", binary, *options, features)
        until("prometheus", self.is_ready)

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}") as answer:
            return answer.read().decode()

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/-/ready")
        except (urllib.error.URLError, ConnectionError):
            return None

    def samples(self, query):
        """What it stores itself: labels, milliseconds and value of each number."""
        answer = json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode({"query": query})))
        return {
            (tuple(sorted(series["metric"].items())), round(at * 1000)): value
            for series in answer["data"]["result"]
            for at, value in series.get("values", [])
        }

    def count(self, name):
        lines = (line.rsplit(" ", 1) for line in self.get("/metrics").splitlines() if line.startswith(name))
        return sum(float(value) for _, value in lines)


# a number as text is told from NULL, and NaN from an infinity
ROWS = """SELECT name, service_name, resource_service_namespace AS namespace, resource_service_instance_id AS instance,
    CAST(time AS BIGINT) / 1000000 AS ms, value, kind, attributes FROM metrics"""


def stored(driftline, condition):
    """What the program stores, in the words of Prometheus; a value that is NULL is None."""
    found = {}
    for row in driftline.rows(f"{ROWS} WHERE kind = 'gauge' AND {condition}"):
        job = f"{row['namespace']}/{row['service_name']}" if row["namespace"] else row["service_name"]
        labels = {"__name__": row["name"], "job": job, "instance": row["instance"]}
        labels |= {name: json.loads(value) for name, value in json.loads(row["attributes"] or "{}").items()}
        key = (tuple(sorted(labels.items())), int(row["ms"]))
        assert key not in found, f"twice: {key}"
        found[key] = float(row["value"]) if row["value"] else None
    return found


def same(one, other):
    return one is not None and (one == other or math.isnan(one) and math.isnan(other))


def everything_is_there(driftline, prometheus):
    """All that Prometheus stores by now, and with these values."""
    expected = prometheus.samples('{__name__=~".+"}[1h]')
    assert len(expected) > 1000, len(expected)

    def arrived():
        found = stored(driftline, "true")
        if any(key not in found for key in expected):
            return None
        wrong = [(key, value, found[key]) for key, value in expected.items() if not same(found[key], float(value))]
        assert not wrong, wrong[:3]
        return found

    found = until("everything", arrived)
    print(f"    {len(expected)} samples of {len({labels for labels, _ in expected})} series")
    return found


def has_ended(driftline):
    """Whether each series of the page had values and then one row without; `up` alone goes on, and says 0."""
    series = driftline.rows(
        """SELECT name, count(coalesce(value, sum)) AS values,
            last_value(coalesce(value, sum) ORDER BY time) AS latest
        FROM metrics WHERE service_name IN ('page', 'native') GROUP BY name, series_id"""
    )
    latest = {(row["name"], row["latest"]) for row in series if row["name"] in ("visits_total", "odd", "latency", "up")}
    assert all(row["values"] != "0" for row in series), series
    return latest == {("visits_total", ""), ("odd", ""), ("latency", ""), ("up", "0.0")}


def main(program):
    binary = shutil.which("prometheus")
    if binary is None:
        print("no prometheus: its remote write left out")
        return
    # what the machine's owner has set up is nobody's business here
    for variable in [name for name in os.environ if name.startswith("DRIFTLINE_")]:
        del os.environ[variable]
    os.environ["no_proxy"] = "127.0.0.1"
    folder = pathlib.Path(tempfile.mkdtemp())
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    try:
        run(program, binary, folder, page)
    finally:
        for process in list(Process.running):
            process.kill()
        shutil.rmtree(folder)


def run(program, binary, folder, page):
    target = f"127.0.0.1:{page.server_port}"
    driftline = Driftline(program, folder)
    doors = driftline.doors
    prometheus = Prometheus(binary, folder, doors["otlp-http"], target)

    with step("what Prometheus scrapes arrives as it stores it"):
        until("scrapes", lambda: Page.scrapes >= 5)
        found = everything_is_there(driftline, prometheus)
        visits = [dict(labels) for labels, _ in found if dict(labels)["__name__"] == "visits_total"]
        expected = {"__name__": "visits_total", "job": "team/page", "instance": target, "path": "/ä", "zone": 'north "1"'}
        assert visits and all(labels == expected for labels in visits), visits[0]

    with step("native histograms and exemplars"):
        buckets = """SELECT count, sum, distribution['scale'] AS scale, distribution['zero_count'] AS zeros,
            distribution['zero_threshold'] AS threshold, distribution['positive_offset'] AS above,
            distribution['positive_counts'] AS positive, distribution['negative_offset'] AS below,
            distribution['negative_counts'] AS negative, temporality, attr(attributes, 'path') AS path
            FROM metrics WHERE name = 'latency' AND kind = 'exponential_histogram' AND count IS NOT NULL LIMIT 1"""
        row = until("histograms", lambda: driftline.rows(buckets))[0]
        row |= {side: json.loads(row[side]) for side in ("positive", "negative")}
        assert list(row.values()) == [
            "15", "18.5", "1", "5", "0.001", "-1", [1, 3, 0, 0, 2], "-4", [4], "cumulative", "/a"
        ], row
        exemplars = """WITH seen AS (SELECT unnest(exemplars) AS e FROM metrics WHERE name = 'visits_total')
            SELECT e['value'] AS value, e['trace_id'] AS trace, e['span_id'] AS span, e['attributes'] AS others FROM seen LIMIT 1"""
        row = until("exemplars", lambda: driftline.rows(exemplars))[0]
        row["others"] = json.loads(row["others"])
        assert list(row.values()) == ["0.5", TRACE, SPAN, {"user": '"u1"'}], row

    with step("what came while the program was down arrives after it, once"):
        driftline.kill()
        failed = "prometheus_remote_storage_samples_retried_total"
        until("retries", lambda: prometheus.count(failed) > 0)
        driftline = Driftline(program, folder, doors["flight"], doors["otlp-http"])
        everything_is_there(driftline, prometheus)

    with step("a target that goes away ends its series"):
        page.shutdown()
        page.server_close()
        until("the end of all series", lambda: has_ended(driftline))

    # a batch may end between a sample and its exemplar; nothing else is left out
    stray = "exemplar: the request has no sample of its series"
    counts = driftline.rows("SELECT outcome, detail FROM driftline.ingest_stats")
    outcomes = {row["outcome"] for row in counts if row["detail"] != stray}
    assert outcomes <= {"accepted", "repeated"}, counts
    prometheus.stop()
    log = prometheus.log.read_text()
    assert "non-recoverable" not in log and "level=error" not in log, log
    driftline.stop()


if __name__ == "__main__":
    main(str(pathlib.Path(sys.argv[1]).resolve()))
