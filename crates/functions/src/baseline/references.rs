//! What a baseline keeps of one column: a reference for each of its keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};

use super::Keys;
use super::clusters::Clusters;
use super::summary::{CATEGORIES, COUNT, DISTRIBUTION, INFINITIES, KNOTS, NANS, NULLS};
use crate::aggregate::Excluded;
use crate::distribution::Distributions;
use crate::distribution::categories::CategoryDistribution;
use crate::kernels::distribution::{Distribution, Excluded as Infinities};
use crate::kernels::reference::{Knot, Knots};
use crate::scalar::is_embedding;

/// What kind of values a column of a baseline has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Integers, floats and decimals.
    Number,
    /// Texts.
    Text,
    /// Booleans.
    Boolean,
    /// Lists of numbers.
    Embedding,
}

impl Kind {
    /// The kind of a column's type; `None` where a baseline cannot hold it.
    pub fn of(kind: &DataType) -> Option<Self> {
        match kind {
            DataType::Dictionary(_, value) => Self::of(value),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Self::Text),
            DataType::Boolean => Some(Self::Boolean),
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                is_embedding(kind).then_some(Self::Embedding)
            }
            number if number.is_numeric() => Some(Self::Number),
            _ => None,
        }
    }

    /// In words: numbers, texts, booleans, embeddings.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Text => "texts",
            Self::Boolean => "booleans",
            Self::Embedding => "embeddings",
        }
    }
}

/// The reference of one key.
#[derive(Debug)]
pub struct Reference {
    count: u64,
    pub(crate) excluded: Excluded,
    pub(crate) content: Content,
    /// Of numbers; `None` in a baseline that was written before these were kept.
    pub(crate) distribution: Option<Distribution>,
}

/// The values themselves, as far as they are kept.
#[derive(Debug)]
pub(crate) enum Content {
    Numbers(Knots),
    /// Of false and of true.
    Flags([u64; 2]),
    Texts {
        texts: Arc<[String]>,
        counts: Vec<u64>,
    },
    Embeddings(Clusters),
}

impl Reference {
    /// How many values it has, those left out not counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many were NULL.
    pub fn nulls(&self) -> u64 {
        self.excluded.nulls
    }

    /// How many were NaN.
    pub fn nans(&self) -> u64 {
        self.excluded.nans
    }

    /// How many were infinite.
    pub fn infinities(&self) -> u64 {
        self.excluded.infinities
    }

    /// The quantile `step / 1000` of type 7; `None` for categories and without a value.
    pub fn quantile(&self, step: usize) -> Option<f64> {
        match &self.content {
            Content::Numbers(knots) if !knots.is_empty() => Some(knots.quantile(step)),
            _ => None,
        }
    }

    /// How many centroids it has; `None` where it is none of embeddings.
    pub fn centroids(&self) -> Option<u64> {
        match &self.content {
            Content::Embeddings(clusters) => Some(clusters.rows.len() as u64),
            _ => None,
        }
    }

    /// The distance to the nearest centroid within which 99 % of the chosen rows lie; `None` where it is none of embeddings,
    /// without a row, and where a distance is beyond the largest DOUBLE.
    pub fn distance_99(&self) -> Option<f64> {
        match &self.content {
            Content::Embeddings(clusters) => clusters.distance_99(),
            _ => None,
        }
    }

    /// How many categories it has; `None` for numbers and embeddings.
    pub fn categories(&self) -> Option<u64> {
        match &self.content {
            Content::Numbers(_) | Content::Embeddings(_) => None,
            Content::Flags(counts) => Some(counts.iter().filter(|count| **count > 0).count() as u64),
            Content::Texts { texts, .. } => Some(texts.len() as u64),
        }
    }

    /// How many buckets of its distribution hold a value; `None` where it has no distribution.
    pub fn buckets(&self) -> Option<u64> {
        let buckets = |distribution: &Distribution| distribution.positive.len() + distribution.negative.len();
        self.distribution.as_ref().map(|distribution| buckets(distribution) as u64)
    }

