//! The arithmetic, on plain slices. No SQL, no DataFusion.
//!
//! Statistics take integer counts or sorted values and compute their floats in one fixed order, so equal input gives equal
//! bits. Values are finite `f64` as order-preserving `u64` (see [`keys`]).

pub mod anderson_darling;
pub mod auc;
pub mod bins;
pub mod bootstrap;
pub mod calibration;
pub mod classification;
pub mod collect;
pub mod contingency;
pub mod conventions;
pub mod cramer_von_mises;
pub mod distribution;
pub mod divergence;
pub mod embeddings;
pub mod ewma;
pub mod exact_sum;
pub mod exponential;
pub mod fixed;
pub mod gamma;
pub mod heavy_hitters;
pub mod histograms;
pub mod keys;
pub mod kolmogorov;
pub mod ks;
pub mod ks_exact;
mod loader;
pub mod mann_whitney;
pub mod moments;
pub mod nearest;
pub mod p_adjust;
pub(crate) mod parallel;
pub mod pooled;
pub mod prices;
pub mod proportions;
pub mod ranks;
pub mod reference;
pub mod selection;
pub mod smirnov;
pub mod sorted;
pub mod spread;
pub mod streams;
pub mod student;
pub mod sums;
pub mod transport;
pub mod welch;
pub mod wilson;
