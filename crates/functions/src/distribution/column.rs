//! Distributions as an Arrow STRUCT: the value in SQL, and the partial state.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, PrimitiveArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Fields, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, exec_err};

use crate::kernels::distribution::{Bucket, Distribution, Excluded};
use crate::kernels::exact_sum::ExactSum;

/// The fields, in order.
static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
    let integers = || list(DataType::Int32);
    let counts = || list(DataType::Int64);
    [
        ("count", DataType::Int64),
        ("null_count", DataType::Int64),
        ("nan_count", DataType::Int64),
        ("positive_infinity_count", DataType::Int64),
        ("negative_infinity_count", DataType::Int64),
        ("min", DataType::Float64),
        ("max", DataType::Float64),
        ("sum", DataType::Float64),
        ("max_buckets", DataType::Int32),
        ("scale", DataType::Int32),
        ("zero_count", DataType::Int64),
        ("positive_indexes", integers()),
        ("positive_counts", counts()),
        ("negative_indexes", integers()),
        ("negative_counts", counts()),
        ("sum_limb", DataType::Int32),
        ("sum_limbs", counts()),
    ]
    .into_iter()
    .map(|(name, kind)| Field::new(name, kind, true))
    .collect()
});

/// The type of a distribution.
pub(super) fn data_type() -> DataType {
    DataType::Struct(FIELDS.clone())
}

/// Whether a column can be read as distributions: a STRUCT with the same fields. NULL can as well.
pub(crate) fn reads(kind: &DataType) -> bool {
    match kind {
        DataType::Null => true,
        DataType::Struct(fields) => {
            fields.len() == FIELDS.len()
                && fields.iter().zip(FIELDS.iter()).all(|(a, b)| a.name() == b.name())
        }
        _ => false,
    }
}

/// NULL as a distribution; other types as they are.
pub(super) fn coerced(kind: &DataType) -> DataType {
    if kind.is_null() { data_type() } else { kind.clone() }
}

/// A column of distributions.
pub(super) fn array_of(rows: &[Option<Distribution>]) -> ArrayRef {
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    let longs = |field: &dyn Fn(&Distribution) -> u64| -> ArrayRef {
        // counts never pass what BIGINT holds
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.as_ref().map(|d| field(d) as i64))))
    };
    let doubles = |field: &dyn Fn(&Distribution) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.as_ref().and_then(field))))
    };
    let integers = |field: &dyn Fn(&Distribution) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.as_ref().and_then(field))))
    };
    let indexes = |side: fn(&Distribution) -> &[Bucket]| {
        list_of::<Int32Type>(rows, |d, out| out.extend(side(d).iter().map(|bucket| bucket.index)), |_| true)
    };
    let counts = |side: fn(&Distribution) -> &[Bucket]| {
        let append = |d: &Distribution, out: &mut Vec<i64>| {
            out.extend(side(d).iter().map(|bucket| bucket.count as i64));
        };
        list_of::<Int64Type>(rows, append, |_| true)
    };
    let limbs = |d: &Distribution, out: &mut Vec<i64>| {
        out.extend(d.sum.iter().flat_map(|sum| sum.parts().1));
    };
    let columns = vec![
        longs(&Distribution::count),
        longs(&|d| d.excluded.nulls),
        longs(&|d| d.excluded.nans),
        longs(&|d| d.excluded.positive_infinities),
        longs(&|d| d.excluded.negative_infinities),
        doubles(&|d| d.range.map(|range| range.0)),
        doubles(&|d| d.range.map(|range| range.1)),
        doubles(&|d| d.sum_value().filter(|_| d.count() > 0)),
        integers(&|d| Some(d.max_buckets as i32)),
        integers(&|d| Some(d.scale)),
        longs(&|d| d.zero_count),
        indexes(|d| &d.positive),
        counts(|d| &d.positive),
        indexes(|d| &d.negative),
        counts(|d| &d.negative),
        integers(&|d| d.sum.as_ref().map(|sum| sum.parts().0 as i32)),
        list_of::<Int64Type>(rows, limbs, |d| d.sum.is_some()),
    ];
    Arc::new(StructArray::new(FIELDS.clone(), columns, Some(nulls)))
}

fn list_of<T: ArrowPrimitiveType>(
    rows: &[Option<Distribution>],
    append: impl Fn(&Distribution, &mut Vec<T::Native>),
    known: impl Fn(&Distribution) -> bool,
) -> ArrayRef {
    let (mut values, mut lengths) = (Vec::new(), Vec::with_capacity(rows.len()));
    for row in rows {
        let start = values.len();
        row.iter().for_each(|distribution| append(distribution, &mut values));
        lengths.push(values.len() - start);
    }
    let nulls: NullBuffer = rows.iter().map(|row| row.as_ref().is_some_and(&known)).collect();
    let field = Arc::new(Field::new_list_field(T::DATA_TYPE, true));
    let values = Arc::new(PrimitiveArray::<T>::new(values.into(), None));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
}

