//! Prices of models: the rows of `prices` become a book when a statement asks for costs, and every `llm_cost(...)` of its plan a function
//! that has this book inside. So a query charges by the prices of its snapshot, and no row looks for them in a table.

mod import;
mod litellm;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::collect;
use driftline_functions::prices::{Price, PriceBook, Rates, takes_prices, with_prices};

pub use import::PricesReport;
pub(crate) use import::import;

use crate::context::QueryContext;
use crate::error::Result;
use crate::plan_expressions;

/// The table of prices.
pub(crate) const PRICES: &str = "prices";

/// What the book is made of. Types are said, since a table of this name may be the user's own.
const ROWS: &str = "SELECT arrow_cast(time, 'Timestamp(Nanosecond, None)'), arrow_cast(provider, 'Utf8'), arrow_cast(model, 'Utf8'), \
    coalesce(CAST(input_tokens_above AS BIGINT), 0), CAST(input_price AS DOUBLE), CAST(cache_read_price AS DOUBLE), \
    CAST(cache_write_price AS DOUBLE), CAST(output_price AS DOUBLE), CAST(reasoning_price AS DOUBLE) FROM prices";

/// The book that was read last.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    last: Mutex<Option<(Edition, Arc<PriceBook>)>>,
}

/// What tells the rows of a snapshot from those of every other: the version of the manifest, the table, and its rows in memory, which only
/// grow while the version stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edition {
    version: u64,
    table: u64,
    memory_rows: usize,
}

/// Gives the prices of the statement's snapshot to every `llm_cost` of its plan.
pub(crate) async fn resolve(plan: LogicalPlan, context: &QueryContext) -> Result<LogicalPlan> {
    if !asks_for_costs(&plan)? {
        return Ok(plan);
    }
    let function = with_prices(book(context).await?);
    let resolved = plan_expressions::rewrite(plan, |expr, _| match expr {
        Expr::ScalarFunction(mut call) if takes_prices(&call.func) => {
            call.func = Arc::clone(&function);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(resolved)
}

fn asks_for_costs(plan: &LogicalPlan) -> Result<bool> {
    let mut asks = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                asks |= matches!(expr, Expr::ScalarFunction(call) if takes_prices(&call.func));
                Ok(if asks { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(asks)
}

/// The prices of the statement's snapshot; none where the table is gone.
async fn book(context: &QueryContext) -> Result<Arc<PriceBook>> {
    let Some(table) = context.snapshot().table(PRICES) else { return Ok(Arc::default()) };
    context.relations().permit(PRICES)?;
    let edition = Edition {
        version: context.snapshot().version(),
        table: table.id(),
        memory_rows: table.memory_rows(),
    };
    let prices = context.engine().prices();
    if let Some(book) = prices.of(edition) {
        return Ok(book);
    }
    let book = Arc::new(PriceBook::new(rows(context).await?));
    prices.keep(edition, Arc::clone(&book));
    Ok(book)
}

/// The rows of `prices`, in the order of their commits where they agree in time. Prices without a model are none.
async fn rows(context: &QueryContext) -> Result<Vec<Price>> {
    let mut state = context.state().clone();
    // one worker reads segments and memory one after the other
    state.config_mut().options_mut().execution.target_partitions = 1;
    let plan = state.create_logical_plan(ROWS).await?;
    let batches = context
        .within_deadline(async {
            let physical = state.create_physical_plan(&plan).await?;
            Ok(collect(physical, context.task()).await?)
        })
        .await?;
    Ok(batches.iter().flat_map(prices_of).collect())
}

fn prices_of(batch: &RecordBatch) -> impl Iterator<Item = Price> {
    let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
    let [providers, models] = [1, 2].map(|column| batch.column(column).as_string::<i32>());
    let above = batch.column(3).as_primitive::<Int64Type>();
    let amounts = [4, 5, 6, 7, 8].map(|column| batch.column(column).as_primitive::<Float64Type>());
    (0..batch.num_rows()).filter(|&row| models.is_valid(row)).map(move |row| {
        // what cannot be a price is none
        let [input, cache_read, cache_write, output, reasoning] = amounts.map(|amounts| {
            let amount = amounts.is_valid(row).then(|| amounts.value(row));
            amount.filter(|amount| amount.is_finite() && *amount >= 0.0)
        });
        Price {
            from: times.value(row),
            provider: providers.is_valid(row).then(|| providers.value(row).to_owned()),
            model: models.value(row).to_owned(),
            input_tokens_above: above.value(row),
            rates: Rates { input, cache_read, cache_write, output, reasoning },
        }
    })
}

impl Prices {
    fn of(&self, edition: Edition) -> Option<Arc<PriceBook>> {
        let last = self.lock();
        last.as_ref().filter(|(known, _)| *known == edition).map(|(_, book)| Arc::clone(book))
    }

    fn keep(&self, edition: Edition, book: Arc<PriceBook>) {
        *self.lock() = Some((edition, book));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Edition, Arc<PriceBook>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