    /// Its categories as a distribution; `None` for numbers and embeddings, and without a value.
    pub(crate) fn categories_listed(&self) -> Option<CategoryDistribution> {
        let mut entries: Vec<(Box<str>, u64)> = match &self.content {
            Content::Numbers(_) | Content::Embeddings(_) => return None,
            Content::Flags(counts) => ["false", "true"].into_iter().map(Box::from).zip(*counts).collect(),
            Content::Texts { texts, counts } => {
                texts.iter().map(|text| Box::from(text.as_str())).zip(counts.iter().copied()).collect()
            }
        };
        entries.retain(|(_, count)| *count > 0);
        entries.sort_unstable();
        let max_categories = References::CATEGORIES_MAX as u32;
        let distribution = CategoryDistribution {
            max_categories,
            count: self.count,
            nulls: self.excluded.nulls,
            error: 0,
            entries,
        };
        (self.count > 0).then_some(distribution)
    }

    /// Reads one answer of the summary, and what is stored with it.
    fn read(row: &Row<'_>, kind: Kind, distribution: Option<Distribution>) -> Option<Self> {
        let content = match kind {
            Kind::Number => Content::Numbers(Knots::of_stored(row.knots()?)?),
            Kind::Text => {
                let (texts, counts): (Vec<String>, Vec<u64>) =
                    row.categories()?.map(|(text, count)| (text.to_owned(), count)).unzip();
                Content::Texts { texts: texts.into(), counts }
            }
            Kind::Boolean => {
                let mut counts = [0; 2];
                for (text, count) in row.categories()? {
                    counts[usize::from(text.parse::<bool>().ok()?)] = count;
                }
                Content::Flags(counts)
            }
            Kind::Embedding => Content::Embeddings(Clusters::read(row.summary, row.at)?),
        };
        let count = row.number(COUNT)?;
        let excluded = Excluded {
            nulls: row.number(NULLS)?,
            nans: row.number(NANS)?,
            infinities: row.number(INFINITIES)?,
        };
        let counted = match &content {
            Content::Numbers(knots) => knots.len() as u64,
            Content::Flags(counts) => counts.iter().sum(),
            Content::Texts { counts, .. } => counts.iter().sum(),
            Content::Embeddings(clusters) => clusters.count,
        };
        let agrees = distribution.as_ref().is_none_or(|distribution| {
            let Infinities { positive_infinities, negative_infinities, nulls, nans } = distribution.excluded;
            let infinities = positive_infinities + negative_infinities;
            distribution.count() == count && excluded == Excluded { nulls, nans, infinities }
        });
        (counted == count && agrees).then_some(Self { count, excluded, content, distribution })
    }

    fn heap_bytes(&self) -> usize {
        let distribution = self.distribution.as_ref().map_or(0, Distribution::heap_bytes);
        distribution + self.content.heap_bytes()
    }
}

impl Content {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Numbers(knots) => knots.heap_bytes(),
            Self::Flags(_) => 0,
            Self::Embeddings(clusters) => clusters.heap_bytes(),
            Self::Texts { texts, counts } => {
                let texts: usize = texts.iter().map(|text| size_of::<String>() + text.capacity()).sum();
                texts + counts.capacity() * size_of::<u64>()
            }
        }
    }
}

/// One row of a stored summary.
struct Row<'a> {
    summary: &'a StructArray,
    at: usize,
}

