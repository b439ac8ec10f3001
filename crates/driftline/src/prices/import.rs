//! A list of prices into the table `prices`: what is new or has changed becomes rows; what is there already is left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline_functions::prices::{Price, PriceBook, Rates};
use driftline_storage::Durability;

use super::litellm::{self, Listing, Tiers};
use super::{PRICES, book};
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
    /// Names that mean a model that another name means as well; the last of them counts.
    pub repeated: u64,
}

/// See [`Database::import_prices`](crate::Database::import_prices).
pub(crate) async fn import(
    engine: &Arc<Engine>,
    litellm_json: &[u8],
    from: Option<i64>,
) -> Result<PricesReport> {
    engine.check_open()?;
    let listed = litellm::read(litellm_json)?;
    let known = book(&QueryContext::begin(engine, &Arc::default())).await?;
    let since = match from {
        Some(from) => Since { new: from, changed: from },
        None => Since { new: ALWAYS, changed: engine.clock().now_ns() },
    };
    let (rows, mut report) = news(listed.prices, &known, since);
    report.not_by_token = listed.not_by_token;
    if !rows.is_empty() {
        engine.storage().append(PRICES, batch(&rows)?, Durability::Durable).await?;
    }
    Ok(report)
}

/// Since when prices hold: those of models that had none, and those that are others now.
#[derive(Clone, Copy)]
struct Since {
    new: i64,
    changed: i64,
}

/// The prices that the book does not have. All tiers of a model are written together: a book takes those of one time.
fn news(listed: Vec<Listing>, known: &PriceBook, since: Since) -> (Vec<Price>, PricesReport) {
    let mut report = PricesReport::default();
    let mut models: BTreeMap<(Option<String>, String), Tiers> = BTreeMap::new();
    for Listing { provider, model, tiers } in listed {
        report.repeated += u64::from(models.insert((provider, model), tiers).is_some());
    }
    let mut rows = vec![];
    for ((provider, model), mut tiers) in models {
        let same = |known: &[(i64, Rates)]| {
            known.iter().copied().eq(tiers.iter().map(|(above, rates)| (*above, *rates)))
        };
        let from = match known.at(provider.as_deref(), &model, since.changed) {
            Some((_, known)) if same(known) => {
                report.unchanged += 1;
                continue;
            }
            Some((from, known)) => {
                report.changed += 1;
                // rows of one time are one price: a tier that is gone costs what all tokens cost
                if from == since.changed {
                    let all = tiers.get(&0).copied().unwrap_or_default();
                    for (above, _) in known {
                        tiers.entry(*above).or_insert(all);
                    }
                }
                since.changed
            }
            None => {
                report.added += 1;
                since.new
            }
        };
        rows.extend(tiers.into_iter().map(|(input_tokens_above, rates)| Price {
            from,
            provider: provider.clone(),
            model: model.clone(),
            input_tokens_above,
            rates,
        }));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: f64) -> Rates {
        Rates { input: Some(input), ..Rates::default() }
    }

    fn listing(model: &str, tiers: &[(i64, f64)]) -> Listing {
        let tiers = tiers.iter().map(|(above, input)| (*above, rates(*input))).collect();
        Listing { provider: None, model: model.to_owned(), tiers }
    }

    fn at(from: i64) -> Since {
        Since { new: from, changed: from }
    }

    /// Imports one list after the other; what the last reports, and the book afterwards.
    fn imported(lists: Vec<(Vec<Listing>, Since)>) -> (PricesReport, PriceBook) {
        let (mut kept, mut last) = (vec![], PricesReport::default());
        for (list, since) in lists {
            let (rows, report) = news(list, &PriceBook::new(kept.clone()), since);
            kept.extend(rows);
            last = report;
        }
        (last, PriceBook::new(kept))
    }

    fn input(book: &PriceBook, model: &str, time: i64, tokens: i64) -> Option<f64> {
        let usage = driftline_functions::prices::Usage { input: Some(tokens), ..Default::default() };
        book.rates(&book.candidates(None, &[model]), time, &usage).and_then(|rates| rates.input)
    }

    // breaks when a list that holds from a time is compared with the prices of another time: rows would pile up, or be missing
    #[test]
    fn a_list_is_compared_with_what_holds_then() {
        let lists = || {
            vec![
                (vec![listing("m", &[(0, 3.0)])], at(2_025)),
                (vec![listing("m", &[(0, 4.0)])], at(2_024)),
                (vec![listing("m", &[(0, 4.0)])], at(2_024)),
            ]
        };
        let (report, book) = imported(lists());
        assert_eq!(report, PricesReport { unchanged: 1, ..PricesReport::default() });
        assert_eq!(
            [2_023, 2_024, 2_025].map(|time| input(&book, "m", time, 1)),
            [None, Some(4.0), Some(3.0)]
        );
        // the same price from earlier on
        let (report, book) = imported(vec![
            (vec![listing("m", &[(0, 3.0)])], at(10)),
            (vec![listing("m", &[(0, 3.0)])], at(5)),
        ]);
        assert_eq!((report.added, input(&book, "m", 5, 1)), (1, Some(3.0)));
    }

    // breaks when a tier that the list no longer has goes on at the same time
    #[test]
    fn a_tier_can_be_taken_back() {
        let with = || vec![listing("m", &[(0, 1.0), (200, 2.0)])];
        let without = || vec![listing("m", &[(0, 1.0)])];
        for later in [5, 9] {
            let (report, book) =
                imported(vec![(with(), at(5)), (without(), at(later)), (without(), at(later + 1))]);
            assert_eq!(input(&book, "m", later, 300), Some(1.0), "from {later}");
            assert!(report.changed <= 1);
        }
    }

    // breaks when two names of one model make two rows, and the next import finds a change again
    #[test]
    fn names_of_one_model_are_one_price() {
        let list = || vec![listing("m", &[(0, 1.0)]), listing("m", &[(0, 2.0)])];
        let (report, book) = imported(vec![(list(), at(5)), (list(), at(5))]);
        assert_eq!(report, PricesReport { unchanged: 1, repeated: 1, ..PricesReport::default() });
        assert_eq!(input(&book, "m", 5, 1), Some(2.0));
    }
}
