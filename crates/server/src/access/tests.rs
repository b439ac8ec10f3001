use std::sync::atomic::{AtomicI64, Ordering};

use tonic::Code;

use super::*;

/// 2026-08-31T00:00:00Z.
const NOW_NS: i64 = 1_788_134_400_000_000_000;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst) as u64
    }
}

struct Fixture {
    access: Access,
    clock: Arc<SetClock>,
    file: UsersFile,
    _directory: tempfile::TempDir,
}

/// A server with user `ana` (password `corr:ect`, one table) and user `bot` (token only).
fn fixture() -> (Fixture, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    let file = UsersFile::new(&path);
    let mut users = Users::default();
    users.set("ana", Role::Read, Some(vec!["spans".to_owned()])).unwrap();
    users.set_password("ana", "corr:ect").unwrap();
    users.set("bot", Role::Write, None).unwrap();
    let expires = std::time::UNIX_EPOCH + Duration::from_nanos(NOW_NS as u64) + Duration::from_secs(60);
    let token = users.add_token("bot", "ci", Some(expires)).unwrap();
    file.write(&users).unwrap();
    let clock = Arc::new(SetClock(AtomicI64::new(NOW_NS)));
    let current = CurrentUsers::open(&path).unwrap();
    let lifetime = Duration::from_secs(3600);
    let access = Access::new(Some(current), None, lifetime, Arc::clone(&clock) as _);
    (Fixture { access, clock, file, _directory: directory }, token)
}

fn headers(authorization: &str) -> MetadataMap {
    let mut headers = MetadataMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    headers
}

fn basic(pair: &str, padded: bool) -> MetadataMap {
    let encoded = base64::prelude::BASE64_STANDARD.encode(pair);
    headers(&format!("Basic {}", if padded { encoded.as_str() } else { encoded.trim_end_matches('=') }))
}

async fn refused(fixture: &Fixture, headers: &MetadataMap) -> String {
    let status = fixture.access.identify(headers).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    status.message().to_owned()
}

/// Goes red when Go's base64 without padding is refused, or a password with a colon is cut.
#[tokio::test]
async fn a_password_signs_in_with_and_without_padding() {
    let (fixture, _) = fixture();
    for padded in [true, false] {
        let (identity, token) = fixture.access.sign_in(&basic("ana:corr:ect", padded)).await.unwrap();
        let tables = Some(vec!["spans".to_owned()]);
        assert_eq!(identity, Identity { user: Some("ana".to_owned()), role: Role::Read, tables });
        let shown = fixture.access.identify(&headers(&format!("Bearer {token}"))).await.unwrap();
        assert_eq!(shown, identity);
    }
}

/// Goes red when it can be found out which users there are, or an answer tells more than that something was wrong.
#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let (fixture, _) = fixture();
    for pair in ["ana:wrong", "nobody:corr:ect", "bot:", ":"] {
        assert_eq!(refused(&fixture, &basic(pair, true)).await, WRONG_PASSWORD);
    }
}

#[tokio::test]
async fn a_made_token_counts_until_its_end() {
    let (fixture, token) = fixture();
    let shown = headers(&format!("bearer {token}"));
    assert_eq!(fixture.access.identify(&shown).await.unwrap().role, Role::Write);
    fixture.clock.0.store(NOW_NS + 60_000_000_000, Ordering::SeqCst);
    assert!(refused(&fixture, &shown).await.contains("expired"));
}

