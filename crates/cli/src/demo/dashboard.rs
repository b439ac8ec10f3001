//! Runs the panels and prints the dashboards: each metric with its last two weeks, today's value, the rule, the state and what to do.

use std::fmt::Write;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType};
use arrow::record_batch::RecordBatch;
use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use driftline::Database;
use futures::TryStreamExt;

use super::panel::{Dashboard, Direction, Panel, Unit};
use crate::terminal::Terminal;

/// Days in the little chart beside a metric.
const CHART_DAYS: usize = 14;

const CHART_LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const TITLE_COLUMNS: u16 = 25;
const TODAY_COLUMNS: u16 = 9;
const RULE_COLUMNS: u16 = 10;
const STATE_COLUMNS: u16 = 8;

/// One day of a metric, as SQL returned it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    pub(super) day_ns: i64,
    /// What the rule looks at.
    pub(super) value: f64,
    /// What is shown, where the rule looks at a bound of it.
    pub(super) observed: Option<f64>,
    pub(super) n: i64,
    pub(super) firing: bool,
}

/// A panel and its days in order.
pub(crate) struct Series {
    pub(super) panel: Panel,
    pub(super) readings: Vec<Reading>,
}

/// Runs all panels and prints the three dashboards into `page`.
pub(crate) async fn dashboards(
    database: &Database,
    terminal: &Terminal,
    page: &mut String,
) -> Result<Vec<Series>> {
    let mut all = Vec::new();
    for panel in Panel::shipped()? {
        let readings = read(database, &panel).await.with_context(|| format!("in panel {}", panel.name))?;
        all.push(Series { panel, readings });
    }
    for (dashboard, name) in [
        (Dashboard::Operational, "Operational"),
        (Dashboard::Quality, "Quality"),
        (Dashboard::Drift, "Drift"),
    ] {
        let shown: Vec<&Series> = all.iter().filter(|series| series.panel.dashboard == dashboard).collect();
        print(name, &shown, terminal, page)?;
    }
    Ok(all)
}

async fn read(database: &Database, panel: &Panel) -> Result<Vec<Reading>> {
    let mut batches = database.sql(&panel.query_with_state()).await?;
    let mut readings = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        read_batch(&batch, &mut readings)?;
    }
    Ok(readings)
}

fn read_batch(batch: &RecordBatch, readings: &mut Vec<Reading>) -> Result<()> {
    let column = |name: &str, ty: DataType| -> Result<_> {
        let column =
            batch.column_by_name(name).with_context(|| format!("the query returns no column '{name}'"))?;
        Ok(arrow::compute::cast(column, &ty)?)
    };
    let times = column("time", DataType::Timestamp(TimeUnit::Nanosecond, None))?;
    let values = column("value", DataType::Float64)?;
    let counts = column("n", DataType::Int64)?;
    let firing = column("firing", DataType::Boolean)?;
    let observed =
        batch.column_by_name("observed").map(|_| column("observed", DataType::Float64)).transpose()?;
    let values = values.as_primitive::<Float64Type>();
    for row in 0..batch.num_rows() {
        // a day on which nothing could be measured has no state: it neither fires nor is it well
        if values.is_null(row) {
            continue;
        }
        let observed = observed.as_ref().map(|column| column.as_primitive::<Float64Type>());
        readings.push(Reading {
            day_ns: times.as_primitive::<TimestampNanosecondType>().value(row),
            value: values.value(row),
            observed: observed.filter(|column| column.is_valid(row)).map(|column| column.value(row)),
            n: counts.as_primitive::<Int64Type>().value(row),
            firing: firing.as_boolean().value(row),
        });
    }
    Ok(())
}

