//! What no honest client sends: every call ends with an error, and the server goes on.

use arrow_flight::sql::{ActionCreatePreparedStatementRequest, CommandGetTables, CommandStatementIngest};
use arrow_flight::{Action, FlightData, HandshakeRequest};
use futures::StreamExt;
use rand::{RngExt, SeedableRng};
use tonic::Code;

use super::*;

#[tokio::test]
async fn a_damaged_ticket_is_refused() {
    let fixture = Fixture::new().await;
    let good = fixture
        .info(&CommandStatementQuery { query: "SELECT 1".into(), transaction_id: None })
        .await
        .unwrap();
    let good = good.endpoint[0].ticket.clone().unwrap().ticket.to_vec();
    for ticket in [vec![], b"nonsense".to_vec(), good[..good.len() / 2].to_vec(), vec![0xff; 100]] {
        let status = fixture.fetch(Ticket::new(ticket)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
}

#[tokio::test]
async fn a_statement_of_any_length_gets_an_answer() {
    let fixture = Fixture::new().await;
    let long = CommandStatementQuery { query: "x".repeat(2 << 20), transaction_id: None };
    let status = fixture.info(&long).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("at most 1048576 bytes"), "{status}");
    let longer = CommandStatementQuery { query: "x".repeat(100 << 20), transaction_id: None };
    let status = fixture.info(&longer).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::Unknown | Code::Internal), "{status}");
    assert_eq!(fixture.lines("SELECT 1 AS one").await, ["one", "1"]);
}

