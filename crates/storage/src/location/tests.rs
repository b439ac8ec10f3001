use super::*;
use crate::ErrorKind;

// would break if a path were taken for a URL, or a URL for a path
#[test]
fn paths_and_urls_are_told_apart() {
    for path in
        ["telemetry", "./a:b", "/var/lib/driftline", "s3:/bucket", "C:\\driftline", "://x", "a b://c", ""]
    {
        let location = Location::parse(path).unwrap();
        assert_eq!(location.directory(), Some(FilePath::new(path)), "{path}");
        assert!(!location.is_bucket());
    }
    let file = Location::parse("file:///var/lib/drift%20line").unwrap();
    assert_eq!(file.directory(), Some(FilePath::new("/var/lib/drift line")));
    for url in [
        "s3://bucket",
        "S3://bucket/a/b",
        "gs://bucket/a",
        "az://container/a",
        "az://c@account/a",
        "memory://",
    ] {
        let location = Location::parse(PathBuf::from(url)).unwrap();
        assert!(location.is_bucket(), "{url}");
    }
    assert_eq!(Location::parse("s3://bucket/a/b").unwrap().to_string(), "s3://bucket/a/b");
}

// would break if a mistake were not named, or a secret in a URL were shown or used
#[test]
fn what_is_no_place_is_refused_without_its_secrets() {
    for (url, says) in [
        ("ftp://host/hidden", "ftp:// is no place for a database: allowed are a path, file:///PATH, s3://"),
        ("https://hidden.example", "https:// is no place"),
        ("s3:///hidden", "names no bucket"),
        ("s3://key:hidden@bucket/a", "credentials are taken from the environment"),
        ("s3://hidden@bucket/a", "credentials are taken from the environment"),
        ("az://container/a?sig=hidden", "neither password nor query"),
        ("gs://bucket/a#hidden", "neither password nor query"),
        ("file://hidden", "three slashes"),
        ("s3://[hidden", "is none"),
    ] {
        let error = Location::parse(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}");
        assert!(error.to_string().contains(says), "{url}: {error}");
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}

// would break if a prefix were dropped, or stores of clones did not share what lies in memory
#[tokio::test]
async fn objects_in_memory_are_those_of_the_location() {
    use object_store::ObjectStoreExt;
    let location = Location::parse("memory://").unwrap();
    let requests = Arc::default();
    let store = location.connect(&requests).unwrap();
    store.put(&"a".into(), "x".into()).await.unwrap();
    let again = location.clone().connect(&requests).unwrap();
    assert_eq!(again.get(&"a".into()).await.unwrap().bytes().await.unwrap(), "x");
    let other = Location::parse("memory://").unwrap().connect(&requests).unwrap();
    assert!(other.get(&"a".into()).await.is_err());
}

// would break if settings of a client showed its credentials
#[test]
fn stores_do_not_show_their_credentials() {
    let s3 = AmazonS3Builder::new()
        .with_bucket_name("bucket")
        .with_access_key_id("open")
        .with_secret_access_key("hidden")
        .build()
        .unwrap();
    let requests = Arc::default();
    let store = Location::prepared(Arc::new(s3), &requests);
    assert!(format!("{store:?} {store}").contains("bucket"));
    assert!(!format!("{store:?} {store}").contains("hidden"));
}
