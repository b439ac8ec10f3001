use futures::FutureExt;

use super::*;

fn is_stopped(entry: &Entry) -> bool {
    entry.stopped().now_or_never().is_some()
}

/// Breaks when a ticket that is fetched twice at once hides its first query from whoever cancels.
#[test]
fn all_queries_of_a_key_end_together() {
    let running = Running::default();
    let key = || QueryKey::from("k".to_owned());
    let (first, second, third) =
        (running.enter(None, key()), running.enter(None, key()), running.enter(None, key()));
    assert_eq!(running.len(), 3);
    drop(second);
    assert_eq!(running.len(), 2);
    assert!(!running.stop(None, Role::Read, &QueryKey::from("another".to_owned())));
    assert!(running.stop(None, Role::Read, &key()));
    assert!(is_stopped(&first) && is_stopped(&third));
    drop((first, third));
    assert_eq!(running.len(), 0);
    assert!(!running.stop(None, Role::Read, &key()));
}

/// Breaks when somebody ends the query of somebody else, or an admin cannot.
#[test]
fn only_an_admin_ends_what_is_not_its_own() {
    let running = Running::default();
    let key = QueryKey::from("k".to_owned());
    let (ana, bob) =
        (running.enter(Some("ana".into()), key.clone()), running.enter(Some("bob".into()), key.clone()));
    assert!(!running.stop(None, Role::Write, &key));
    assert!(!running.stop(Some("eve"), Role::Write, &key));
    assert!(!is_stopped(&ana) && !is_stopped(&bob));
    assert!(running.stop(Some("bob"), Role::Read, &key));
    assert!(!is_stopped(&ana) && is_stopped(&bob));
    assert!(running.stop(Some("eve"), Role::Admin, &key));
    assert!(is_stopped(&ana));
}
