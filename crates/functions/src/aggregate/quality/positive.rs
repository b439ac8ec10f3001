//! Which class is the positive one, and which rows hold it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use datafusion::common::{Result, exec_err, internal_err};

use crate::kernels::collect::for_each_selected;

/// The positive class of a column of labels, for one function.
#[derive(Debug, Clone)]
pub(super) struct Positive {
    function: &'static str,
    /// What to ask for where no class is the positive one.
    instead: &'static str,
    class: PositiveClass,
}

#[derive(Debug, Clone)]
enum PositiveClass {
    Boolean(bool),
    /// A class that was named, as an array of one.
    Named(ArrayRef),
    /// 1, where nothing was named: then the other class must be 0 or -1.
    One,
}

impl Positive {
    /// Reads the class that `named` names for labels of type `label`. `instead` ends the advice where there is none.
    pub(super) fn new(
        function: &'static str,
        instead: &'static str,
        named: Option<&str>,
        label: &DataType,
    ) -> Result<Self, String> {
        let class = PositiveClass::new(named, label, instead)?;
        Ok(Self { function, instead, class })
    }

    /// The rows that hold the positive class; whatever for rows outside `counted`.
    pub(super) fn rows(&self, classes: &ArrayRef, counted: &BooleanBuffer) -> Result<BooleanBuffer> {
        match &self.class {
            PositiveClass::Boolean(positive) => {
                let flags = classes.as_boolean().values();
                Ok(if *positive { flags.clone() } else { !flags })
            }
            PositiveClass::Named(class) => equal(classes, class),
            PositiveClass::One => {
                if let Some(class) = third_class(classes, counted) {
                    return exec_err!(
                        "{}: class {class} is neither 0 nor 1: name the positive class, for example positive={class}{}",
                        self.function,
                        self.instead
                    );
                }
                match classes.data_type() {
                    DataType::Int64 => equal(classes, &(Arc::new(Int64Array::from_iter_values([1])) as _)),
                    DataType::UInt64 => equal(classes, &(Arc::new(UInt64Array::from_iter_values([1])) as _)),
                    other => internal_err!("classes are BOOLEAN, BIGINT or TEXT, got {other}"),
                }
            }
        }
    }
}

impl PositiveClass {
    fn new(named: Option<&str>, label: &DataType, instead: &str) -> Result<Self, String> {
        let refuse = |kind: &str, named: &str| {
            format!("option 'positive' must be {kind}, as the labels are, got '{named}'")
        };
        match (label, named) {
            (DataType::Boolean, None) => Ok(Self::Boolean(true)),
            (DataType::Boolean, Some(named)) => match named.to_ascii_lowercase().as_str() {
                "true" => Ok(Self::Boolean(true)),
                "false" => Ok(Self::Boolean(false)),
                _ => Err(refuse("true or false", named)),
            },
            (DataType::Utf8View, Some(named)) => {
                Ok(Self::Named(Arc::new(StringViewArray::from_iter_values([named]))))
            }
            (DataType::Utf8View, None) => Err(format!(
                "text labels have no positive class of their own: name it with the option positive=<class>{instead}"
            )),
            (_, None) => Ok(Self::One),
            (DataType::UInt64, Some(named)) => match named.parse::<u64>() {
                Ok(class) => Ok(Self::Named(Arc::new(UInt64Array::from_iter_values([class])))),
                Err(_) => Err(refuse("a whole number from 0 on", named)),
            },
            (_, Some(named)) => match named.parse::<i64>() {
                Ok(class) => Ok(Self::Named(Arc::new(Int64Array::from_iter_values([class])))),
                Err(_) => Err(refuse("a whole number", named)),
            },
        }
    }
}

/// The rows equal to a class, given as an array of one.
fn equal(classes: &ArrayRef, class: &ArrayRef) -> Result<BooleanBuffer> {
    let scalar = arrow::array::Scalar::new(class);
    let equal: BooleanArray = cmp::eq(classes, &scalar)?;
    Ok(equal.values().clone())
}

/// A class other than -1, 0 and 1: then one class of many must be meant, not hit.
fn third_class(classes: &ArrayRef, counted: &BooleanBuffer) -> Option<String> {
    if classes.data_type() == &DataType::UInt64 {
        let classes = classes.as_primitive::<UInt64Type>().values();
        return first_outside(classes, counted, |class| class <= 1).map(|class| class.to_string());
    }
    let classes = classes.as_primitive_opt::<Int64Type>()?.values();
    first_outside(classes, counted, |class| (-1..=1).contains(&class)).map(|class| class.to_string())
}

fn first_outside<T: Copy>(values: &[T], counted: &BooleanBuffer, inside: impl Fn(T) -> bool) -> Option<T> {
    if values.iter().all(|&value| inside(value)) {
        return None;
    }
    // what lies under a NULL does not count
    let mut outside = None;
    for_each_selected(counted, |row| {
        if outside.is_none() && !inside(values[row]) {
            outside = Some(values[row]);
        }
    });
    outside
}