/// A column of distributions, read row by row.
pub(crate) struct Distributions {
    whole: ArrayRef,
    columns: Vec<ArrayRef>,
}

impl Distributions {
    /// Reads a column that [`reads`] accepts.
    ///
    /// # Errors
    /// Fails for other columns.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        let Some(whole) = array.as_struct_opt() else {
            return exec_err!("a distribution was expected, got {}", array.data_type());
        };
        if !reads(array.data_type()) {
            return exec_err!("a distribution was expected, got {}", array.data_type());
        }
        let columns = whole.columns().iter().zip(FIELDS.iter());
        let columns =
            columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        Ok(Self { whole: Arc::clone(array), columns })
    }

    /// The distribution of a row; `None` for NULL.
    pub(crate) fn get(&self, row: usize) -> Result<Option<Distribution>> {
        if self.whole.is_null(row) {
            return Ok(None);
        }
        let refuse = |message: String| exec_err!("not a distribution: {message}");
        let distribution = match self.parts(row) {
            Ok(distribution) => distribution,
            Err(field) => return refuse(format!("{field} does not fit")),
        };
        match distribution.check() {
            Err(message) => refuse(message),
            Ok(()) if self.long(0, row) != Ok(distribution.count()) => {
                refuse(format!("count must be the sum of all counts, {}", distribution.count()))
            }
            Ok(()) => Ok(Some(distribution)),
        }
    }

    /// The fields put together; the name of the one that does not fit.
    fn parts(&self, row: usize) -> Result<Distribution, &'static str> {
        let [min, max] = [5, 6].map(|column| self.optional(column, row));
        let sum = match (self.columns[15].is_valid(row), self.columns[16].is_valid(row)) {
            (true, true) => {
                let first = usize::try_from(self.integer(15, row)).map_err(|_| "sum_limb")?;
                let limbs = self.list::<Int64Type>(16, row).ok_or("sum_limbs")?;
                Some(ExactSum::from_parts(first, &limbs).ok_or("sum_limbs")?.canonical())
            }
            _ => None,
        };
        Ok(Distribution {
            max_buckets: u32::try_from(self.integer(8, row)).map_err(|_| "max_buckets")?,
            scale: self.integer(9, row),
            zero_count: self.long(10, row)?,
            positive: self.buckets(11, row).ok_or("positive_counts")?,
            negative: self.buckets(13, row).ok_or("negative_counts")?,
            excluded: Excluded {
                nulls: self.long(1, row)?,
                nans: self.long(2, row)?,
                positive_infinities: self.long(3, row)?,
                negative_infinities: self.long(4, row)?,
            },
            range: min.zip(max),
            sum,
        })
    }

    fn long(&self, column: usize, row: usize) -> Result<u64, &'static str> {
        let longs = self.columns[column].as_primitive::<Int64Type>();
        let name = || FIELDS[column].name().as_str();
        u64::try_from(longs.value(row)).ok().filter(|_| longs.is_valid(row)).ok_or_else(name)
    }

    fn integer(&self, column: usize, row: usize) -> i32 {
        let integers = self.columns[column].as_primitive::<Int32Type>();
        if integers.is_valid(row) { integers.value(row) } else { i32::MIN }
    }

    fn optional(&self, column: usize, row: usize) -> Option<f64> {
        let doubles = self.columns[column].as_primitive::<Float64Type>();
        doubles.is_valid(row).then(|| doubles.value(row))
    }

    fn buckets(&self, column: usize, row: usize) -> Option<Vec<Bucket>> {
        let indexes = self.list::<Int32Type>(column, row)?;
        let counts = self.list::<Int64Type>(column + 1, row)?;
        let buckets = indexes
            .iter()
            .zip(&counts)
            .map(|(&index, &count)| Some(Bucket { index, count: u64::try_from(count).ok()? }));
        if indexes.len() == counts.len() { buckets.collect() } else { None }
    }

    /// `None` for NULL and for a list that holds NULL.
    fn list<T: ArrowPrimitiveType>(&self, column: usize, row: usize) -> Option<Vec<T::Native>> {
        let lists = self.columns[column].as_list::<i32>();
        if lists.is_null(row) {
            return None;
        }
        let list = lists.value(row);
        let list = list.as_primitive::<T>();
        (list.null_count() == 0).then(|| list.values().to_vec())
    }
}
