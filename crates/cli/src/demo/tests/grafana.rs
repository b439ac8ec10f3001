//! `docs/grafana/dashboards/` is printed from the panels in `sql/dashboards/`, once for each of Grafana's two sources.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::demo::panel::{Dashboard, Direction, Panel, Unit};

const COMMAND: &str = "DRIFTLINE_REGENERATE=1 cargo test --workspace --bin driftline grafana";
const DASHBOARDS: [(Dashboard, &str, &str); 3] = [
    (Dashboard::Operational, "operational", "Is the bot up, fast and affordable?"),
    (Dashboard::Quality, "quality", "Are its answers right, and does it know when they are not?"),
    (Dashboard::Drift, "drift", "Do users still ask what it was trained for?"),
];
/// The two data sources: folder, type, and the uid under which `provisioning/datasources/` makes it.
const SOURCES: [(&str, &str, &str); 2] = [
    ("flight-sql", "influxdata-flightsql-datasource", "driftline-flight-sql"),
    ("influxdb", "influxdb", "driftline-influxdb"),
];
/// Panels in a row, each half of Grafana's 24 columns wide.
const COLUMNS: usize = 2;
const HEIGHT: usize = 8;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The comment above the title: what is measured, and why the threshold is what it is.
fn about(panel: &Panel, folder: &str) -> String {
    let path = root().join(format!("sql/dashboards/{folder}/{}.sql", panel.name));
    let file = std::fs::read_to_string(path).unwrap();
    let lines = file.lines().take_while(|line| !line.starts_with("-- title:"));
    lines.map(|line| line.trim_start_matches("--").trim()).collect::<Vec<_>>().join(" ")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "percentunit",
        Unit::Number => "none",
        Unit::Count => "short",
        Unit::Seconds => "s",
        Unit::Hours => "h",
        Unit::Dollars => "currencyUSD",
    }
}

/// What fires: `above 0.25`.
fn rule(panel: &Panel) -> String {
    let side = match panel.direction {
        Direction::Above => "above",
        Direction::Below => "below",
    };
    format!("{side} {}", panel.threshold)
}

/// The panel's query within the time that the dashboard shows, with a name for the legend.
fn query(panel: &Panel) -> String {
    let observed = if panel.query.contains(" AS observed") { ", observed" } else { "" };
    format!(
        "SELECT time, value AS \"{}\"{observed}\nFROM (\n{}\n) AS panel\nWHERE $__timeFilter(time)\nORDER BY time",
        panel.title, panel.query
    )
}

fn target(panel: &Panel, source: &(&str, &str, &str)) -> Value {
    let (folder, kind, uid) = source;
    let mut target = json!({
        "refId": "A",
        "datasource": {"type": kind, "uid": uid},
        "format": "time_series",
    });
    let fields = match *folder {
        "flight-sql" => json!({"queryText": query(panel), "rawEditor": true}),
        _ => json!({"rawSql": query(panel), "rawQuery": true, "editorMode": "code", "dataset": "iox"}),
    };
    target.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    target
}

fn chart(panel: &Panel, index: usize, folder: &str, source: &(&str, &str, &str)) -> Value {
    let (calm, alarm) = match panel.direction {
        Direction::Above => ("green", "red"),
        Direction::Below => ("red", "green"),
    };
    let about = about(panel, folder);
    let space = if about.is_empty() { "" } else { "\n\n" };
    json!({
        "id": index + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": format!("{about}{space}Fires {}. {}", rule(panel), panel.action),
        "datasource": {"type": source.1, "uid": source.2},
        "gridPos": {
            "x": index % COLUMNS * (24 / COLUMNS), "y": index / COLUMNS * HEIGHT,
            "w": 24 / COLUMNS, "h": HEIGHT,
        },
        "targets": [target(panel, source)],
        "fieldConfig": {
            "defaults": {
                "unit": unit(panel.unit),
                "custom": {
                    "drawStyle": "line", "lineWidth": 2, "fillOpacity": 10, "showPoints": "auto",
                    "thresholdsStyle": {"mode": "line+area"},
                },
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"color": calm, "value": null}, {"color": alarm, "value": panel.threshold}],
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    })
}

/// The text beneath the charts: each metric with its threshold and what to do when it fires.
fn runbook(panels: &[Panel]) -> Value {
    let lines =
        panels.iter().map(|panel| format!("| {} | {} | {} |\n", panel.title, rule(panel), panel.action));
    json!({
        "id": panels.len() + 1,
        "type": "text",
        "title": "Runbook",
        "gridPos": {"x": 0, "y": panels.len().div_ceil(COLUMNS) * HEIGHT, "w": 24, "h": HEIGHT},
        "options": {
            "mode": "markdown",
            "content": format!("| metric | fires | what to do |\n|---|---|---|\n{}", lines.collect::<String>()),
        },
    })
}

fn dashboard(dashboard: &(Dashboard, &str, &str), source: &(&str, &str, &str)) -> Value {
    let (of, name, question) = dashboard;
    let mut panels = Panel::shipped().unwrap();
    panels.retain(|panel| panel.dashboard == *of);
    let mut shown: Vec<Value> =
        panels.iter().enumerate().map(|(index, panel)| chart(panel, index, name, source)).collect();
    shown.push(runbook(&panels));
    json!({
        "uid": format!("driftline-{name}-{}", source.0),
        "title": format!("Driftline: {name}"),
        "description": question,
        "tags": ["driftline"],
        "schemaVersion": 39,
        "editable": true,
        // the history of `driftline demo`
        "time": {"from": "2026-06-01T00:00:00Z", "to": "2026-08-31T00:00:00Z"},
        "timezone": "utc",
        "refresh": "",
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": shown,
    })
}

// breaks when a panel changes and its dashboards do not, or a dashboard lies there that nothing makes
#[test]
fn grafana_dashboards_are_fresh() {
    let folder = root().join("docs/grafana/dashboards");
    let mut made = Vec::new();
    for source in &SOURCES {
        for of in &DASHBOARDS {
            let path = folder.join(source.0).join(format!("{}.json", of.1));
            let text = format!("{:#}\n", dashboard(of, source));
            if std::env::var_os("DRIFTLINE_REGENERATE").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, text).unwrap();
            } else {
                let kept = std::fs::read_to_string(&path).unwrap_or_default();
                assert!(kept == text, "{} is stale: {COMMAND}", path.display());
            }
            made.push(path);
        }
    }
    let lying = std::fs::read_dir(&folder)
        .unwrap()
        .flat_map(|entry| std::fs::read_dir(entry.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    assert_eq!(lying.filter(|path| !made.contains(path)).collect::<Vec<_>>(), [] as [PathBuf; 0]);
}