fn print(name: &str, shown: &[&Series], terminal: &Terminal, page: &mut String) -> Result<()> {
    let firing =
        shown.iter().filter(|series| series.readings.last().is_some_and(|today| today.firing)).count();
    let summary = match firing {
        0 => terminal.dim("all rules ok"),
        1 => terminal.red("1 rule fires"),
        n => terminal.red(&format!("{n} rules fire")),
    };
    let day = shown.iter().filter_map(|series| series.readings.last()).map(|reading| reading.day_ns).max();
    writeln!(
        page,
        "\n{}  {}  {summary}",
        terminal.bold(name),
        terminal.dim(&day.map_or_else(String::new, long_day))
    )?;
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(terminal.page_columns() as u16);
    if terminal.colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let dim = |text: &str| Cell::new(text).add_attribute(Attribute::Dim);
    table.set_header(
        ["metric", "last 14 days", "today", "fires", "state", "what to do when it fires"].map(dim),
    );
    for series in shown {
        table.add_row(row(series, terminal));
    }
    let fixed = |width: u16| ColumnConstraint::Absolute(Width::Fixed(width));
    let widths = [TITLE_COLUMNS, CHART_DAYS as u16 + 2, TODAY_COLUMNS, RULE_COLUMNS, STATE_COLUMNS];
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_constraint(fixed(width));
    }
    for line in table.lines() {
        writeln!(page, "{}", line.trim_end())?;
    }
    if shown.iter().any(|series| series.readings.last().is_some_and(|today| today.observed.is_some())) {
        let note =
            " Shares of samples are shown as observed; their rules look at the upper Wilson 95 % bound.";
        writeln!(page, "{}", terminal.dim(note))?;
    }
    Ok(())
}

fn row(series: &Series, terminal: &Terminal) -> Vec<Cell> {
    let panel = &series.panel;
    let rule = panel.rule();
    let chart = Cell::new(chart(&series.readings));
    let title = Cell::new(&panel.title);
    let Some(today) = series.readings.last() else {
        return vec![
            title,
            chart,
            Cell::new("no data"),
            Cell::new(rule),
            Cell::new("no data"),
            Cell::new(&panel.action),
        ];
    };
    let shown = Cell::new(panel.unit.text(today.observed.unwrap_or(today.value)));
    let action = Cell::new(&panel.action);
    if today.firing {
        let red = |text: &str| Cell::new(text).fg(Color::Red).add_attribute(Attribute::Bold);
        vec![
            title,
            chart,
            shown,
            Cell::new(rule),
            if terminal.colour() { red("FIRING") } else { Cell::new("FIRING") },
            action,
        ]
    } else {
        let green = Cell::new("ok").fg(Color::Green);
        vec![title, chart, shown, Cell::new(rule), green, action.add_attribute(Attribute::Dim)]
    }
}

/// The last days as a line of blocks, from the smallest to the largest value of all days.
fn chart(readings: &[Reading]) -> String {
    let shown = |reading: &Reading| reading.observed.unwrap_or(reading.value);
    let low = readings.iter().map(shown).fold(f64::INFINITY, f64::min);
    let high = readings.iter().map(shown).fold(f64::NEG_INFINITY, f64::max);
    let last = &readings[readings.len().saturating_sub(CHART_DAYS)..];
    let level = |reading: &Reading| {
        let share = if high > low { (shown(reading) - low) / (high - low) } else { 0.0 };
        CHART_LEVELS[((share * CHART_LEVELS.len() as f64) as usize).min(CHART_LEVELS.len() - 1)]
    };
    last.iter().map(level).collect()
}

impl Panel {
    /// When it fires, in a few characters.
    pub(super) fn rule(&self) -> String {
        let sign = match self.direction {
            Direction::Above => '>',
            Direction::Below => '<',
        };
        let threshold = match self.unit {
            Unit::Number => self.threshold.to_string(),
            unit => unit.text(self.threshold),
        };
        format!("{sign} {threshold}")
    }
}

impl Unit {
    /// A value with its unit, short enough for a table.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{:.1} %", value * 100.0),
            Self::Number => format!("{value:.3}"),
            Self::Count => grouped(value.max(0.0) as u64),
            Self::Seconds => format!("{value:.2} s"),
            Self::Hours => format!("{value:.0} h"),
            Self::Dollars => format!("$ {value:.2}"),
        }
    }
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `Monday, 24 August 2026`
pub(super) fn long_day(day_ns: i64) -> String {
    format_day(day_ns, "%A, %-d %B %Y")
}

/// `Mon 24 Aug`
pub(super) fn short_day(day_ns: i64) -> String {
    format_day(day_ns, "%a %-d %b")
}

fn format_day(day_ns: i64, format: &str) -> String {
    arrow::temporal_conversions::timestamp_ns_to_datetime(day_ns)
        .map_or_else(|| day_ns.to_string(), |time| time.format(format).to_string())
}
