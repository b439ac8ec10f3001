//! What is kept of a group until it is finished. One kind of data a pair of files: one group, and many groups.

mod against_bins;
mod against_texts;
mod bins;
mod categories;
mod categories_by_group;
mod distributions;
mod interner;
pub(crate) mod lists;
mod merged;
pub(crate) mod texts;
mod values;
mod values_by_group;

pub(crate) use against_bins::{AgainstBins, AgainstBinsByGroup};
pub(crate) use against_texts::{AgainstTexts, AgainstTextsByGroup};
pub(crate) use bins::{Bins, FixedBins, FixedBinsByGroup};
pub(crate) use categories::Categories;
pub(crate) use categories_by_group::CategoriesByGroup;
pub(crate) use interner::Interner;
pub(crate) use merged::{Merged, MergedByGroup};
pub(crate) use values::Values;
pub(crate) use values_by_group::ValuesByGroup;
