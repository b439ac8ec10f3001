//! The honest closing: when each rule fired, what it cost in false alarms, and what no such rule can see.
//!
//! Everything comes from what SQL returned. The two rules that are compared in the headline are named here, before anybody looks at
//! a result: PSI of the prompts' novelty against training, and the upper Wilson bound of one mature day of labels, which is the
//! fastest label rule that stays quiet.

mod findings;

use std::fmt::Write;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use driftline::Database;
use futures::TryStreamExt;

use super::calendar::{Calendar, DAY_NS};
use super::dashboard::{Reading, Series, short_day};
use super::panel::{Dashboard, Panel};
use crate::terminal::Terminal;
use findings::{Accuracy, Findings, Record, lead};

const DRIFT_RULE: &str = "novelty_psi";
const LABEL_RULES: [&str; 2] = ["accuracy_one_day", "accuracy_seven_days"];

impl Record {
    fn of(series: &Series, calendar: Calendar) -> Self {
        let failure_ns = calendar.start_ns(calendar.quiet_days());
        let (quiet, failure): (Vec<&Reading>, Vec<&Reading>) =
            series.readings.iter().partition(|reading| reading.day_ns < failure_ns);
        let alarms: Vec<_> = quiet.iter().filter(|reading| reading.firing).collect();
        let day = |day_ns: i64| ((day_ns - calendar.start_ns(0)) / DAY_NS) as u32;
        Self {
            fired_ns: failure.iter().find(|reading| reading.firing).map(|reading| reading.day_ns),
            quiet_days: quiet.len(),
            false_alarms: alarms.len(),
            in_campaign: alarms.iter().filter(|reading| calendar.is_campaign(day(reading.day_ns))).count(),
        }
    }
}

/// Prints the closing into `page`.
pub(crate) async fn closing(
    database: &Database,
    calendar: Calendar,
    all: &[Series],
    terminal: &Terminal,
    page: &mut String,
) -> Result<()> {
    let failure_ns = calendar.start_ns(calendar.quiet_days());
    let accuracy = accuracy(database, failure_ns).await?;
    writeln!(
        page,
        "\n{}  {}",
        terminal.bold("Which rule saw it when"),
        terminal.dim("judged at the end of each day")
    )?;
    let labels_ns = LABEL_RULES
        .iter()
        .filter_map(|name| all.iter().find(|series| series.panel.name == *name))
        .filter_map(|series| Record::of(series, calendar).fired_ns)
        .min();
    rules(calendar, all, labels_ns, terminal, page)?;

    let record_of = |series: &Series| Record::of(series, calendar);
    let drift = all
        .iter()
        .find(|series| series.panel.name == DRIFT_RULE)
        .context("the drift rule is a shipped panel")?;
    let drift = record_of(drift);
    let false_alarm_rate_max = upper_bound(database, drift.false_alarms, drift.quiet_days).await?;
    let unaware: Vec<&Series> = all.iter().filter(|series| is_unaware(&series.panel)).collect();
    let findings = Findings {
        failure_ns,
        accuracy,
        drift,
        false_alarm_rate_max,
        labels_ns,
        unaware_rules: unaware.len(),
        unaware_that_fired: titles(unaware.iter().filter(|series| record_of(series).fired_ns.is_some())),
        campaign_only: titles(all.iter().filter(|series| {
            let record = record_of(series);
            series.panel.dashboard == Dashboard::Drift
                && record.in_campaign > 0
                && record.in_campaign == record.false_alarms
        })),
    };
    for paragraph in findings.paragraphs() {
        writeln!(page, "\n{}", wrapped(&paragraph, terminal.page_columns()))?;
    }
    Ok(())
}

/// Rules that watch everything but the truth: operations, the judge, the bot's own confidence.
fn is_unaware(panel: &Panel) -> bool {
    panel.dashboard == Dashboard::Operational
        || ["judge_pass_rate", "confidence_ks"].contains(&panel.name.as_str())
}

fn titles<'a>(series: impl Iterator<Item = impl std::borrow::Borrow<&'a Series>>) -> Vec<String> {
    series.map(|series| series.borrow().panel.title.clone()).collect()
}

fn rules(
    calendar: Calendar,
    all: &[Series],
    labels_ns: Option<i64>,
    terminal: &Terminal,
    page: &mut String,
) -> Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.set_header(["rule", "fires", "first fired", "before the labels", "false alarms on quiet days"]);
    let compared = |series: &&Series| {
        series.panel.dashboard == Dashboard::Drift || LABEL_RULES.contains(&series.panel.name.as_str())
    };
    // drift first, then the labels it is compared with
    let mut shown: Vec<&Series> = all.iter().filter(compared).collect();
    shown.sort_by_key(|series| series.panel.dashboard != Dashboard::Drift);
    for series in shown {
        let record = Record::of(series, calendar);
        let before = match (record.fired_ns, labels_ns) {
            (Some(fired), Some(labels)) if series.panel.dashboard == Dashboard::Drift => lead(fired, labels),
            _ => String::new(),
        };
        let campaign = match record.in_campaign {
            0 => String::new(),
            n if n == record.false_alarms => " (all in the campaign week)".to_owned(),
            n => format!(" ({n} in the campaign week)"),
        };
        table.add_row([
            Cell::new(&series.panel.title),
            Cell::new(series.panel.rule()),
            Cell::new(record.fired_ns.map_or_else(|| "never".to_owned(), short_day)),
            Cell::new(before).set_alignment(CellAlignment::Left),
            Cell::new(format!("{} of {}{campaign}", record.false_alarms, record.quiet_days)),
        ]);
    }
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        writeln!(page, "{}", if index == 0 { terminal.dim(line) } else { line.to_owned() })?;
    }
    Ok(())
}

async fn accuracy(database: &Database, failure_ns: i64) -> Result<Accuracy> {
    let query = format!(
        "SELECT avg(CASE WHEN is_correct THEN 1.0 ELSE 0.0 END) FILTER (WHERE predicted_at < to_timestamp_nanos({failure_ns})) AS quiet, \
         avg(CASE WHEN is_correct THEN 1.0 ELSE 0.0 END) FILTER (WHERE predicted_at >= to_timestamp_nanos({failure_ns})) AS failure, \
         count(*) FILTER (WHERE predicted_at >= to_timestamp_nanos({failure_ns})) AS failure_labels FROM labels"
    );
    let batches: Vec<_> = database.sql(&query).await?.try_collect().await?;
    let batch = batches
        .iter()
        .find(|batch| batch.num_rows() == 1)
        .context("an aggregate without groups returns one row")?;
    let ratio = |column: usize| -> Result<f64> {
        let column = batch.column(column).as_primitive::<Float64Type>();
        (column.is_valid(0)).then(|| column.value(0)).context("there are no labels")
    };
    Ok(Accuracy {
        quiet: ratio(0)?,
        failure: ratio(1)?,
        failure_labels: batch.column(2).as_primitive::<Int64Type>().value(0),
    })
}

/// Upper Wilson 95 % bound of a share.
async fn upper_bound(database: &Database, count: usize, of: usize) -> Result<f64> {
    let batches: Vec<_> =
        database.sql(&format!("SELECT wilson_interval({count}, {of})['upper']")).await?.try_collect().await?;
    let batch = batches.first().context("a SELECT without FROM returns one row")?;
    Ok(batch.column(0).as_primitive::<Float64Type>().value(0))
}

/// Breaks a paragraph into lines of at most `width` characters.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let mut page = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            page.push('\n');
            column = 0;
        } else if column > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += length;
    }
    page
}
