//! Makes the history once, through the path that every exporter's telemetry takes, and finds out where an interrupted run stopped.
//!
//! The history is a fixed sequence of deliveries, each stored completely or not at all, so the rows of each table say exactly which
//! deliveries are there: a run that was interrupted goes on with the first one that is missing.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use driftline::{Database, Encoding};
use futures::TryStreamExt;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::calendar::Calendar;
use super::telemetry::{Body, Delivery, LABELS_TABLE, Telemetry, create_labels_table};
use super::{centroids, dashboard};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Counts up whenever the same days and seed give other rows than before.
const RECIPE_VERSION: i64 = 1;

const RUNS_TABLE: &str = "demo_runs";

/// Deliveries that are made ahead of the one being stored.
const DELIVERIES_AHEAD_MAX: usize = 8;

const PROGRESS: &str = "{msg:14} {bar:40.cyan/dim} {human_pos} of {human_len} calls, {eta} left";

/// What the bot logs under `app.`, as columns of `spans`.
const APP_COLUMNS: [(&str, &str, &str); 4] = [
    ("app_intent", "TEXT", "app.intent"),
    ("app_prompt_length", "BIGINT", "app.prompt_length"),
    ("app_confidence", "DOUBLE", "app.confidence"),
    ("app_prompt_embedding", "FLOAT[]", "app.prompt_embedding"),
];

/// What decides every row of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) days: u32,
    pub(crate) seed: u64,
}

/// What the panels are written over.
const VIEWS: [&str; 2] = [
    include_str!("../../../../sql/dashboards/views/prompts.sql"),
    include_str!("../../../../sql/dashboards/views/compared_days.sql"),
];

enum State {
    New,
    Interrupted,
    Complete,
}

/// Leaves the database with the complete history, making what is missing.
pub(crate) async fn prepare(database: &Database, recipe: Recipe, terminal: &Terminal) -> Result<()> {
    match state(database, recipe).await? {
        State::Complete => return Ok(()),
        State::New => terminal.note(&format!(
            "making {} days of telemetry of a customer-service bot (once; later runs open what is there)",
            recipe.days
        )),
        State::Interrupted => terminal.note("an earlier run was interrupted: going on where it stopped"),
    }
    declare(database).await?;
    if count(database, RUNS_TABLE).await? == 0 {
        record(database, "started", recipe).await?;
    }
    let calendar = Calendar::new(recipe.days);
    let expected: f64 = (0..recipe.days).map(|day| calendar.volume(day)).sum();
    let bar = terminal.progress(expected as u64, PROGRESS);
    store(database, recipe, 0..recipe.days, &bar).await?;
    bar.set_message("clustering");
    if count(database, centroids::CENTROIDS_TABLE).await? == 0 {
        centroids::fit(database, recipe.seed, calendar).await?;
    }
    bar.set_message("flushing");
    database.flush().await?;
    record(database, "finished", recipe).await?;
    let elapsed = bar.elapsed();
    bar.finish_and_clear();
    let calls = count(database, "spans").await?;
    let points = count(database, "metrics").await?;
    let events = count(database, "logs").await?;
    let labels = count(database, LABELS_TABLE).await?;
    terminal.note(&format!(
        "stored {} calls, {} metric points, {} verdicts and {} labels in {:.1} s",
        dashboard::grouped(calls),
        dashboard::grouped(points),
        dashboard::grouped(events),
        dashboard::grouped(labels),
        elapsed.as_secs_f64()
    ));
    Ok(())
}

async fn state(database: &Database, recipe: Recipe) -> Result<State> {
    if !has_table(database, RUNS_TABLE).await? {
        let foreign = count(database, "spans").await?;
        if foreign > 0 {
            return Err(Failure::invalid(format!(
                "this database is not the demo's: it holds {foreign} spans (choose another --dir)"
            )));
        }
        return Ok(State::New);
    }
    let query = format!("SELECT event, days, seed, recipe FROM {RUNS_TABLE} ORDER BY time");
    let mut rows = database.sql(&query).await?;
    let mut state = State::New;
    while let Some(batch) = rows.try_next().await? {
        let events = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
        let number = |column: usize, row: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
        for row in 0..batch.num_rows() {
            let (days, seed, version) = (number(1, row), number(2, row), number(3, row));
            if (days, seed) != (i64::from(recipe.days), recipe.seed.cast_signed()) {
                return Err(Failure::invalid(format!(
                    "this demo was made with --days {days} --seed {seed}, not with --days {} --seed {} (give the same, or another --dir)",
                    recipe.days, recipe.seed
                )));
            }
            if version != RECIPE_VERSION {
                return Err(Failure::invalid(
                    "this demo was made by another version of driftline: delete its directory or choose another --dir",
                ));
            }
            state = match events.as_string::<i32>().value(row) {
                "finished" => State::Complete,
                _ => State::Interrupted,
            };
        }
    }
    Ok(state)
}