#[tokio::test]
async fn what_is_not_supported_is_said_in_words() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client.clone();
    for (name, code) in [("BeginTransaction", Code::Unimplemented), ("Dance", Code::Unimplemented)] {
        let action = Action { r#type: name.to_owned(), body: Default::default() };
        let status = client.do_action(action).await.map(|_| ()).unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(!status.message().contains("::"), "{status}");
    }
    let in_transaction = CommandStatementQuery { query: "SELECT 1".into(), transaction_id: Some("t".into()) };
    assert_eq!(fixture.info(&in_transaction).await.unwrap_err().code(), Code::InvalidArgument);
    let plan = arrow_flight::sql::CommandStatementSubstraitPlan::default();
    let status = fixture.info(&plan).await.unwrap_err();
    assert!(status.code() == Code::Unimplemented && status.message().contains("send SQL"), "{status}");
    let path = FlightDescriptor::new_path(vec!["predictions".to_owned()]);
    assert_eq!(client.get_flight_info(path).await.unwrap_err().code(), Code::InvalidArgument);
    assert!(
        client
            .list_flights(arrow_flight::Criteria::default())
            .await
            .unwrap()
            .into_inner()
            .next()
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_connection_past_the_limit_is_told_so() {
    let fixture = Fixture::with("connections_max = 1").await;
    let mut second = connect(fixture.flight).await;
    let status = second.list_actions(arrow_flight::Empty {}).await.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("limit of 1 connections"), "{status}");
    assert_eq!(fixture.lines("SELECT 1 AS one").await, ["one", "1"]);
}

/// Goes red when a query waits for ever for a client that is there and does not read.
#[tokio::test]
async fn a_client_that_stops_reading_loses_its_query() {
    let fixture = Fixture::with("stalled_timeout = '100ms'").await;
    let sql = "SELECT repeat('x', 1000) AS t FROM generate_series(1, 10000000)";
    let command = CommandStatementQuery { query: sql.to_owned(), transaction_id: None };
    let info = fixture.info(&command).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut unread = fixture.client.clone().do_get(ticket).await.unwrap().into_inner();
    while !fixture.page("/metrics").await.1.contains("driftline_queries_total{outcome=\"cancelled\"} 1\n") {}
    // the others do not notice
    assert_eq!(fixture.lines("SELECT 1 AS one").await, ["one", "1"]);
    // and when it reads at last, it is told
    let status = loop {
        match unread.next().await.expect("no good end") {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Cancelled);
    assert!(status.message().contains("read nothing for 100ms"), "{status}");
}

/// Goes red when some bytes make the server panic, hang or go.
#[tokio::test]
async fn damaged_commands_of_every_kind_are_answered() {
    let fixture = Fixture::new().await;
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let ingest = CommandStatementIngest { table: "predictions".to_owned(), ..Default::default() };
    let tables = CommandGetTables { table_name_filter_pattern: Some("%".to_owned()), ..Default::default() };
    let query = CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: None };
    let prepare = ActionCreatePreparedStatementRequest { query: "SELECT 1".to_owned(), transaction_id: None };
    let whole = [
        ingest.as_any().encode_to_vec(),
        tables.as_any().encode_to_vec(),
        query.as_any().encode_to_vec(),
        prepare.as_any().encode_to_vec(),
    ];
    for round in 0..500 {
        let mut bytes = whole[round % whole.len()].clone();
        for _ in 0..random.random_range(1..4) {
            match random.random_range(0..3) {
                0 => bytes.truncate(random.random_range(0..=bytes.len())),
                1 => bytes.push(random.random()),
                _ if bytes.is_empty() => {}
                _ => {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] = random.random();
                }
            }
        }
        let mut client = fixture.client.clone();
        let hello = HandshakeRequest { payload: bytes.clone().into(), ..Default::default() };
        let mut handshake = tonic::Request::new(futures::stream::iter([hello]));
        let authorization =
            format!("Basic {}", String::from_utf8_lossy(&bytes).replace(|c: char| !c.is_ascii_graphic(), ""));
        handshake.metadata_mut().insert("authorization", authorization.parse().unwrap());
        let _ = client.handshake(handshake).await;
        let descriptor = FlightDescriptor::new_cmd(bytes.clone());
        let _ = client.get_flight_info(descriptor.clone()).await;
        let _ = fixture.fetch(Ticket::new(bytes.clone())).await;
        let message = FlightData::new().with_descriptor(descriptor).with_data_header(bytes.clone());
        let _ = client.do_put(futures::stream::iter([message])).await;
        for name in ["CreatePreparedStatement", "CancelFlightInfo", "SetSessionOptions"] {
            let action = Action { r#type: name.to_owned(), body: bytes.clone().into() };
            let _ = client.do_action(action).await;
        }
    }
    assert_eq!(fixture.lines("SELECT 1 AS one").await, ["one", "1"]);
}

/// Goes red when a damaged batch makes the server panic or go, or leaves rows behind.
#[tokio::test]
async fn damaged_batches_are_answered() {
    let fixture = Fixture::new().await;
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let ingest = CommandStatementIngest { table: "predictions".to_owned(), ..Default::default() };
    let descriptor = FlightDescriptor::new_cmd(ingest.as_any().encode_to_vec());
    let whole = arrow_flight::utils::batches_to_flight_data(&rows(3).schema(), vec![rows(3)]).unwrap();
    let mut refused = 0;
    for _ in 0..200 {
        let mut messages = whole.clone();
        messages[0].flight_descriptor = Some(descriptor.clone());
        let message = &mut messages[random.random_range(0..whole.len())];
        let part = if random.random() { &mut message.data_header } else { &mut message.data_body };
        let mut bytes = part.to_vec();
        match random.random_range(0..2) {
            0 => bytes.truncate(random.random_range(0..=bytes.len())),
            _ if bytes.is_empty() => {}
            _ => {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
        }
        *part = bytes.into();
        let answer = fixture.client.clone().do_put(futures::stream::iter(messages)).await;
        refused += usize::from(answer.is_err());
    }
    assert!(refused > 50, "{refused} of 200");
    assert!(fixture.sql("SELECT count(*) AS n FROM predictions WHERE confidence IS NULL").await.is_ok());
}
