//! Whether two populations differ by more than chance.

mod ks_test;

use super::comparison::Comparison;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 1] = [&ks_test::KS_TEST];
