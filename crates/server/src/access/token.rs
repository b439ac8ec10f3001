//! Tokens: 32 random bytes that an operator hands out, or a name and an end that the server has signed.
//!
//! A signed token needs no memory, so it outlives a restart: Grafana's plugin signs in once and shows its token for as long as it
//! runs. The key is the hash of the user's password: a new password, or a removed user, ends all tokens signed before.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use blake2::digest::consts::U32;
use blake2::digest::{KeyInit, Mac};
use blake2::{Blake2b256, Blake2bMac, Digest};
use rand::Rng;
use subtle::ConstantTimeEq;

use super::users::{Token, User, Users};

/// In front of every token, so that one that leaked is recognised.
const MADE: &str = "driftline_";
const SIGNED: &str = "driftline-session.";

/// A new token, and the digest that is kept of it.
pub(super) fn make() -> (String, String) {
    let mut secret = [0; 32];
    rand::rng().fill_bytes(&mut secret);
    let token = format!("{MADE}{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
    let digest = digest(&token);
    (token, digest)
}

/// A token that names a user until a moment, in nanoseconds since 1970.
pub(super) fn sign(name: &str, user: &User, expires_ns: i64) -> String {
    let body = format!("{}.{expires_ns}", BASE64_URL_SAFE_NO_PAD.encode(name));
    format!("{SIGNED}{body}.{}", signature(&body, user))
}

/// The user that a token stands for now.
pub(super) fn find<'a>(token: &str, users: &'a Users, now_ns: i64) -> Option<(&'a str, &'a User)> {
    match token.strip_prefix(SIGNED) {
        Some(signed) => find_signed(signed, users, now_ns),
        None => find_made(token, users, now_ns),
    }
}

fn find_signed<'a>(signed: &str, users: &'a Users, now_ns: i64) -> Option<(&'a str, &'a User)> {
    let (body, shown) = signed.rsplit_once('.')?;
    let (name, expires_ns) = body.split_once('.')?;
    let name = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
    let (name, user) = users.entry(&name)?;
    let signed = is_equal(&signature(body, user), shown);
    let lasts = expires_ns.parse::<i64>().is_ok_and(|expires_ns| now_ns < expires_ns);
    (signed && lasts && user.password.is_some()).then_some((name, user))
}

fn find_made<'a>(token: &str, users: &'a Users, now_ns: i64) -> Option<(&'a str, &'a User)> {
    let shown = digest(token);
    let mut found = None;
    for (name, user) in users.iter() {
        for token in &user.tokens {
            if is_equal(&token.digest, &shown) && lasts(token, now_ns) {
                found = Some((name, user));
            }
        }
    }
    found
}

fn lasts(token: &Token, now_ns: i64) -> bool {
    token.expires.is_none_or(|expires| {
        let since_1970 = expires.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now_ns < super::nanoseconds(since_1970)
    })
}

fn digest(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Blake2b256::digest(token))
}

fn signature(body: &str, user: &User) -> String {
    let key = Blake2b256::digest(user.password.as_deref().unwrap_or_default());
    let mut mac = Blake2bMac::<U32>::new_from_slice(&key).expect("a key of 32 bytes is allowed");
    Mac::update(&mut mac, body.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn is_equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