/// Goes red when a signature is not looked at, or a session outlives its end, its password or its user.
#[tokio::test]
async fn a_signed_token_ends_with_time_password_and_user() {
    let (fixture, _) = fixture();
    let (_, token) = fixture.access.sign_in(&basic("ana:corr:ect", true)).await.unwrap();
    let shown = headers(&format!("Bearer {token}"));
    let (body, signature) = token.rsplit_once('.').unwrap();
    let (name, expires) = body.rsplit_once('.').unwrap();
    let longer: i64 = expires.parse::<i64>().unwrap() + 1;
    for forged in [
        format!("{name}.{longer}.{signature}"),
        body.to_owned(),
        format!("{body}."),
        "driftline-session.".into(),
    ] {
        refused(&fixture, &headers(&format!("Bearer {forged}"))).await;
    }
    fixture.access.identify(&shown).await.unwrap();
    fixture.clock.0.store(NOW_NS + 3_600_000_000_000, Ordering::SeqCst);
    refused(&fixture, &shown).await;
    fixture.clock.0.store(NOW_NS, Ordering::SeqCst);
    let mut users = fixture.file.read_or_empty().unwrap();
    users.set_password("ana", "a longer one").unwrap();
    users.set("ana", Role::Admin, None).unwrap();
    fixture.file.write(&users).unwrap();
    refused(&fixture, &shown).await;
    let (identity, _) = fixture.access.sign_in(&basic("ana:a longer one", true)).await.unwrap();
    assert_eq!(identity.role, Role::Admin);
}

/// Goes red when a damaged file locks everybody out, or lets anybody in.
#[tokio::test]
async fn a_damaged_file_changes_nothing_while_the_server_runs() {
    let (fixture, token) = fixture();
    let path = fixture._directory.path().join("users.toml");
    std::fs::write(&path, "[users.ana]\nrole = \"owner\"").unwrap();
    fixture.access.identify(&headers(&format!("Bearer {token}"))).await.unwrap();
    let error = CurrentUsers::open(&path).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("users.toml") && error.to_string().contains("owner"), "{error}");
}

/// Breaks when a file that was cut off locks everybody out, or the last user stays who was removed.
#[tokio::test]
async fn an_empty_file_changes_nothing_while_the_server_runs() {
    let (fixture, token) = fixture();
    let path = fixture._directory.path().join("users.toml");
    let shown = headers(&format!("Bearer {token}"));
    for text in ["", "\n  \n# users\n"] {
        std::fs::write(&path, text).unwrap();
        fixture.access.identify(&shown).await.unwrap();
    }
    fixture.file.write(&Users::default()).unwrap();
    refused(&fixture, &shown).await;
}

#[tokio::test]
async fn headers_that_say_nothing_are_refused() {
    let (fixture, _) = fixture();
    assert!(refused(&fixture, &MetadataMap::new()).await.starts_with("sign in first"));
    for text in ["Basic", "Basic !!!", "Basic bm9jb2xvbg", "Digest x", "Bearer ", "Bearer x"] {
        refused(&fixture, &headers(text)).await;
    }
}

#[tokio::test]
async fn without_users_everybody_is_the_anonymous_caller() {
    let clock = Arc::new(SetClock(AtomicI64::new(NOW_NS)));
    let access = Access::new(None, Some(Role::Admin), Duration::ZERO, clock);
    let expected = Identity { user: None, role: Role::Admin, tables: None };
    assert_eq!(access.identify(&MetadataMap::new()).await.unwrap(), expected);
    assert_eq!(access.sign_in(&basic("any:thing", false)).await.unwrap().0, expected);
}

/// Goes red when a secret could reach a log or a terminal.
#[test]
fn users_show_no_hashes() {
    let mut users = Users::default();
    users.set("ana", Role::Read, None).unwrap();
    users.set_password("ana", "secret").unwrap();
    users.add_token("ana", "t", None).unwrap();
    assert!(!format!("{users:?}").contains("argon2"));
    assert!(users.add_token("ana", "t", None).unwrap_err().to_string().contains("already"));
    assert!(users.set("no spaces", Role::Read, None).is_err());
    assert!(users.remove("bob").is_err());
}

/// Breaks when `--tables ''` makes a user who may name nothing, without a word.
#[test]
fn a_table_without_a_name_is_refused() {
    let mut users = Users::default();
    for tables in [vec![String::new()], vec!["spans".to_owned(), " ".to_owned()]] {
        let error = users.set("ana", Role::Read, Some(tables)).unwrap_err();
        assert!(error.to_string().contains("the tables of user \"ana\" have an empty name"), "{error}");
    }
    users.set("ana", Role::Read, Some(vec![])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    std::fs::write(&path, "[users.ana]\nrole = \"read\"\ntables = [\"\"]\n").unwrap();
    let error = CurrentUsers::open(&path).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("users.toml: the tables of user \"ana\""), "{error}");
}
