use super::*;

/// Goes red when a kind of error reaches a client under another code: Grafana shows each code differently.
#[test]
fn every_kind_has_its_code() {
    let expected = [
        (ErrorKind::Invalid, Code::InvalidArgument, 400),
        (ErrorKind::NotFound, Code::NotFound, 404),
        (ErrorKind::AlreadyExists, Code::AlreadyExists, 409),
        (ErrorKind::Conflict, Code::Aborted, 409),
        (ErrorKind::PermissionDenied, Code::PermissionDenied, 403),
        (ErrorKind::DeadlineExceeded, Code::DeadlineExceeded, 504),
        (ErrorKind::Cancelled, Code::Cancelled, 409),
        (ErrorKind::Unavailable, Code::Unavailable, 503),
        (ErrorKind::ResourceExhausted, Code::ResourceExhausted, 429),
        (ErrorKind::Corrupted, Code::DataLoss, 500),
        (ErrorKind::Closed, Code::Unavailable, 503),
        (ErrorKind::Internal, Code::Internal, 500),
    ];
    for (kind, code, http) in expected {
        let status = status(Error::new(kind, "the reason"));
        assert_eq!((status.code(), status.message()), (code, "the reason"), "{kind:?}");
        assert_eq!(codes(kind).1.as_u16(), http, "{kind:?}");
    }
}

/// Goes red when a long message is cut within a character or grows past what trailers hold.
#[test]
fn long_messages_are_cut() {
    let status = status(Error::new(ErrorKind::Invalid, "ü".repeat(10_000)));
    assert!(status.message().len() < 4096 && status.message().ends_with("ü ..."));
}
