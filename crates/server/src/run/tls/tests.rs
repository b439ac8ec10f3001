use super::*;

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
    let refused = |settings: &Settings| transport(settings).map(|_| ()).unwrap_err().to_string();
    assert!(transport(&settings).is_ok());
    for text in ["", "nonsense", KEY] {
        let clients = Settings { tls_client_ca: Some(file("clients.pem", text)), ..settings.clone() };
        let message = refused(&clients);
        assert!(message.contains("clients.pem") && !message.contains("server"), "{message}");
    }
    let clients = Settings { tls_client_ca: settings.tls_cert.clone(), ..settings.clone() };
    assert!(transport(&clients).is_ok());
    let damaged = Settings { tls_key: Some(file("server.key", "nonsense")), ..clients };
    assert!(refused(&damaged).contains("server.key make no TLS identity"));
}
