//! Baselines: a reference measured once and kept, so that later windows are compared with it in one scan of their own rows.
//!
//! Three steps, in the order of a baseline's life:
//!
//! 1. [`summary`] is the aggregate that measures a column into what is kept of it (`kernels::reference` says why that is
//!    enough), [`clusters`] the one that does so for a column of embeddings. Its answers, one a key, are what is stored.
//! 2. [`References`] are these answers read back, with the [`Keys`] by which they are found.
//! 3. [`bind`] makes the drift function that compares with them: `psi(value, baseline('name'))` becomes a function of `value`
//!    (and of the keys), which has the reference inside. No row ever carries it.
//!    [`bind_operands`] does the same for scalar functions over distributions, `psi_between(d, baseline('name', 'column'))`, and
//!    for `novelty(embedding, baseline('name', 'column'))`.
//!
//! Storing and finding baselines by name is the business of the layer above.

mod binding;
mod clusters;
mod embeddings;
mod keys;
mod operand;
mod references;
mod summary;

pub use binding::{Call, Key, bind, call_arguments, is_drift_function, value_kind};
pub use embeddings::{CENTROIDS, CENTROIDS_MAX, clusters};
pub use keys::Keys;
pub use operand::{Operand, bind_operands, takes_baseline};
pub use references::{Kind, Reference, References};
pub use summary::{distribution, summary, with_distribution};

pub(crate) use operand::{Chosen, Identity, Stored};
pub(crate) use references::Content;
