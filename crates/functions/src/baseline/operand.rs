//! From `psi_between(d, baseline('name', 'column', key...))` to a function that has the reference inside: either place of a scalar
//! function that compares two summaries, and the second place of `novelty`. What such a function reads of a [`Reference`] is its own business.

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

use super::binding::row_of;
use super::{Key, Reference, References};
use crate::distribution::BetweenFunction;
use crate::scalar::Novelty;

/// A baseline as an operand.
#[derive(Debug)]
pub struct Operand {
    /// The column that is compared.
    pub references: Arc<References>,
    /// Which of its references. With [`Key::Arguments`] the keys take the operand's place among the arguments.
    pub key: Key,
}

/// Whether a scalar function takes a baseline: one that compares in either of its two places, `novelty` in the second.
pub fn takes_baseline(function: &ScalarUDF) -> bool {
    let inner = function.inner();
    inner.downcast_ref::<BetweenFunction>().is_some_and(|function| !function.is_bound())
        || inner.downcast_ref::<Novelty>().is_some_and(|function| !function.is_bound())
}

/// The function that has the given operands inside. Its arguments are the other operand, the keys in the place of a baseline
/// that has some, and the options.
///
/// # Errors
/// Refuses a baseline that does not keep what the function compares.
pub fn bind_operands(function: &ScalarUDF, operands: [Option<Operand>; 2]) -> Result<Arc<ScalarUDF>> {
    let stored = |operand: Operand| -> Result<Stored> {
        let row = row_of(&operand.references, &operand.key)?;
        Ok(Stored { references: operand.references, row })
    };
    let [first, second] = operands.map(|operand| operand.map(stored).transpose());
    let (operands, inner) = ([first?, second?], function.inner());
    if let Some(function) = inner.downcast_ref::<BetweenFunction>() {
        Ok(Arc::new(ScalarUDF::new_from_impl(function.with_baselines(operands)?)))
    } else if let Some(function) = inner.downcast_ref::<Novelty>() {
        Ok(Arc::new(ScalarUDF::new_from_impl(function.with_baselines(operands)?)))
    } else {
        internal_err!("{} takes no baseline", function.name())
    }
}

/// A bound operand: the reference of a row, `Some(None)` being a key without one, or by the keys among the arguments.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) references: Arc<References>,
    row: Option<Option<u32>>,
}

/// What tells an operand from every other: content, column and row.
pub(crate) type Identity<'a> = (&'a str, &'a str, Option<Option<u32>>);

/// The references of a batch; `None` where the key has none.
pub(crate) enum Chosen<'a> {
    /// The same for all rows.
    Same(Option<&'a Reference>),
    PerRow(Vec<Option<&'a Reference>>),
}

impl Stored {
    pub(crate) fn identity(&self) -> Identity<'_> {
        (&self.references.id, &self.references.column, self.row)
    }

    /// How many arguments its keys are.
    pub(crate) fn arguments(&self) -> usize {
        match self.row {
            Some(_) => 0,
            None => self.references.keys().map_or(0, |keys| keys.names().len()),
        }
    }

    /// Finds the references of a batch of `rows` rows, and counts the keys that have none.
    pub(crate) fn choose(&self, keys: &[ColumnarValue], rows: usize) -> Result<Chosen<'_>> {
        let of = |row: Option<u32>| row.map(|row| self.references.rows()[row as usize].as_ref());
        let is_constant = keys.iter().all(|key| matches!(key, ColumnarValue::Scalar(_)));
        let chosen = match (self.row, self.references.keys()) {
            (Some(row), _) => Chosen::Same(of(row)),
            (None, None) => return internal_err!("a baseline without keys is asked for one"),
            (None, Some(stored)) => {
                let length = if is_constant { 1 } else { rows };
                let keys: Vec<ArrayRef> =
                    keys.iter().map(|key| key.to_array(length)).collect::<Result<_>>()?;
                let mut found = stored.find(&keys)?.into_iter().map(of);
                if is_constant {
                    Chosen::Same(found.next().flatten())
                } else {
                    Chosen::PerRow(found.collect())
                }
            }
        };
        let missed = match &chosen {
            Chosen::Same(Some(_)) => 0,
            Chosen::Same(None) => rows,
            Chosen::PerRow(found) => found.iter().filter(|reference| reference.is_none()).count(),
        };
        self.references.miss(missed as u64);
        Ok(chosen)
    }
}
