//! `llm_cost`: what a call of a model costs, by the prices of the database.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, Float64Builder, Int64Array};
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use hashbrown::HashMap;

use super::Texts;
use super::attr::TELEMETRY;
use crate::kernels::prices::{Candidates, PriceBook, Usage};

const ARGUMENTS: [&str; 9] = [
    "time",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "requested_model",
];
/// The arguments that cannot be left out.
const REQUIRED: usize = 5;
/// Where the counts of tokens begin.
const COUNTS: usize = 3;
/// Where the other name of the model stands.
const REQUESTED: usize = 8;

/// Without a book it has no prices, and answers NULL. Two functions are equal when they hold the same book.
#[derive(Debug)]
pub(crate) struct LlmCost {
    signature: Signature,
    book: Option<Arc<PriceBook>>,
}

impl LlmCost {
    /// Without prices.
    pub(crate) fn new() -> Self {
        // stable: what it answers belongs to a moment of the database, and nothing evaluates it before the prices are in
        Self { signature: Signature::user_defined(Volatility::Stable), book: None }
    }

    /// With the prices of a moment.
    pub(crate) fn with_prices(book: Arc<PriceBook>) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), book: Some(book) }
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.book.is_some()
    }

    fn identity(&self) -> Option<*const PriceBook> {
        self.book.as_ref().map(Arc::as_ptr)
    }
}

