//! A list of prices into the table `prices`: what is new or has changed becomes rows; what is there already is left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_functions::prices::{Price, PriceBook};
use driftline_storage::Durability;

use super::{PRICES, book, litellm};
use crate::context::QueryContext;
use crate::db::Engine;
use crate::error::Result;

/// Where the prices of models begin that had none: before every call.
const ALWAYS: i64 = 0;

/// What became of a list of prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PricesReport {
    /// Models that had no price.
    pub added: u64,
    /// Models whose price is another now.
    pub changed: u64,
    /// Models whose price is as it was.
    pub unchanged: u64,
    /// Models that are not priced by token, such as those of images; they are left out.
    pub not_by_token: u64,
}

/// See [`Database::import_prices`](crate::Database::import_prices).
pub(crate) async fn import(
    engine: &Arc<Engine>,
    litellm_json: &[u8],
    from: Option<i64>,
) -> Result<PricesReport> {
    engine.check_open()?;
    let listed = litellm::read(litellm_json, from.unwrap_or(ALWAYS))?;
    let known = book(&QueryContext::begin(engine, &Arc::default())).await?;
    let changed_from = from.unwrap_or_else(|| engine.clock().now_ns());
    let (rows, mut report) = news(listed.prices, &known, changed_from);
    report.not_by_token = listed.not_by_token;
    if !rows.is_empty() {
        engine.storage().append(PRICES, batch(&rows)?, Durability::Durable).await?;
    }
    Ok(report)
}

/// The prices that the book does not have. All tiers of a model are written together: a book takes those of one time.
fn news(listed: Vec<Price>, known: &PriceBook, changed_from: i64) -> (Vec<Price>, PricesReport) {
    let mut models: BTreeMap<(Option<String>, String), Vec<Price>> = BTreeMap::new();
    for price in listed {
        models.entry((price.provider.clone(), price.model.clone())).or_default().push(price);
    }
    let mut report = PricesReport::default();
    let mut rows = vec![];
    for ((provider, model), mut tiers) in models {
        tiers.sort_by_key(|price| price.input_tokens_above);
        let given: Vec<_> = tiers.iter().map(|price| (price.input_tokens_above, price.rates)).collect();
        match known.latest(provider.as_deref(), &model) {
            Some(latest) if latest == given.as_slice() => {
                report.unchanged += 1;
                continue;
            }
            Some(_) => {
                report.changed += 1;
                tiers.iter_mut().for_each(|price| price.from = changed_from);
            }
            None => report.added += 1,
        }
        rows.append(&mut tiers);
    }
    (rows, report)
}

fn batch(prices: &[Price]) -> Result<RecordBatch> {
    let amounts = |of: fn(&Price) -> Option<f64>| -> ArrayRef {
        Arc::new(prices.iter().map(of).collect::<Float64Array>())
    };
    let times = TimestampNanosecondArray::from_iter_values(prices.iter().map(|price| price.from))
        .with_timezone("UTC");
    let above = prices.iter().map(|price| Some(price.input_tokens_above).filter(|above| *above > 0));
    let columns: [(&str, ArrayRef); 10] = [
        ("time", Arc::new(times)),
        ("provider", Arc::new(prices.iter().map(|price| price.provider.as_deref()).collect::<StringArray>())),
        ("model", Arc::new(StringArray::from_iter_values(prices.iter().map(|price| &price.model)))),
        ("input_tokens_above", Arc::new(above.collect::<Int64Array>())),
        ("input_price", amounts(|price| price.rates.input)),
        ("cache_read_price", amounts(|price| price.rates.cache_read)),
        ("cache_write_price", amounts(|price| price.rates.cache_write)),
        ("output_price", amounts(|price| price.rates.output)),
        ("reasoning_price", amounts(|price| price.rates.reasoning)),
        ("source", Arc::new(StringArray::from_iter_values(prices.iter().map(|_| "litellm")))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
