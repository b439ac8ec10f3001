use super::*;

fn refused(url: &str, authority: Option<&Path>) -> String {
    let error = endpoint(url, authority).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn addresses_are_of_two_kinds() {
    assert!(endpoint("grpc://localhost:32010", None).is_ok());
    assert!(endpoint("grpc+tcp://[::1]:32010", None).is_ok());
    assert!(refused("localhost:32010", None).contains("got \"localhost:32010\""));
    assert!(refused("http://localhost:32010", None).contains("grpc://HOST:PORT"));
    assert!(refused("grpcs://localhost:32010", None).contains("needs the authority"));
    assert!(refused("grpc://localhost:32010", Some(Path::new("ca.pem"))).contains("belongs to grpcs"));
}

/// Goes red when an error changes its kind, and so the exit code of the command line, on its way over the wire.
#[test]
fn kinds_survive_the_wire() {
    for kind in [
        ErrorKind::Invalid,
        ErrorKind::NotFound,
        ErrorKind::AlreadyExists,
        ErrorKind::Conflict,
        ErrorKind::PermissionDenied,
        ErrorKind::Unavailable,
        ErrorKind::ResourceExhausted,
        ErrorKind::DeadlineExceeded,
        ErrorKind::Cancelled,
        ErrorKind::Corrupted,
        ErrorKind::Internal,
    ] {
        assert_eq!(error(crate::error::status(Error::new(kind, "why"))).kind(), kind);
    }
}
