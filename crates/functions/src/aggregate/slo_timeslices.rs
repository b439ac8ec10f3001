//! `slo_timeslices`: the share of time in which a service was good, by slices of equal length.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int64Type, TimeUnit, TimestampNanosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;
use hashbrown::HashMap;

use super::documentation::SLO;
use super::slo::period;

const NAME: &str = "slo_timeslices";
/// Most slices of a group: twice as many minutes as two years have.
const SLICES_MAX: usize = 1 << 21;

pub(crate) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(SloTimeslices {
        signature: Signature::user_defined(Volatility::Immutable),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SloTimeslices {
    signature: Signature,
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("sli", DataType::Float64, true),
        Field::new("good_slices", DataType::Int64, true),
        Field::new("slices", DataType::Int64, true),
    ])
});

/// One slice in a partial state.
static SLICE: LazyLock<FieldRef> = LazyLock::new(|| Arc::new(Field::new("item", DataType::Int64, false)));

impl AggregateUDFImpl for SloTimeslices {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = arg_types.iter().enumerate().map(|(place, kind)| match (place, kind) {
            (0, DataType::Null) => DataType::Boolean,
            (1, DataType::Timestamp(_, zone)) => DataType::Timestamp(TimeUnit::Nanosecond, zone.clone()),
            (2, kind) => period::coerced(kind),
            (3, kind) if kind.is_numeric() => DataType::Float64,
            (_, kind) => kind.clone(),
        });
        Ok(coerced.collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [good, time, slice, target] = arg_types else {
            return plan_err!(
                "{NAME}: takes (good, time, slice, slice_target), got {} arguments",
                arg_types.len()
            );
        };
        if *good != DataType::Boolean {
            return plan_err!("{NAME}: good must be BOOLEAN, got {good}");
        }
        if !matches!(time, DataType::Timestamp(..)) {
            return plan_err!("{NAME}: time must be TIMESTAMP, got {time}");
        }
        if !period::is_period(slice) {
            return plan_err!(
                "{NAME}: slice must be an INTERVAL, for example INTERVAL '1 minute', got {slice}"
            );
        }
        if *target != DataType::Float64 {
            return plan_err!("{NAME}: slice_target must be a number in (0, 1], got {target}");
        }
        Ok(DataType::Struct(FIELDS.clone()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let list = DataType::List(Arc::clone(&SLICE));
        let fields = ["slice", "good", "total"];
        Ok(fields
            .map(|name| Arc::new(Field::new(format_state_name(args.name, name), list.clone(), true)))
            .to_vec())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME}: DISTINCT would drop events and is not supported");
        }
        let literal = |place: usize| args.exprs[place].downcast_ref::<Literal>().map(Literal::value);
        let slice_ns = match literal(2) {
            Some(ScalarValue::IntervalMonthDayNano(Some(slice))) => {
                period::length_ns(&format!("{NAME}: slice"), *slice)?
            }
            _ => return plan_err!("{NAME}: slice must be a constant, for example INTERVAL '1 minute'"),
        };
        let target = match literal(3) {
            Some(ScalarValue::Float64(Some(target))) => *target,
            _ => return plan_err!("{NAME}: slice_target must be a constant in (0, 1]"),
        };
        if !(target > 0.0 && target <= 1.0) {
            return exec_err!("{NAME}: slice_target must lie in (0, 1], got {target}");
        }
        Ok(Box::new(Slices { slice_ns, target, counts: HashMap::new() }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Good and all events of each slice, by its number since 1970.
#[derive(Debug)]
struct Slices {
    slice_ns: i64,
    target: f64,
    counts: HashMap<i64, (i64, i64)>,
}

impl Slices {
    /// Calls `visit(slice, good)` for each eligible event.
    fn for_each(&self, args: &[ArrayRef], mut visit: impl FnMut(i64, i64)) {
        let good: &BooleanArray = args[0].as_boolean();
        let times = args[1].as_primitive::<TimestampNanosecondType>();
        for row in 0..good.len() {
            if good.is_valid(row) && times.is_valid(row) {
                visit(times.value(row).div_euclid(self.slice_ns), i64::from(good.value(row)));
            }
        }
    }

    fn check_size(&self) -> Result<()> {
        match self.counts.len() > SLICES_MAX {
            true => exec_err!("{NAME}: more than {SLICES_MAX} slices in a group: take longer ones"),
            false => Ok(()),
        }
    }

    /// Good slices, and all that had events.
    fn verdict(&self) -> (i64, i64) {
        let is_good = |(good, total): &(i64, i64)| *good as f64 / *total as f64 >= self.target;
        (self.counts.values().filter(|counts| is_good(counts)).count() as i64, self.counts.len() as i64)
    }
}

impl Accumulator for Slices {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let mut counts = std::mem::take(&mut self.counts);
        self.for_each(args, |slice, good| {
            let entry = counts.entry(slice).or_default();
            *entry = (entry.0 + good, entry.1 + 1);
        });
        self.counts = counts;
        self.check_size()
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let mut counts = std::mem::take(&mut self.counts);
        let mut known = true;
        self.for_each(args, |slice, good| match counts.get_mut(&slice) {
            Some(entry) if *entry == (good, 1) => drop(counts.remove(&slice)),
            Some(entry) => *entry = (entry.0 - good, entry.1 - 1),
            None => known = false,
        });
        self.counts = counts;
        if known { Ok(()) } else { internal_err!("a window retracted events that it never held") }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |values: Vec<i64>| {
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            let values: ArrayRef = Arc::new(Int64Array::from(values));
            ScalarValue::List(Arc::new(ListArray::new(Arc::clone(&SLICE), offsets, values, None)))
        };
        Ok(vec![
            list(self.counts.keys().copied().collect()),
            list(self.counts.values().map(|(good, _)| *good).collect()),
            list(self.counts.values().map(|(_, total)| *total).collect()),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists = [0, 1, 2].map(|column| states[column].as_list::<i32>());
        for row in (0..lists[0].len()).filter(|row| lists[0].is_valid(*row)) {
            let values = lists.map(|list| list.value(row));
            let [slices, good, total] = [0, 1, 2].map(|column| values[column].as_primitive::<Int64Type>());
            for at in 0..slices.len() {
                let entry = self.counts.entry(slices.value(at)).or_default();
                *entry = (entry.0 + good.value(at), entry.1 + total.value(at));
            }
        }
        self.check_size()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let (good, slices) = self.verdict();
        if slices == 0 {
            return ScalarValue::try_from(&DataType::Struct(FIELDS.clone()));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(vec![good as f64 / slices as f64])),
            Arc::new(Int64Array::from(vec![good])),
            Arc::new(Int64Array::from(vec![slices])),
        ];
        Ok(ScalarValue::Struct(Arc::new(StructArray::new(FIELDS.clone(), columns, None))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<(i64, (i64, i64))>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SLO,
        "How much of the time a service was good, STRUCT(sli DOUBLE, good_slices BIGINT, slices BIGINT). Time is cut into slices from \
         1970 on; a slice is good when at least `slice_target` of its events are. Slices without events are unmeasured: neither \
         good nor bad, so `slices` says how much of the time is known.\n\n\
         `sli = good_slices / slices`. Source: OpenSLO v1, budgetingMethod Timeslices. An event with NULL `good` is not eligible. NULL \
         without events. Errors: a slice of 0, a target outside (0, 1], more than 2,097,152 slices in a group. Works in `OVER` windows.",
        "slo_timeslices(good, time, slice, slice_target)",
    )
    .with_argument("good", "BOOLEAN: whether the event was good; NULL where the objective does not apply.")
    .with_argument("time", "TIMESTAMP of the event.")
    .with_argument("slice", "Constant INTERVAL without months: the length of a slice.")
    .with_argument("slice_target", "Constant share of good events that makes a slice good, in (0, 1].")
    .with_sql_example(
        "SELECT s['sli'] AS sli, s['good_slices'] AS good_slices, s['slices'] AS slices\n\
         FROM (SELECT slo_timeslices(ok, at, INTERVAL '1 minute', 0.5) AS s\n\
         \x20     FROM (VALUES (TIMESTAMP '2026-01-01T00:00:10Z', true), (TIMESTAMP '2026-01-01T00:00:40Z', false),\n\
         \x20                  (TIMESTAMP '2026-01-01T00:01:00Z', false)) AS calls (at, ok))",
    )
    .build()
});
