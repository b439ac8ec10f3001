//! Functions whose result can be far larger than their arguments, kept within bounds.
//!
//! What a function makes of a batch of rows is not counted by the memory of a query, and where the system has no memory left, the
//! process ends. So the bytes of a result are computed from the arguments before it is made, and refused beyond [`RESULT_BYTES_MAX`].
//! Three things are looked at besides: constants, which stand in every row of a batch, types of a fixed width, and aggregates that
//! give every row of a window a list.
//!
//! What this does not bound: a statement of many such calls, each within its limit, and joins that repeat a large value.

mod call;
mod column;
mod concatenation;
mod constants;
mod growth;
mod rule;
mod series;
mod windows;

use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry;

use crate::error::{Error, ErrorKind, external};

pub(crate) use constants::BoundedConstants;
pub(crate) use rule::BoundedCalls;

/// The bytes that one call of a function may make of one batch of rows.
const RESULT_BYTES_MAX: u64 = 64 << 20;

/// The bytes that a constant may take, repeated for every row of a batch.
const CONSTANT_BYTES_MAX: u64 = 256 << 20;

/// The bytes that a value of a type of fixed width may take: an embedding of 4096 dimensions in DOUBLE.
const WIDTH_BYTES_MAX: u64 = 32 << 10;

/// The rows that the frame of a window may have whose aggregate gives every row a list of them.
const FRAME_ROWS_MAX: u64 = 1_000;

/// Puts the bounded functions in the place of DataFusion's.
pub(crate) fn register(state: &mut SessionState) -> DfResult<()> {
    for (name, _) in growth::FUNCTIONS {
        let Some(function) = state.scalar_functions().get(*name).cloned() else { continue };
        state.register_udf(call::bounded(function))?;
    }
    Ok(())
}

fn refused(message: String) -> DataFusionError {
    external(Error::new(ErrorKind::ResourceExhausted, message))
}

#[cfg(test)]
mod tests;
