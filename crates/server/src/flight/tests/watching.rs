use super::*;

#[tokio::test]
async fn pages_tell_how_the_server_is() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(fixture.page("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(fixture.page("/nothing").await.0, 404);
    fixture.sql("SELECT * FROM predictions").await.unwrap();
    let (status, page) = fixture.page("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "driftline_queries_total{outcome=\"ok\"} 1",
        "driftline_rows_sent_total 3",
        "driftline_connections 1",
        "# TYPE driftline_bytes_sent_total counter",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
    fixture.database.close().await.unwrap();
    assert_eq!(fixture.page("/readyz").await.0, 503);
    assert_eq!(fixture.page("/healthz").await.0, 200);
}

/// Goes red when a server that is asked to end waits for ever, or leaves its addresses taken.
#[tokio::test]
async fn a_server_ends_when_it_is_asked_to() {
    let fixture = Fixture::with("shutdown_grace = '5s'").await;
    fixture.sql("SELECT 1").await.unwrap();
    let (flight, database) = (fixture.flight, fixture.database.clone());
    fixture.end().await.unwrap();
    assert!(tokio::net::TcpStream::connect(flight).await.is_err());
    database.sql("SELECT 1").await.unwrap().collect().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let fixture = Fixture::new().await;
    let text = format!("flight_addr = '{}'\nhttp_addr = '127.0.0.1:0'", fixture.flight);
    let error = Server::bind(fixture.database.clone(), Settings::parse(&text).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), driftline::ErrorKind::Unavailable);
    assert!(error.to_string().contains(&fixture.flight.to_string()), "{error}");
}
