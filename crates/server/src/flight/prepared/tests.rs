use driftline::{Database, SessionSettings};
use tonic::Code;

use super::*;

/// Breaks when a client that forgets its statements locks its user out, or a busy one loses a statement that it uses.
#[tokio::test]
async fn past_the_limit_the_statement_that_was_unused_longest_gives_way() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).await.unwrap();
    let prepared = database.session(SessionSettings::default()).prepare("SELECT 1").await.unwrap();
    let open = PreparedStatements::new(2, GIVES_WAY_AFTER * 10);
    let start = Instant::now();
    let (ana, bob) = (|| Some("ana".to_owned()), || Some("bob".to_owned()));
    let add = |seconds, user| open.add_at(start + Duration::from_secs(seconds), user, prepared.clone());
    let of_others = add(0, bob()).unwrap();
    let first = add(1, ana()).unwrap();
    let second = add(2, ana()).unwrap();
    let refused = add(60, ana()).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("the limit is 2"), "{refused}");
    // the first is used again, so the second is the one that was unused longest
    open.lock().get_mut(&first).unwrap().used = start + Duration::from_secs(61);
    let third = add(62, ana()).unwrap();
    let kept = |handle: &Bytes| open.lock().contains_key(handle);
    assert_eq!([&of_others, &first, &second, &third].map(kept), [true, true, false, true]);
    assert_eq!(add(63, ana()).unwrap_err().code(), Code::ResourceExhausted);
}