impl<'a> Row<'a> {
    fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        self.summary.column_by_name(name).filter(|column| column.is_valid(self.at))
    }

    fn number(&self, name: &str) -> Option<u64> {
        let numbers = self.column(name)?.as_primitive_opt::<Int64Type>()?;
        u64::try_from(numbers.value(self.at)).ok()
    }

    /// The structs of a list: the whole array, and where those of this row lie.
    fn list(&self, name: &str) -> Option<(&'a StructArray, std::ops::Range<usize>)> {
        let lists: &ListArray = self.column(name)?.as_list_opt()?;
        let offsets = lists.value_offsets();
        Some((lists.values().as_struct_opt()?, offsets[self.at] as usize..offsets[self.at + 1] as usize))
    }

    fn knots(&self) -> Option<impl Iterator<Item = Knot> + use<'a>> {
        let (rows, range) = self.list(KNOTS)?;
        let values = rows.column_by_name("value")?.as_primitive_opt::<Float64Type>()?;
        let below = rows.column_by_name("below")?.as_primitive_opt::<Int64Type>()?;
        let through = rows.column_by_name("through")?.as_primitive_opt::<Int64Type>()?;
        Some(range.map(|at| Knot {
            value: values.value(at),
            below: below.value(at).max(0) as u64,
            through: through.value(at).max(0) as u64,
        }))
    }

    fn categories(&self) -> Option<impl Iterator<Item = (&'a str, u64)> + use<'a>> {
        let (rows, range) = self.list(CATEGORIES)?;
        let texts = rows.column_by_name("category")?.as_string_opt::<i32>()?;
        let counts = rows.column_by_name("count")?.as_primitive_opt::<Int64Type>()?;
        Some(range.map(|at| (texts.value(at), counts.value(at).max(0) as u64)))
    }
}

/// What a baseline keeps of one column: a reference for each of its keys, or one when it has none.
#[derive(Debug)]
pub struct References {
    pub(crate) id: String,
    /// The name of the baseline when it was read.
    pub(crate) baseline: String,
    pub(crate) column: String,
    kind: Kind,
    rows: Vec<Arc<Reference>>,
    keys: Option<Arc<Keys>>,
    missed: Arc<AtomicU64>,
}

impl References {
    /// Most distinct texts of a column that a baseline keeps.
    pub const CATEGORIES_MAX: usize = 10_000;

    /// Reads the stored answers of [`summary`](super::summary), or of [`clusters`](super::clusters) for embeddings, one a key. `id` tells this content from every other; `missed` counts
    /// the answers that are NULL because there is no reference for their key.
    ///
    /// # Errors
    /// Fails where the answers are none of a summary.
    pub fn read(
        (id, baseline, column): (&str, &str, &str),
        kind: Kind,
        summary: &ArrayRef,
        keys: Option<Arc<Keys>>,
        missed: Arc<AtomicU64>,
    ) -> Result<Self> {
        let damaged =
            |at: usize| format!("column \"{column}\" of baseline \"{baseline}\" is damaged in row {at}");
        let Some(summary) = summary.as_struct_opt() else { return exec_err!("{}", damaged(0)) };
        let distributions = match summary.column_by_name(DISTRIBUTION).filter(|_| kind == Kind::Number) {
            Some(stored) => Some(Distributions::new(stored)?),
            None => None,
        };
        let mut rows = Vec::with_capacity(summary.len());
        for at in 0..summary.len() {
            let distribution = match &distributions {
                Some(stored) => stored.get(at)?,
                None => None,
            };
            match Reference::read(&Row { summary, at }, kind, distribution) {
                Some(reference) => rows.push(Arc::new(reference)),
                None => return exec_err!("{}", damaged(at)),
            }
        }
        if keys.is_none() && rows.len() != 1 {
            return exec_err!("baseline \"{baseline}\" has {} references and no key", rows.len());
        }
        let (id, baseline, column) = (id.to_owned(), baseline.to_owned(), column.to_owned());
        Ok(Self { id, baseline, column, kind, rows, keys, missed })
    }

    /// What kind of values the column has.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The references, in the order of the keys.
    pub fn rows(&self) -> &[Arc<Reference>] {
        &self.rows
    }

    /// The keys by which the references are found.
    pub fn keys(&self) -> Option<&Arc<Keys>> {
        self.keys.as_ref()
    }

    /// Whether every reference has its distribution.
    pub fn has_distributions(&self) -> bool {
        self.rows.iter().all(|reference| reference.distribution.is_some())
    }

    /// Counts answers that are NULL because a key has no reference.
    pub(crate) fn miss(&self, answers: u64) {
        self.missed.fetch_add(answers, Ordering::Relaxed);
    }

    /// The bytes it holds, keys not counted.
    pub fn heap_bytes(&self) -> usize {
        self.rows.iter().map(|reference| size_of::<Reference>() + reference.heap_bytes()).sum()
    }
}
