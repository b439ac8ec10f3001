//! What a session says about drift functions: settings with the prefix `drift`.

use datafusion::common::config::ConfigExtension;
use datafusion::common::extensions_options;

extensions_options! {
    /// Settings of drift functions. A session without them has their defaults.
    pub struct DriftOptions {
        /// Most values of one group, both populations together, that exact modes keep (8 bytes each). A group with more is no
        /// longer exact: bins at quantiles move to the nearest ends of buckets, `ks_test` answers with bounds, and what would
        /// have to be estimated fails.
        pub exact_max_rows: usize, default = 50_000_000
    }
}

impl ConfigExtension for DriftOptions {
    const PREFIX: &'static str = "drift";
}

impl DriftOptions {
    /// Settings with so many values of a group for exact modes.
    pub fn of_exact_max_rows(exact_max_rows: usize) -> Self {
        Self { exact_max_rows }
    }
}
