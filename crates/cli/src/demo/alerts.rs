//! The alerts that are shipped in `sql/alerts/`: made in the database of the demo, and replayed over its last two weeks.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use driftline::{AlertEvent, Database, SeriesState, split_statements};
use futures::TryStreamExt;

use super::calendar::{Calendar, DAY_NS};
use super::closing::wrapped;
use super::dashboard::short_day;
use crate::terminal::Terminal;

macro_rules! shipped {
    ($folder:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../../sql/alerts/", $folder, "/", $name, ".sql")))
    };
}

/// Their names and statements, in the order in which they are shown.
const SHIPPED: [(&str, &str); 10] = [
    shipped!("drift", "novelty"),
    shipped!("drift", "intents"),
    shipped!("drift", "confidence"),
    shipped!("quality", "accuracy"),
    shipped!("quality", "helpfulness"),
    shipped!("quality", "label_delay"),
    shipped!("operational", "availability"),
    shipped!("operational", "latency"),
    shipped!("operational", "cost"),
    shipped!("operational", "silence"),
];

/// Days that are replayed: a quiet week and the failure.
const REPLAYED_DAYS: u32 = 14;
const ALERT_COLUMNS: u16 = 13;
const TOLD_COLUMNS: u16 = 17;
const HOUR: Duration = Duration::from_secs(3_600);
const PROGRESS: &str = "replaying {msg:13} {bar:40.cyan/dim}";

/// What became of one alert in the replay.
struct Replayed {
    name: &'static str,
    /// Who it would tell: `page`, `ticket`.
    severity: String,
    first_ns: Option<i64>,
    false_alarms: usize,
    runbook: String,
}

/// Makes the objectives and alerts that are not there.
pub(crate) async fn install(database: &Database) -> Result<()> {
    for (name, statements) in SHIPPED {
        for statement in split_statements(statements) {
            let answer = database.sql(&statement).await.with_context(|| format!("in alert {name}"))?;
            let _: Vec<_> = answer.try_collect().await?;
        }
    }
    Ok(())
}

/// What is to be known of the objectives before they are relied on.
async fn notes(database: &Database) -> Result<Vec<String>> {
    let query = "SELECT name || ': ' || note FROM driftline.slos WHERE note IS NOT NULL ORDER BY name";
    let batches: Vec<_> = database.sql(query).await?.try_collect().await?;
    let mut notes = vec![];
    for batch in &batches {
        let texts = cast(batch.column(0), &DataType::Utf8)?;
        notes.extend(texts.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(notes)
}

/// Replays all alerts over the last two weeks and prints who would have been told into `page`.
pub(crate) async fn replay(
    database: &Database,
    calendar: Calendar,
    terminal: &Terminal,
    page: &mut String,
) -> Result<()> {
    let end_ns = calendar.end_ns();
    let start_ns = end_ns - i64::from(REPLAYED_DAYS) * DAY_NS;
    let failure_ns = calendar.start_ns(calendar.quiet_days());
    let statuses = database.alerts().await?;
    let bar = terminal.progress(0, PROGRESS);
    let mut replayed = vec![];
    for (name, _) in SHIPPED {
        bar.set_message(name);
        let seen = bar.clone();
        let status = statuses.iter().find(|status| status.name == name);
        // what is asked every few minutes is replayed by the hour
        let every = status.map(|status| status.every.max(HOUR));
        let events = database
            .replay_alert(name, start_ns..=end_ns, every, |done, of| {
                seen.set_length(of);
                seen.set_position(done);
                true
            })
            .await?;
        let runbook =
            status.and_then(|status| status.annotations.get("runbook").cloned()).unwrap_or_default();
        replayed.push(Replayed::of(name, &events, failure_ns, runbook));
    }
    bar.finish_and_clear();
    writeln!(
        page,
        "\n{}  {}",
        terminal.bold("Who would have been told"),
        terminal.dim("the alerts of sql/alerts/ replayed over the last 14 days")
    )?;
    print(&replayed, terminal, page)?;
    for note in notes(database).await? {
        writeln!(page, "{}", terminal.dim(&wrapped(&format!("SLO {note}"), terminal.page_columns())))?;
    }
    Ok(())
}

impl Replayed {
    fn of(name: &'static str, events: &[AlertEvent], failure_ns: i64, runbook: String) -> Self {
        let fired: Vec<&AlertEvent> = events
            .iter()
            .filter(|event| {
                event.series.state == SeriesState::Firing && event.series.fired_at_ns == Some(event.at_ns)
            })
            .collect();
        let (quiet, failure): (Vec<&AlertEvent>, Vec<&AlertEvent>) =
            fired.into_iter().partition(|event| event.at_ns < failure_ns);
        let severities: BTreeSet<&str> =
            failure.iter().filter_map(|event| event.series.labels.get("severity")).collect();
        Self {
            name,
            severity: severities.into_iter().collect::<Vec<_>>().join(", "),
            first_ns: failure.first().map(|event| event.at_ns),
            false_alarms: quiet.len(),
            runbook,
        }
    }
}

fn print(replayed: &[Replayed], terminal: &Terminal, page: &mut String) -> Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    table.set_width(terminal.page_columns() as u16);
    table.set_header(["alert", "first told", "who", "quiet week", "what to do"]);
    for alert in replayed {
        let told = alert
            .first_ns
            .map_or_else(|| "nobody".to_owned(), |ns| format!("{} {}", short_day(ns), hour(ns)));
        let quiet = match alert.false_alarms {
            0 => "quiet".to_owned(),
            times => format!("fired {times}x"),
        };
        table.add_row([alert.name, &told, &alert.severity, &quiet, &alert.runbook]);
    }
    for (column, width) in [(0, ALERT_COLUMNS), (1, TOLD_COLUMNS)] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
    }
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        writeln!(page, "{}", if index == 0 { terminal.dim(line) } else { line.to_owned() })?;
    }
    Ok(())
}

/// The time of the day, in UTC.
fn hour(ns: i64) -> String {
    let minutes = ns.rem_euclid(DAY_NS) / 60_000_000_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
