//! Distributions of categories as an Arrow STRUCT: the value in SQL, and the partial state.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, Int64Builder, ListArray, StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Int64Type};
use datafusion::common::{Result, exec_err};

use super::CategoryDistribution;

/// The fields, in order.
static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
    [
        ("count", DataType::Int64),
        ("null_count", DataType::Int64),
        ("max_categories", DataType::Int32),
        ("error", DataType::Int64),
        ("categories", list(DataType::Utf8)),
        ("counts", list(DataType::Int64)),
    ]
    .into_iter()
    .map(|(name, kind)| Field::new(name, kind, true))
    .collect()
});

/// The type of a distribution of categories.
pub(in super::super) fn data_type() -> DataType {
    DataType::Struct(FIELDS.clone())
}

/// Whether a column can be read as such: a STRUCT with the same fields.
pub(crate) fn reads(kind: &DataType) -> bool {
    match kind {
        DataType::Struct(fields) => {
            fields.len() == FIELDS.len()
                && fields.iter().zip(FIELDS.iter()).all(|(a, b)| a.name() == b.name())
        }
        _ => false,
    }
}

/// A column of distributions.
pub(in super::super) fn array_of(rows: &[Option<CategoryDistribution>]) -> ArrayRef {
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    // counts never pass what BIGINT holds
    let longs = |field: fn(&CategoryDistribution) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.as_ref().map(|d| field(d) as i64))))
    };
    let (mut categories, mut counts) = (StringBuilder::new(), Int64Builder::new());
    let mut lengths = Vec::with_capacity(rows.len());
    for row in rows {
        let entries = row.as_ref().map_or(&[][..], |distribution| &distribution.entries);
        for (category, count) in entries {
            categories.append_value(category);
            counts.append_value(*count as i64);
        }
        lengths.push(entries.len());
    }
    let list = |values: ArrayRef| -> ArrayRef {
        let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Arc::new(ListArray::new(
            field,
            OffsetBuffer::from_lengths(lengths.clone()),
            values,
            Some(nulls.clone()),
        ))
    };
    let most = rows.iter().map(|row| row.as_ref().map(|d| d.max_categories as i32));
    let columns = vec![
        longs(|d| d.count),
        longs(|d| d.nulls),
        Arc::new(Int32Array::from_iter(most)),
        longs(|d| d.error),
        list(Arc::new(categories.finish())),
        list(Arc::new(counts.finish())),
    ];
    Arc::new(StructArray::new(FIELDS.clone(), columns, Some(nulls.clone())))
}

/// A column of distributions, read row by row.
pub(crate) struct CategoryDistributions {
    whole: ArrayRef,
    columns: Vec<ArrayRef>,
}

impl CategoryDistributions {
    /// Reads a column that [`reads`] accepts.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        let Some(whole) = array.as_struct_opt() else {
            return exec_err!("a distribution of categories was expected, got {}", array.data_type());
        };
        let columns = whole.columns().iter().zip(FIELDS.iter());
        let columns =
            columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        Ok(Self { whole: Arc::clone(array), columns })
    }

    /// The distribution of a row; `None` for NULL.
    pub(crate) fn get(&self, row: usize) -> Result<Option<CategoryDistribution>> {
        if self.whole.is_null(row) {
            return Ok(None);
        }
        let refuse = |message: String| exec_err!("not a distribution of categories: {message}");
        match self.parts(row) {
            Err(field) => refuse(format!("{field} does not fit")),
            Ok(distribution) => match distribution.check() {
                Err(message) => refuse(message),
                Ok(()) => Ok(Some(distribution)),
            },
        }
    }

    /// The fields put together; the name of the one that does not fit.
    fn parts(&self, row: usize) -> Result<CategoryDistribution, &'static str> {
        let most = self.columns[2].as_primitive::<Int32Type>();
        let most =
            Some(row).filter(|&row| most.is_valid(row)).and_then(|row| u32::try_from(most.value(row)).ok());
        let (categories, counts) = (self.list(4, row)?, self.list(5, row)?);
        let (categories, counts) = (categories.as_string::<i32>(), counts.as_primitive::<Int64Type>());
        if categories.len() != counts.len() || categories.null_count() + counts.null_count() > 0 {
            return Err("counts");
        }
        let entries =
            categories.iter().flatten().zip(counts.values()).map(|(category, &count)| {
                Ok((Box::from(category), u64::try_from(count).map_err(|_| "counts")?))
            });
        Ok(CategoryDistribution {
            max_categories: most.ok_or("max_categories")?,
            count: self.long(0, row)?,
            nulls: self.long(1, row)?,
            error: self.long(3, row)?,
            entries: entries.collect::<Result<_, &'static str>>()?,
        })
    }

    fn long(&self, column: usize, row: usize) -> Result<u64, &'static str> {
        let longs = self.columns[column].as_primitive::<Int64Type>();
        let name = || FIELDS[column].name().as_str();
        u64::try_from(longs.value(row)).ok().filter(|_| longs.is_valid(row)).ok_or_else(name)
    }

    fn list(&self, column: usize, row: usize) -> Result<ArrayRef, &'static str> {
        let lists = self.columns[column].as_list::<i32>();
        if lists.is_valid(row) { Ok(lists.value(row)) } else { Err(FIELDS[column].name()) }
    }
}
