//! A bounded choice of vectors that depends on the vectors alone, not on their order or on how they were divided.
//!
//! Kept are the distinct vectors of the least hashes, each with the number of its rows. Whatever is kept of all was kept of every
//! part, so counts are exact and choices merge. -0 is 0.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Most distinct vectors that are kept.
pub const VECTORS_MAX: usize = 16_384;
/// Most coordinates that are kept, which is 128 MiB: vectors of more than 1,024 coordinates are fewer.
pub const COORDINATES_MAX: usize = 1 << 24;

/// The chosen vectors of one dimension.
#[derive(Debug)]
pub struct Sample {
    vectors_max: usize,
    /// By hash. More than one vector of a hash is rare.
    kept: BTreeMap<u64, Vec<Counted>>,
    distinct: usize,
    heap_bytes: usize,
}

/// A distinct vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    /// Its coordinates.
    pub vector: Box<[f64]>,
    /// How many rows have it.
    pub rows: u64,
}

impl Sample {
    /// An empty choice of at most `vectors_max` vectors.
    pub fn new(vectors_max: usize) -> Self {
        Self { vectors_max: vectors_max.max(1), kept: BTreeMap::new(), distinct: 0, heap_bytes: 0 }
    }

    /// An empty choice of vectors of this length.
    pub fn of_dimension(dimension: usize) -> Self {
        Self::new(VECTORS_MAX.min(COORDINATES_MAX / dimension.max(1)))
    }

    /// Adds `rows` rows with a vector of finite coordinates, all of one length.
    pub fn add(&mut self, vector: &[f64], rows: u64) {
        let hash = hash(vector);
        let is_full = self.distinct == self.vectors_max;
        if is_full && self.kept.last_key_value().is_some_and(|(&greatest, _)| hash > greatest) {
            return;
        }
        let same_hash = self.kept.entry(hash).or_default();
        if let Some(known) = same_hash.iter_mut().find(|known| order(&known.vector, vector).is_eq()) {
            known.rows += rows;
            return;
        }
        // -0 becomes 0
        let vector = vector.iter().map(|x| x + 0.0).collect();
        same_hash.push(Counted { vector, rows });
        self.distinct += 1;
        self.heap_bytes += bytes_of(same_hash.last());
        if is_full {
            self.drop_greatest();
        }
    }

    fn drop_greatest(&mut self) {
        let Some(mut greatest) = self.kept.last_entry() else { return };
        let same_hash = greatest.get_mut();
        same_hash.sort_unstable_by(|a, b| order(&a.vector, &b.vector));
        let dropped = same_hash.pop();
        if same_hash.is_empty() {
            greatest.remove();
        }
        self.distinct -= 1;
        self.heap_bytes -= bytes_of(dropped.as_ref());
    }

    /// The chosen vectors, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Counted> {
        self.kept.values().flatten()
    }

    /// The chosen vectors in the order of their coordinates.
    pub fn sorted(&self) -> Vec<&Counted> {
        let mut sorted: Vec<&Counted> = self.iter().collect();
        sorted.sort_unstable_by(|a, b| order(&a.vector, &b.vector));
        sorted
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }
}

/// The order of two vectors by their coordinates, the first that differs deciding; -0 equals 0.
pub(super) fn order(a: &[f64], b: &[f64]) -> Ordering {
    let mut by_coordinate = a.iter().zip(b).map(|(x, y)| (x + 0.0).total_cmp(&(y + 0.0)));
    by_coordinate.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The output function of splitmix64, folded over the bits of the coordinates.
fn hash(vector: &[f64]) -> u64 {
    vector.iter().fold(0, |hash: u64, x| {
        let z = (hash ^ (x + 0.0).to_bits()).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    })
}

/// A vector with its place in the map: a list of its own, a key, and the list that most hashes have.
fn bytes_of(counted: Option<&Counted>) -> usize {
    counted.map_or(0, |counted| {
        size_of_val(&*counted.vector) + 4 * size_of::<Counted>() + 2 * size_of::<(u64, Vec<Counted>)>()
    })
}
