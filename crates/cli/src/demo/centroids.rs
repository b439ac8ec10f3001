//! k-means over the training period's prompt embeddings, kept in a table: what `novelty()` measures distances from.

use std::sync::Arc;

use anyhow::{Result, ensure};
use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, ListArray, TimestampNanosecondArray};
use arrow::datatypes::{Float32Type, Float64Type};
use arrow::record_batch::RecordBatch;
use driftline::Database;
use futures::TryStreamExt;

use super::bot::{EMBEDDING_DIMENSIONS, INTENTS, nearest};
use super::calendar::Calendar;
use super::draw::Draw;

pub(super) const CENTROIDS_TABLE: &str = "training_centroids";

/// As many clusters as the bot has intents.
const CLUSTERS: usize = INTENTS.len();

const ITERATIONS_MAX: usize = 50;

type Point = [f64; EMBEDDING_DIMENSIONS];

pub(super) fn create_table() -> String {
    format!(
        "CREATE TABLE {CENTROIDS_TABLE} (time TIMESTAMP NOT NULL, trained_from TIMESTAMP, trained_to TIMESTAMP, \
         cluster INTEGER, size BIGINT, centroid DOUBLE[])"
    )
}

/// Reads the training embeddings back from the database, clusters them and stores the centroids.
pub(super) async fn fit(database: &Database, seed: u64, calendar: Calendar) -> Result<()> {
    let points = training_points(database, calendar).await?;
    ensure!(points.len() > CLUSTERS, "only {} training embeddings are stored", points.len());
    let mut draw = Draw::new(seed, u64::MAX - 1);
    let clusters = tokio::task::spawn_blocking(move || k_means(&points, &mut draw)).await?;
    database.append(CENTROIDS_TABLE, rows(&clusters, calendar)?).await?;
    Ok(())
}

async fn training_points(database: &Database, calendar: Calendar) -> Result<Vec<Point>> {
    // a fixed order, so that the sums come out the same on every machine
    let query = format!(
        "SELECT app_prompt_embedding FROM spans WHERE gen_ai_operation_name = 'chat' AND time < to_timestamp_nanos({}) \
         ORDER BY time, span_id",
        calendar.training_end_ns()
    );
    let mut batches = database.sql(&query).await?;
    let mut points = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let lists = batch.column(0).as_list::<i32>();
        for row in 0..lists.len() {
            let value = lists.value(row);
            ensure!(value.len() == EMBEDDING_DIMENSIONS, "an embedding has {} numbers", value.len());
            let numbers = value.as_primitive::<Float32Type>();
            points.push(std::array::from_fn(|d| f64::from(numbers.value(d))));
        }
    }
    Ok(points)
}

fn rows(clusters: &[(Point, usize)], calendar: Calendar) -> Result<RecordBatch> {
    let times = |ns: i64| -> ArrayRef {
        Arc::new(TimestampNanosecondArray::from(vec![ns; CLUSTERS]).with_timezone("UTC"))
    };
    let centroids = clusters.iter().map(|(centre, _)| Some(centre.map(Some)));
    let columns: [(&str, ArrayRef); 6] = [
        ("time", times(calendar.training_end_ns())),
        ("trained_from", times(calendar.start_ns(0))),
        ("trained_to", times(calendar.training_end_ns())),
        ("cluster", Arc::new(Int32Array::from_iter_values(0..clusters.len() as i32))),
        ("size", Arc::new(Int64Array::from_iter_values(clusters.iter().map(|(_, size)| *size as i64)))),
        ("centroid", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(centroids))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, name != "time")))?)
}

/// Lloyd's iterations from a k-means++ start, until no point changes its cluster. Largest cluster first.
pub(super) fn k_means(points: &[Point], draw: &mut Draw) -> Vec<(Point, usize)> {
    let mut centres = spread_out_start(points, draw);
    let mut assigned = vec![usize::MAX; points.len()];
    let mut sizes = vec![0; CLUSTERS];
    for _ in 0..ITERATIONS_MAX {
        let mut moved = false;
        let mut sums = vec![[0.0; EMBEDDING_DIMENSIONS]; CLUSTERS];
        sizes.fill(0);
        for (point, cluster) in points.iter().zip(&mut assigned) {
            let now = nearest(&centres, point).0;
            moved |= now != *cluster;
            *cluster = now;
            sizes[now] += 1;
            for (sum, x) in sums[now].iter_mut().zip(point) {
                *sum += x;
            }
        }
        if !moved {
            break;
        }
        for ((centre, sum), size) in centres.iter_mut().zip(&sums).zip(&sizes) {
            if *size > 0 {
                *centre = sum.map(|x| x / *size as f64);
            }
        }
    }
    let mut clusters: Vec<_> = centres.into_iter().zip(sizes).collect();
    clusters.sort_by(|a, b| {
        b.1.cmp(&a.1).then_with(|| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal))
    });
    clusters
}

/// k-means++: each next centre is a point, drawn with probability proportional to its squared distance from the centres so far.
fn spread_out_start(points: &[Point], draw: &mut Draw) -> Vec<Point> {
    let mut centres = vec![points[draw.below(points.len())]];
    let mut distances = vec![f64::INFINITY; points.len()];
    while centres.len() < CLUSTERS {
        let newest = &centres[centres.len() - 1..];
        for (distance, point) in distances.iter_mut().zip(points) {
            *distance = distance.min(nearest(newest, point).1);
        }
        centres.push(points[draw.pick(&distances)]);
    }
    centres
}
