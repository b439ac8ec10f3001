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

/// Breaks when somebody who forgot the `s` of grpcs reads about h2 alone.
#[tokio::test]
async fn a_port_with_tls_is_told_from_one_without() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// What TLS answers to plain bytes: a fatal alert, and nothing more.
    const ALERT: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 50];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let secure = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 24];
            stream.read_exact(&mut greeting).await.unwrap();
            stream.write_all(&ALERT).await.unwrap();
        }
    });
    let url = format!("grpc://{address}");
    let password = || Credentials::Password { user: "ana".to_owned(), password: "secret".to_owned() };
    for credentials in [Credentials::Nothing, password()] {
        let answer = async { Client::connect(&url, credentials, None).await?.sql("SELECT 1").await };
        let error = answer.await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(&url) && error.to_string().contains("grpcs://"), "{error}");
    }
    secure.abort();
}
