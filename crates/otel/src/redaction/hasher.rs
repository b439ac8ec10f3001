//! The keyed hash: BLAKE2b of 16 bytes, under a key of the database's own.

use blake2::digest::consts::U16;
use blake2::digest::{KeyInit, Mac};
use blake2::{Blake2b256, Blake2bMac, Digest};

/// Hashes texts under one key, which is derived once.
pub(super) struct Hasher(Blake2bMac<U16>);

impl Hasher {
    pub(super) fn new(key: &str) -> Self {
        let mac = Blake2bMac::new_from_slice(&Blake2b256::digest(key)).expect("a key of 32 bytes is allowed");
        Self(mac)
    }

    /// 32 hexadecimal digits.
    pub(super) fn hash(&self, text: &str) -> String {
        let mut mac = self.0.clone();
        Mac::update(&mut mac, text.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
