use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::run::Admission;

/// For tests alone: a key that nobody trusts, and its certificate.
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgp61efaJLNMbBEZXx
6PftgePTFKmUnDzmz4ErbiM+8jKhRANCAASYpMD/O0WCCy8wYinVzeBc+4PWomec
ksQzWAXsbQHuR+gQt5qjRCfJvX4/O+i8QiAuloiaiodypm2Y2HDa8I9l
-----END PRIVATE KEY-----
";
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUG5UdSQJYb3m6usxyMVcWbMkLL7kwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE0NTkwNloYDzIxMjYxMTA0
MTQ1OTA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASYpMD/O0WCCy8wYinVzeBc+4PWomecksQzWAXsbQHuR+gQt5qjRCfJ
vX4/O+i8QiAuloiaiodypm2Y2HDa8I9lo1MwUTAdBgNVHQ4EFgQUNnmaQ8eUDS8F
QLHTsw7afhDbHX0wHwYDVR0jBBgwFoAUNnmaQ8eUDS8FQLHTsw7afhDbHX0wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAGj92O21pyjAiWZUNGph9a
RpMnMQ6thAQ5Xk1FxITyWwIgWqf5GYddRsp4WY0VpxLRuv/iDqCKM8trUlMdVBRt
T6U=
-----END CERTIFICATE-----
";

/// Breaks when the certificate is blamed for the authority of clients, or the other way.
#[test]
fn the_file_that_is_damaged_is_the_one_that_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let settings = Settings {
        tls_cert: Some(file("server.pem", CERTIFICATE)),
        tls_key: Some(file("server.key", KEY)),
        ..Settings::default()
    };
    let refused = |settings: &Settings| acceptor(settings).map(|_| ()).unwrap_err().to_string();
    assert!(acceptor(&settings).is_ok());
    for text in ["", "nonsense", KEY] {
        let clients = Settings { tls_client_ca: Some(file("clients.pem", text)), ..settings.clone() };
        let message = refused(&clients);
        assert!(message.contains("clients.pem") && !message.contains("server"), "{message}");
    }
    let clients = Settings { tls_client_ca: settings.tls_cert.clone(), ..settings.clone() };
    assert!(acceptor(&clients).is_ok());
    let damaged = Settings { tls_key: Some(file("server.key", "nonsense")), ..clients };
    assert!(refused(&damaged).contains("server.key make no TLS identity"));
}

/// Breaks when a connection is closed with bytes unread: it is reset then, and the client fails to write before it reads why.
#[tokio::test]
async fn who_does_not_agree_on_tls_can_read_why() {
    let directory = tempfile::tempdir().unwrap();
    let (cert, key) = (directory.path().join("server.pem"), directory.path().join("server.key"));
    std::fs::write(&cert, CERTIFICATE).unwrap();
    std::fs::write(&key, KEY).unwrap();
    let settings = Settings { tls_cert: Some(cert), tls_key: Some(key), ..Settings::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Admission::new(1).connections(listener, acceptor(&settings).unwrap());
    tokio::spawn(futures::StreamExt::for_each(connections, async |_| panic!("this is no TLS")));
    let mut client = TcpStream::connect(address).await.unwrap();
    for _ in 0..64 {
        client.write_all(&[b'x'; 4096]).await.unwrap();
    }
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    let alert = 21;
    assert_eq!(heard.first(), Some(&alert), "{heard:?}");
}
