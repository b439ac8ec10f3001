//! Groups that leave before the last row has come: what streaming and spilling aggregations do with a groups accumulator.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, UInt32Array,
};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{Column, Literal};

const GROUPS: usize = 9;
const ROWS: usize = 200;

/// An aggregate over columns of these kinds, with a literal behind them.
fn aggregate<const N: usize>(
    function: &str,
    kinds: [&DataType; N],
    literal: Option<ScalarValue>,
) -> AggregateFunctionExpr {
    let fields: Vec<Field> = (0..)
        .zip(kinds)
        .map(|(at, kind): (usize, _)| Field::new(format!("column {at}"), kind.clone(), true))
        .collect();
    let taken = if function == "slo_burn_rate" { 1 } else { N };
    let mut args: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
    for (at, field) in fields.iter().enumerate().take(taken) {
        args.push(Arc::new(Column::new(field.name(), at)));
    }
    args.extend(literal.map(|value| Arc::new(Literal::new(value)) as Arc<dyn PhysicalExpr>));
    let function = crate::aggregates().into_iter().find(|known| known.name() == function).unwrap();
    AggregateExprBuilder::new(function, args)
        .schema(Arc::new(Schema::new(fields)))
        .alias("a")
        .build()
        .unwrap()
}

/// The rows in order of their groups: arguments and group of each row.
fn rows() -> (Vec<(DataType, ArrayRef)>, ArrayRef, Vec<usize>) {
    let hash = |row: usize| (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let groups: Vec<usize> = (0..ROWS).map(|row| row * row * GROUPS / (ROWS * ROWS)).collect();
    let values =
        Float64Array::from_iter((0..ROWS).map(|row| (hash(row) % 7 != 0).then_some((hash(row) % 40) as f64)));
    let texts = StringArray::from_iter((0..ROWS).map(|row| Some(format!("text {}", hash(row) % 5))));
    let flags =
        BooleanArray::from_iter((0..ROWS).map(|row| (hash(row) % 11 != 0).then_some(hash(row) % 3 == 0)));
    let columns: Vec<ArrayRef> = vec![Arc::new(values), Arc::new(texts), Arc::new(flags.clone())];
    let columns = columns.into_iter().map(|column| (column.data_type().clone(), column)).collect();
    (columns, Arc::new(flags), groups)
}

/// Feeds rows in batches; after each one lets all groups but the last go, as `take` says. Returns what left.
fn stream<T>(
    accumulator: &mut dyn GroupsAccumulator,
    groups: &[usize],
    feed: impl Fn(&mut dyn GroupsAccumulator, std::ops::Range<usize>, &[usize], usize),
    take: impl Fn(&mut dyn GroupsAccumulator, EmitTo) -> T,
) -> Vec<T> {
    let (mut left, mut gone) = (Vec::new(), 0);
    for start in (0..groups.len()).step_by(30) {
        let range = start..(start + 30).min(groups.len());
        let shifted: Vec<usize> = groups[range.clone()].iter().map(|group| group - gone).collect();
        let total = shifted.last().unwrap() + 1;
        feed(accumulator, range, &shifted, total);
        if total > 1 {
            left.push(take(accumulator, EmitTo::First(total - 1)));
            gone += total - 1;
        }
    }
    left.push(take(accumulator, EmitTo::All));
    left
}

fn joined(parts: Vec<ArrayRef>) -> ArrayRef {
    let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
    concat(&parts).unwrap()
}

// breaks when: a group that stays keeps its old number, or one that leaves takes rows of another along
#[test]
fn groups_may_leave_early() {
    let text = |options: &str| Some(ScalarValue::Utf8(Some(options.to_string())));
    let (columns, flags, groups) = rows();
    let [number, word, flag] = [0, 1, 2].map(|index| columns[index].clone());
    for (function, (_, column), literal) in [
        ("psi", number.clone(), None),
        ("psi", number.clone(), text("edges=[10, 20, 30]")),
        ("js_distance", number.clone(), text("profile=nannyml")),
        ("ks_test", number.clone(), None),
        ("wasserstein", number.clone(), None),
        ("cvm_test", number.clone(), None),
        ("psi", word.clone(), None),
        ("kl_divergence", word.clone(), None),
        ("drift_auto", word, None),
        ("drift_auto", number, None),
        ("js_distance", flag.clone(), None),
        ("psi_detail", columns[0].clone(), None),
        ("psi_detail", columns[0].clone(), text("edges=[10, 20, 30]")),
        ("chi2_test", columns[1].clone(), None),
        ("null_rate_drift", columns[1].clone(), None),
        ("slo_burn_rate", flag, Some(ScalarValue::Float64(Some(0.9)))),
    ] {
        check(function, [column, Arc::clone(&flags)], literal, &groups);
    }
}

// breaks when: as above, for what is kept of clusters
#[test]
fn groups_of_clusters_may_leave_early() {
    let (columns, flags, groups) = rows();
    let [numbers, words, _] = [0, 1, 2].map(|index| Arc::clone(&columns[index].1));
    let clusters: ArrayRef = Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row % 13 - 5)));
    let literal = || Some(ScalarValue::Utf8(Some("resamples=100".to_string())));
    check("psi_ci", [Arc::clone(&numbers), Arc::clone(&flags), Arc::clone(&words)], literal(), &groups);
    check("psi_ci", [words, flags, clusters], literal(), &groups);
}

