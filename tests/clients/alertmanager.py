#!/usr/bin/env python3
"""A real Alertmanager receives, groups and resolves alerts of the real program; a webhook that is dead, then slow, hears of each change once, though the
program is killed in between. Usage: alertmanager.py PROGRAM. Needs the standard library alone; says so and leaves all out where there is no Alertmanager."""

import contextlib
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from expect import step

PATIENCE_S = 60

CONFIG = """
global: {{resolve_timeout: 30s}}
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs: [{{url: "http://{hook}/grouped", send_resolved: true}}]
"""

SETTINGS = """
external_url = "http://driftline.example:8600"

[[receiver]]
name = "alertmanager"
kind = "alertmanager"
url = "http://{alertmanager}"
resend = "2s"

[[receiver]]
name = "hook"
kind = "webhook"
url = "http://{hook}/direct"
timeout = "2s"
headers = {{ Authorization = "Bearer of-the-hook" }}
"""

ALERT = """
CREATE OR REPLACE ALERT high EVERY '1 second' LABELS ("gen_ai.severity" = 'page')
ANNOTATIONS (summary = '{{ $labels.service }} is at {{ $value }}', runbook_url = 'https://runbooks/high')
AS SELECT service, last_value(value ORDER BY time) AS value FROM samples WHERE time > now() - INTERVAL '1 hour'
GROUP BY service HAVING last_value(value ORDER BY time) > 10
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent, by path."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.server.delay)
        with self.server.lock:
            self.server.got.append((self.path, body, self.headers.get("Authorization")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def hook(address):
    host, port = address.split(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Hook)
    server.got, server.lock, server.delay = [], threading.Lock(), 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def changes(server, path):
    """Status and service of all that came to a path, in its order."""
    with server.lock:
        bodies = [body for where, body, _ in server.got if where == path]
    return [(alert["status"], alert["labels"]["service"]) for body in bodies for alert in body["alerts"]]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def eventually(what, look):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seen = None
        with contextlib.suppress(urllib.error.URLError, OSError):
            seen = look()
            if seen:
                return seen
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s, last seen {seen}"
        time.sleep(0.1)


class Program:
    """The program as a server, which can be killed and come back."""

    def __init__(self, program, folder, settings):
        self.program, self.folder = program, folder
        (folder / "driftline.toml").write_text(settings)
        self.start()

    def start(self):
        self.log = open(self.folder / "driftline.log", "ab")
        command = [self.program, "--db", self.folder / "db", "serve", "--create", "--config", self.folder / "driftline.toml"]
        for door in ["--flight-addr", "--http-addr", "--otlp-grpc-addr", "--otlp-http-addr"]:
            command += [door, "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.doors = {}
        for line in self.process.stdout:
            door, address = line.strip().split(" listening on ")
            self.doors[door] = address
            if door == "http":
                return
        raise AssertionError((self.folder / "driftline.log").read_text())

    def sql(self, *statements):
        command = [self.program, "sql", "--url", f"grpc://{self.doors['flight']}", "--format", "csv"]
        for statement in statements:
            command += ["-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def set(self, service, value):
        self.sql(f"INSERT INTO samples VALUES (now(), '{service}', {value})")

    def http(self, path):
        return get(f"http://{self.doors['http']}{path}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0


def run(program, folder):
    manager_at, hook_at = free_port(), free_port()
    (folder / "alertmanager.yml").write_text(CONFIG.format(hook=hook_at))
    command = ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager",
               f"--web.listen-address={manager_at}", "--cluster.listen-address="]
    with open(folder / "alertmanager.log", "wb") as log:
        manager = subprocess.Popen(command, stdout=log, stderr=log)
    server = Program(program, folder, SETTINGS.format(alertmanager=manager_at, hook=hook_at))
    try:
        alerts_of = lambda: {alert["labels"]["service"]: alert for alert in get(f"http://{manager_at}/api/v2/alerts")}
        server.sql("CREATE TABLE samples (time TIMESTAMP NOT NULL, service TEXT, value DOUBLE)", ALERT)

        with step("Alertmanager has what fires"):
            server.set("a", 11)
            server.set("b", 12.5)
            server.set("c", 1)
            found = eventually("two alerts", lambda: (known := alerts_of()) and len(known) == 2 and known)
            assert sorted(found) == ["a", "b"], found
            assert found["b"]["labels"] == {"alertname": "high", "service": "b", "gen_ai_severity": "page"}, found["b"]
            assert found["b"]["annotations"] == {"summary": "b is at 12.5", "runbook_url": "https://runbooks/high"}
            assert found["b"]["generatorURL"].startswith("http://driftline.example:8600/"), found["b"]

        with step("as Prometheus lists it"):
            [group] = server.http("/api/v1/rules")["data"]["groups"]
            [rule] = group["rules"]
            assert (rule["name"], rule["state"], rule["health"], rule["type"]) == ("high", "firing", "ok", "alerting"), rule
            assert len(rule["alerts"]) == len(server.http("/api/v1/alerts")["data"]["alerts"]) == 2
            shown = server.sql("SELECT labels, state FROM driftline.alerts ORDER BY labels")
            assert shown.count("firing") == 2, shown

        with step("a dead webhook keeps nobody waiting"):
            server.set("a", 0)
            eventually("a is resolved", lambda: list(alerts_of()) == ["b"])
            # killed while it owes the webhook three changes
            server.kill()
            server.start()
            server.set("c", 100)
            eventually("c fires", lambda: sorted(alerts_of()) == ["b", "c"])

        with hook(hook_at) as receiver:
            receiver.delay = 3
            with step("a slow webhook is asked again"):
                eventually("it was asked", lambda: ("firing", "a") in changes(receiver, "/direct"))
                receiver.delay = 0
            with step("it hears of each change, in order"):
                wanted = [("firing", "a"), ("firing", "b"), ("resolved", "a"), ("firing", "c")]
                heard = lambda: list(dict.fromkeys(changes(receiver, "/direct")))
                eventually("all four", lambda: heard() == wanted)
                # what it took too long for came again, the rest once
                came = changes(receiver, "/direct")
                assert [came.count(change) for change in wanted[2:]] == [1, 1], came
                before = len(came)
            with step("Alertmanager groups what it passes on"):
                grouped = lambda: {service for status, service in changes(receiver, "/grouped") if status == "firing"}
                eventually("its group", lambda: grouped() >= {"b", "c"})
            with step("restarts repeat nothing"):
                for _ in range(3):
                    server.kill()
                    server.start()
                server.set("b", 0)
                server.set("c", 0)
                eventually("all is resolved", lambda: not alerts_of())
                wanted = sorted([("resolved", "b"), ("resolved", "c")])
                eventually("both", lambda: sorted(changes(receiver, "/direct")[before:]) == wanted)
                _, body, authorization = next(one for one in receiver.got if one[0] == "/direct")
                assert authorization == "Bearer of-the-hook"
                assert (body["version"], body["receiver"], body["groupKey"]) == ("4", "hook", '{}:{alertname="high"}'), body
                assert len(body["alerts"][0]["fingerprint"]) == 16
                resolved = lambda: {service for status, service in changes(receiver, "/grouped") if status == "resolved"}
                eventually("Alertmanager says so, too", lambda: resolved() >= {"b", "c"})

            with step("an alert that cannot be asked is no silence"):
                server.sql("ALTER TABLE samples RENAME COLUMN value TO level")
                failed = lambda: [one for one in get(f"http://{manager_at}/api/v2/alerts") if one["labels"]["alertname"] == "AlertEvaluationFailed"]
                [alert] = eventually("its own alert", failed)
                assert alert["labels"]["alert"] == "high" and "value" in alert["annotations"]["summary"], alert
                [rule] = server.http("/api/v1/rules")["data"]["groups"][0]["rules"]
                assert rule["health"] == "err" and "value" in rule["lastError"], rule
                server.sql("DROP ALERT high")
                eventually("it is over", lambda: not failed())
        metrics = urllib.request.urlopen(f"http://{server.doors['http']}/metrics", timeout=5).read().decode()
        assert 'driftline_alert_notifications_total{receiver="alertmanager",outcome="delivered"}' in metrics, metrics
        server.stop()
        subprocess.run([program, "--db", folder / "db", "check"], check=True, stdout=subprocess.DEVNULL)
    finally:
        for process in [server.process, manager]:
            process.kill()
            process.wait()


def main():
    if not shutil.which("prometheus-alertmanager"):
        print("no prometheus-alertmanager: left out")
        return
    program = pathlib.Path(sys.argv[1]).resolve()
    print("Alertmanager and a webhook:")
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(program, pathlib.Path(folder))
        except BaseException:
            for name in ["driftline.log", "alertmanager.log"]:
                log = pathlib.Path(folder) / name
                print(f"--- {name}", log.read_text()[-4000:] if log.exists() else "none", sep="\n", file=sys.stderr)
            raise
    print("all alerts have arrived")


if __name__ == "__main__":
    main()