impl PartialEq for LlmCost {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for LlmCost {}

impl Hash for LlmCost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl ScalarUDFImpl for LlmCost {
    fn name(&self) -> &str {
        "llm_cost"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.iter().enumerate().map(|(place, kind)| coerced(place, kind)).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        if !(REQUIRED..=ARGUMENTS.len()).contains(&arg_types.len()) {
            return plan_err!(
                "llm_cost: takes (time, provider, model, input_tokens, output_tokens [, cache_read_tokens [, cache_write_tokens \
                 [, reasoning_tokens [, requested_model]]]]), got {} arguments",
                arg_types.len()
            );
        }
        for (place, (argument, kind)) in ARGUMENTS.iter().zip(arg_types).enumerate() {
            let (fits, wanted) = match place {
                0 => (matches!(kind, DataType::Timestamp(TimeUnit::Nanosecond, _)), "TIMESTAMP"),
                1 | 2 | REQUESTED => (Texts::reads(kind), "TEXT"),
                _ => (*kind == DataType::Int64, "a whole number"),
            };
            if !fits {
                return plan_err!("llm_cost: {argument} must be {wanted}, got {kind}");
            }
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(book) = self.book.as_ref().filter(|book| !book.is_empty()) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Float64(None)));
        };
        let arrays: Vec<_> =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<_>>()?;
        let times = arrays[0].as_primitive::<TimestampNanosecondType>();
        let (providers, models) = (Texts::new(&arrays[1])?, Texts::new(&arrays[2])?);
        let requested = arrays.get(REQUESTED).map(|array| Texts::new(array)).transpose()?;
        let counts: Vec<&Int64Array> = arrays[COUNTS..arrays.len().min(REQUESTED)]
            .iter()
            .map(|array| array.as_primitive::<Int64Type>())
            .collect();
        let count = |place: usize, row: usize| {
            counts.get(place).filter(|counts| counts.is_valid(row)).map(|counts| counts.value(row))
        };
        let mut looked_up = LookedUp::new(book);
        let mut costs = Float64Builder::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let usage = Usage {
                input: count(0, row),
                output: count(1, row),
                cache_read: count(2, row),
                cache_write: count(3, row),
                reasoning: count(4, row),
            };
            let requested = requested.as_ref().and_then(|requested| requested.get(row));
            let cost = match models.get(row).or(requested) {
                Some(model) if times.is_valid(row) => {
                    let served = Served { provider: providers.get(row), model, requested };
                    let rates = book.rates(looked_up.candidates(served), times.value(row), &usage);
                    rates.and_then(|rates| rates.cost(&usage))
                }
                _ => None,
            };
            costs.append_option(cost);
        }
        Ok(ColumnarValue::Array(Arc::new(costs.finish())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The type that an argument is read as, where it can be.
fn coerced(place: usize, kind: &DataType) -> DataType {
    match (place, kind) {
        (0, DataType::Timestamp(_, zone)) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
        (0, kind) if kind.is_null() || kind.is_temporal() || Texts::reads(kind) => {
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        }
        (1 | 2 | REQUESTED, DataType::Null) => DataType::Utf8,
        (1 | 2 | REQUESTED, DataType::Dictionary(_, values)) => values.as_ref().clone(),
        (COUNTS..REQUESTED, kind) if kind.is_null() || kind.is_integer() => DataType::Int64,
        _ => kind.clone(),
    }
}

/// Whose model, and its names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Served<'a> {
    provider: Option<&'a str>,
    model: &'a str,
    requested: Option<&'a str>,
}

/// The prices of the models of a batch: a batch has few, each is looked up once, and rows of the same one often follow each other.
struct LookedUp<'a> {
    book: &'a PriceBook,
    found: Vec<Candidates>,
    places: HashMap<Served<'a>, usize>,
    last: Option<(Served<'a>, usize)>,
}

impl<'a> LookedUp<'a> {
    fn new(book: &'a PriceBook) -> Self {
        Self { book, found: vec![], places: HashMap::new(), last: None }
    }

    fn candidates(&mut self, served: Served<'a>) -> &Candidates {
        let place = match self.last {
            Some((last, place)) if last == served => place,
            _ => *self.places.entry(served).or_insert_with(|| {
                let names = [Some(served.model), served.requested.filter(|name| *name != served.model)];
                let names: Vec<&str> = names.into_iter().flatten().collect();
                self.found.push(self.book.candidates(served.provider, &names));
                self.found.len() - 1
            }),
        };
        self.last = Some((served, place));
        &self.found[place]
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        TELEMETRY,
        "What a call of a model costs in US dollars, DOUBLE, by the table `prices` as the query sees it. \
         `(in - read - write) p_in + read p_read + write p_write + (out - reasoning) p_out + reasoning p_reasoning`, divided by 1e6, \
         since prices are for a million tokens. A part without a price of its own costs as the whole that it is a part of.\n\n\
         A row of `prices` holds from its `time` on, for calls of its `provider` (NULL: of any) and `model`, in which `%` stands for any \
         text. Of those that hold at `time`, the most specific counts: one of the provider before one of any, a whole name before a \
         pattern, a longer pattern before a shorter, and of the same name the latest. Of its tiers the one with the highest `input_tokens_above` that is \
         below `input_tokens` counts.\n\n\
         Parts that are more than their whole are no part of it: some providers count the tokens of caches beside the input, and then the \
         whole is the sum. NULL where no price holds, where a count or a price that matters is NULL (a NULL part counts as none), and for a NULL \
         `time` or model. The view `llm_calls` gives the model of the response and the requested one.",
        "llm_cost(time, provider, model, input_tokens, output_tokens [, cache_read_tokens [, cache_write_tokens [, reasoning_tokens [, requested_model]]]])",
    )
    .with_argument("time", "TIMESTAMP of the call.")
    .with_argument("provider", "TEXT as in `gen_ai.provider.name`, or NULL: then only prices of any provider count.")
    .with_argument("model", "TEXT.")
    .with_argument("input_tokens", "All input tokens, those of caches among them.")
    .with_argument("output_tokens", "All output tokens, those of reasoning among them. NULL is no obstacle where output costs nothing.")
    .with_argument("cache_read_tokens", "Input tokens that a cache served.")
    .with_argument("cache_write_tokens", "Input tokens that were written to a cache.")
    .with_argument("reasoning_tokens", "Output tokens that are no part of the answer.")
    .with_argument("requested_model", "TEXT, another name of the model, or NULL. `model` counts before it, but a whole name of either before a pattern.")
    .with_sql_example(
        "INSERT INTO prices (time, model, input_price, output_price) VALUES ('2026-01-01', 'gpt-4o%', 2.5, 10);\n\n\
         SELECT llm_cost('2026-08-03', 'openai', 'gpt-4o-2024-08-06', 1000, 200) AS usd",
    )
    .build()
});