/// Creates tables and columns that are not there yet.
async fn declare(database: &Database) -> Result<()> {
    let runs = format!(
        "CREATE TABLE {RUNS_TABLE} (time TIMESTAMP NOT NULL, event TEXT, days BIGINT, seed BIGINT, recipe BIGINT)"
    );
    let tables = [
        (RUNS_TABLE, runs),
        (LABELS_TABLE, create_labels_table()),
        (centroids::CENTROIDS_TABLE, centroids::create_table()),
    ];
    for (name, create) in tables {
        if !has_table(database, name).await? {
            run(database, &create).await?;
        }
    }
    let present = database.sql("SELECT * FROM spans LIMIT 0").await?.schema();
    for (column, ty, attribute) in APP_COLUMNS {
        if present.field_with_name(column).is_err() {
            run(
                database,
                &format!("ALTER TABLE spans ADD COLUMN {column} {ty} FROM ATTRIBUTE '{attribute}'"),
            )
            .await?;
        }
    }
    for view in VIEWS {
        run(database, view).await?;
    }
    Ok(())
}

async fn record(database: &Database, event: &str, recipe: Recipe) -> Result<()> {
    let insert = format!(
        "INSERT INTO {RUNS_TABLE} (time, event, days, seed, recipe) VALUES (now(), '{event}', {}, {}, {RECIPE_VERSION})",
        recipe.days, recipe.seed
    );
    run(database, &insert).await
}

/// Sends all deliveries in order, except those that an earlier run has stored.
async fn store(database: &Database, recipe: Recipe, days: Range<u32>, bar: &ProgressBar) -> Result<()> {
    let mut stored = HashMap::new();
    for table in ["spans", "metrics", "logs", LABELS_TABLE] {
        stored.insert(table, count(database, table).await?);
    }
    let (sender, mut deliveries) = mpsc::channel(DELIVERIES_AHEAD_MAX);
    let telemetry = tokio::task::spawn_blocking(move || make(recipe, days, &sender));
    bar.set_message("making days");
    while let Some(delivery) = deliveries.recv().await {
        let Delivery { table, rows, body } = delivery;
        let before = stored.get_mut(table).context("the demo fills only tables it counts")?;
        if *before >= rows as u64 {
            *before -= rows as u64;
        } else {
            ensure!(
                *before == 0,
                "table {table} has rows that are not the demo's: delete the directory or choose another --dir"
            );
            send(database, table, rows, body).await?;
        }
        if table == "spans" {
            bar.inc(rows as u64);
        }
    }
    telemetry.await??;
    Ok(())
}

fn make(recipe: Recipe, days: Range<u32>, sender: &mpsc::Sender<Delivery>) -> Result<()> {
    let mut telemetry = Telemetry::new(recipe.seed, Calendar::new(recipe.days));
    for day in days {
        for delivery in telemetry.day(day)? {
            if sender.blocking_send(delivery).is_err() {
                // the receiver stopped: its error says why
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn send(database: &Database, table: &str, rows: usize, body: Body) -> Result<()> {
    match body {
        Body::Otlp(signal, body) => {
            let report = database.ingest_otlp(signal, Encoding::Protobuf, &body).await?;
            ensure!(
                report.accepted == rows as u64,
                "the database took {} of {rows} rows for {table}: {:?}",
                report.accepted,
                report.rejected
            );
        }
        Body::Rows(batch) => {
            database.append(table, batch).await?;
        }
    }
    Ok(())
}

async fn has_table(database: &Database, table: &str) -> Result<bool> {
    let query = format!("SELECT count(*) FROM driftline.tables WHERE name = '{table}'");
    Ok(single_count(database, &query).await? > 0)
}

async fn count(database: &Database, table: &str) -> Result<u64> {
    single_count(database, &format!("SELECT count(*) FROM {table}")).await
}

async fn single_count(database: &Database, query: &str) -> Result<u64> {
    let batches: Vec<_> = database.sql(query).await?.try_collect().await?;
    let batch = batches.iter().find(|batch| batch.num_rows() == 1).context("count(*) returns one row")?;
    Ok(batch.column(0).as_primitive::<Int64Type>().value(0).cast_unsigned())
}

async fn run(database: &Database, statement: &str) -> Result<()> {
    let mut result = database.sql(statement).await.with_context(|| {
        format!("in \"{}\"", statement.lines().find(|line| !line.starts_with("--")).unwrap_or_default())
    })?;
    while result.try_next().await?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests;
