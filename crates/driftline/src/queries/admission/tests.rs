use std::time::Duration;

use super::Admission;
use crate::error::ErrorKind;

/// Breaks when more queries run than may, or wait for ever.
#[tokio::test]
async fn the_waiting_has_an_end() {
    let admission = Admission::new(1, 1, Duration::from_millis(1));
    let _first = admission.enter().await.unwrap();
    for _ in 0..2 {
        let error = admission.enter().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.to_string(), "1 queries run, and none was done within 1ms: try again later");
    }
}

/// Breaks when the line has no end, or a place is not given on.
#[tokio::test]
async fn the_line_has_an_end() {
    let admission = Admission::new(1, 1, Duration::from_secs(3600));
    let first = admission.enter().await.unwrap();
    let (second, third) = tokio::join!(admission.enter(), async {
        let refused = admission.enter().await;
        drop(first);
        refused
    });
    assert!(second.is_ok(), "the one in line gets the place");
    assert_eq!(third.unwrap_err().to_string(), "1 queries run and 1 wait: try again later");

    drop(second);
    assert!(admission.enter().await.is_ok());
}