// breaks when: as above, for what is kept of labels and predictions
#[test]
fn groups_of_labels_may_leave_early() {
    let text = |options: &str| Some(ScalarValue::Utf8(Some(options.to_string())));
    let (columns, flags, groups) = rows();
    let numbers = Arc::clone(&columns[0].1);
    let words = cast(&columns[1].1, &DataType::Utf8View).unwrap();
    let other_words = cast(&reversed(&columns[1].1), &DataType::Utf8View).unwrap();
    let probabilities: ArrayRef = Arc::new(Float64Array::from_iter(
        numbers.as_primitive::<Float64Type>().iter().map(|number| number.map(|number| number / 39.0)),
    ));
    let of_words = [words, other_words];
    let of_flags = [Arc::clone(&flags), reversed(&flags)];
    let scored = [flags, numbers];
    let predicted = [Arc::clone(&scored[0]), probabilities];
    for (function, columns, literal) in [
        ("accuracy", &of_words, None),
        ("recall", &of_words, text("positive=text 3")),
        ("precision", &of_flags, None),
        ("f1", &of_words, text("average=macro")),
        ("confusion_matrix", &of_words, None),
        ("confusion_matrix", &of_flags, None),
        ("roc_auc", &scored, None),
        ("log_loss", &predicted, None),
        ("ece", &predicted, text("bins=4")),
        ("calibration", &predicted, text("bins=4, binning=quantile")),
    ] {
        check(function, columns.clone(), literal, &groups);
    }
}

// breaks when: as above, for what is kept of embeddings
#[test]
fn groups_of_embeddings_may_leave_early() {
    let text = |options: &str| Some(ScalarValue::Utf8(Some(options.to_string())));
    let (columns, flags, groups) = rows();
    let numbers = columns[0].1.as_primitive::<Float64Type>();
    let embedding = |(row, number): (usize, Option<f64>)| Some([number, Some(row as f64 / 7.0)]);
    let embeddings = numbers.iter().enumerate().map(embedding);
    let embeddings: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(embeddings));
    for (function, literal) in [
        ("centroid_drift", None),
        ("mmd_rff", text("features=16")),
        ("frechet_distance", None),
        ("frechet_distance", text("ddof=0")),
    ] {
        check(function, [Arc::clone(&embeddings), Arc::clone(&flags)], literal, &groups);
    }
}

fn reversed(column: &ArrayRef) -> ArrayRef {
    let backwards = UInt32Array::from_iter_values((0..column.len() as u32).rev());
    take(column, &backwards, None).unwrap()
}

/// Lets groups leave as results and as states, and compares with all of them at once.
fn check<const N: usize>(
    function: &str,
    columns: [ArrayRef; N],
    literal: Option<ScalarValue>,
    groups: &[usize],
) {
    let aggregate = aggregate(function, columns.each_ref().map(|column| column.data_type()), literal);
    let args = |range: std::ops::Range<usize>| {
        columns.each_ref().map(|array| array.slice(range.start, range.len())).to_vec()
    };
    let fresh = || aggregate.create_groups_accumulator().unwrap();
    let update = |accumulator: &mut dyn GroupsAccumulator, range, groups: &[usize], total| {
        accumulator.update_batch(&args(range), groups, None, total).unwrap();
    };
    let mut whole = fresh();
    update(whole.as_mut(), 0..ROWS, groups, GROUPS);
    let expected = whole.evaluate(EmitTo::All).unwrap();
    assert_eq!(expected.len(), GROUPS);

    // finished groups leave as results
    let results =
        stream(fresh().as_mut(), groups, update, |accumulator, emit| accumulator.evaluate(emit).unwrap());
    assert_eq!(&joined(results), &expected, "{function} as results");

    // finished groups leave as states; the merging side lets them go early as well
    let states =
        stream(fresh().as_mut(), groups, update, |accumulator, emit| accumulator.state(emit).unwrap());
    let states: Vec<ArrayRef> = (0..states[0].len())
        .map(|index| joined(states.iter().map(|state| Arc::clone(&state[index])).collect()))
        .collect();
    // every row as a state of its own, and once more: all counts double
    let single = fresh().convert_to_state(&args(0..ROWS), None).unwrap();
    let mut doubled = fresh();
    update(doubled.as_mut(), 0..ROWS, groups, GROUPS);
    update(doubled.as_mut(), 0..ROWS, groups, GROUPS);
    let doubled = doubled.evaluate(EmitTo::All).unwrap();
    let mut merged = fresh();
    merged.merge_batch(&states, &(0..GROUPS).collect::<Vec<_>>(), GROUPS).unwrap();
    merged.merge_batch(&single, groups, GROUPS).unwrap();
    let first = merged.evaluate(EmitTo::First(4)).unwrap();
    let rest = merged.evaluate(EmitTo::All).unwrap();
    assert_eq!(&joined(vec![first, rest]), &doubled, "{function} as states");
    assert!(merged.size() < 10_000, "what left is not kept");
}
