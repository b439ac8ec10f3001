//! Where an id falls in a split-block bloom filter, as [Parquet](https://parquet.apache.org/docs/file-format/bloomfilter/) has it:
//! `parquet` answers for a whole filter, here it is asked for one block.

use twox_hash::XxHash64;

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 32;

/// One odd number for each word of a block.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// A value as the filters see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashed(u64);

impl Hashed {
    /// Takes a value as its column stores it: text or bytes as they are, numbers as little-endian bytes.
    pub(super) fn of(value: &[u8]) -> Self {
        Self(XxHash64::oneshot(0, value))
    }

    /// The block of a filter of so many that the value falls into.
    pub(super) fn block(self, blocks: u32) -> u32 {
        (((self.0 >> 32) * u64::from(blocks)) >> 32) as u32
    }

    /// Whether the block may have the value.
    pub(super) fn is_in(self, block: &[u8]) -> bool {
        let (words, _) = block.as_chunks::<4>();
        let key = self.0 as u32;
        words.iter().zip(SALTS).all(|(word, salt)| {
            let bit = key.wrapping_mul(salt) >> 27;
            u32::from_le_bytes(*word) & (1 << bit) != 0
        })
    }
}
