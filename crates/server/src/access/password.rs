//! Passwords as argon2id hashes with the salt and cost that are written beside them.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use driftline::{Error, ErrorKind, Result};

/// Checked in the place of an unknown user's hash: same algorithm and cost, of a password that nobody knows.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGtub3dzIGl0$lFHoAhJhy9VOqGMVNUvmTkU0WDHGxpVb4fAo4QCcbmk";

/// Hashes a password under a new random salt.
pub(super) fn hash(password: &str) -> Result<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("the password cannot be hashed: {error}"))
    })?;
    Ok(hash.to_string())
}

/// Whether a text is the hash of some password.
pub(super) fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok()
}

/// Whether a password has this hash; without a hash, no, after the same time.
pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let Ok(hash) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known
}
