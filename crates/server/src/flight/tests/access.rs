use arrow_flight::HandshakeRequest;
use base64::Engine;
use driftline::Role;
use tonic::Code;

use super::*;
use crate::{Users, UsersFile};

/// A server with a reader `ana` of one table and a writer `bob`, both with the password `secret`.
async fn with_users() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    let mut users = Users::default();
    for (name, role) in [("ana", Role::Read), ("bob", Role::Write)] {
        let tables = (role == Role::Read).then(|| vec!["predictions".to_owned()]);
        users.set(name, role, tables).unwrap();
        users.set_password(name, "secret").unwrap();
    }
    UsersFile::new(&path).write(&users).unwrap();
    let mut fixture = Fixture::with(&format!("users = '{}'", path.display())).await;
    // the file lives as long as the server
    std::fs::rename(&path, fixture.directory.path().join("users.toml")).unwrap();
    fixture.headers.clear();
    fixture
}

async fn sign_in(fixture: &Fixture, pair: &str, messages: usize) -> Result<String, Status> {
    let messages = vec![HandshakeRequest::default(); messages];
    let mut request = Request::new(futures::stream::iter(messages));
    let pair = base64::prelude::BASE64_STANDARD_NO_PAD.encode(pair);
    request.metadata_mut().insert("authorization", format!("Basic {pair}").parse().unwrap());
    let response = fixture.client.clone().handshake(request).await?;
    Ok(response.metadata().get("authorization").unwrap().to_str().unwrap().to_owned())
}

/// Goes red when a client in Go (no message, no padding) or in Java (one empty message) cannot sign in.
#[tokio::test]
async fn a_handshake_needs_no_message() {
    let mut fixture = with_users().await;
    for messages in [0, 1] {
        let header = sign_in(&fixture, "ana:secret", messages).await.unwrap();
        assert!(header.starts_with("Bearer "));
        fixture.headers.insert("authorization", header.parse().unwrap());
        assert_eq!(fixture.lines("SELECT 1 AS one").await, ["one", "1"]);
    }
    assert_eq!(sign_in(&fixture, "ana:wrong", 0).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn every_call_needs_a_credential() {
    let fixture = with_users().await;
    assert_eq!(fixture.sql("SELECT 1").await.unwrap_err().code(), Code::Unauthenticated);
    let mut client = fixture.client.clone();
    assert_eq!(
        client.list_actions(arrow_flight::Empty {}).await.map(|_| ()).unwrap_err().code(),
        Code::Unauthenticated
    );
    let ticket = Ticket::new(vec![]);
    assert_eq!(client.do_get(ticket).await.map(|_| ()).unwrap_err().code(), Code::Unauthenticated);
    let nothing = futures::stream::iter(Vec::<arrow_flight::FlightData>::new());
    assert_eq!(client.do_put(nothing).await.map(|_| ()).unwrap_err().code(), Code::Unauthenticated);
}

/// Goes red when one user's statement can be seen, run or ended by another.
#[tokio::test]
async fn prepared_statements_belong_to_their_user() {
    use arrow_flight::Action;
    use arrow_flight::sql::{
        ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any,
        CommandPreparedStatementQuery,
    };
    let mut fixture = with_users().await;
    let ana = sign_in(&fixture, "ana:secret", 0).await.unwrap();
    let bob = sign_in(&fixture, "bob:secret", 0).await.unwrap();
    fixture.headers.insert("authorization", ana.parse().unwrap());
    let request = ActionCreatePreparedStatementRequest { query: "SELECT 1".to_owned(), transaction_id: None };
    let body = request.as_any().encode_to_vec().into();
    let action = Action { r#type: "CreatePreparedStatement".to_owned(), body };
    let mut results = fixture.client.clone().do_action(fixture.request(action)).await.unwrap().into_inner();
    let result = Any::decode(results.message().await.unwrap().unwrap().body).unwrap();
    let result: ActionCreatePreparedStatementResult = result.unpack().unwrap().unwrap();
    let command =
        CommandPreparedStatementQuery { prepared_statement_handle: result.prepared_statement_handle };
    fixture.answer(&command).await.unwrap();
    fixture.headers.insert("authorization", bob.parse().unwrap());
    assert_eq!(fixture.answer(&command).await.unwrap_err().code(), Code::NotFound);
}

/// Goes red when a role or a list of tables is not looked at behind one of the doors.
#[tokio::test]
async fn a_caller_does_what_its_role_and_tables_allow() {
    let mut fixture = with_users().await;
    let ana = sign_in(&fixture, "ana:secret", 0).await.unwrap();
    fixture.headers.insert("authorization", ana.parse().unwrap());
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "3");
    for sql in [
        "SELECT * FROM spans",
        "INSERT INTO predictions VALUES ('2026-09-01T00:00:00Z', 'c', 0.5)",
        "DROP TABLE predictions",
        "SELECT * FROM '/etc/passwd.csv'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        let status = fixture.sql(sql).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{sql}: {status}");
    }
    let status = ingest("predictions", &fixture).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    let everything = arrow_flight::sql::CommandGetTables::default();
    let tables = fixture.answer(&everything).await.unwrap();
    let tables = arrow::util::pretty::pretty_format_batches(&[tables]).unwrap().to_string();
    assert!(tables.contains("predictions") && !tables.contains("spans"), "{tables}");
    let bob = sign_in(&fixture, "bob:secret", 0).await.unwrap();
    fixture.headers.insert("authorization", bob.parse().unwrap());
    fixture.sql("INSERT INTO predictions VALUES ('2026-09-01T00:00:00Z', 'c', 0.5)").await.unwrap();
    assert_eq!(ingest("predictions", &fixture).await.unwrap(), 3);
    assert_eq!(fixture.sql("DROP TABLE predictions").await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(
        fixture.sql("SELECT * FROM '/etc/passwd.csv'").await.unwrap_err().code(),
        Code::PermissionDenied
    );
}

async fn ingest(table: &str, fixture: &Fixture) -> Result<i64, Status> {
    super::ingest::ingest(fixture, table, super::ingest::APPEND, vec![rows(3)]).await
}

/// Breaks when a caller ends the query of another, or an admin cannot.
#[tokio::test]
async fn an_admin_ends_everybodys_queries() {
    use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.toml");
    let mut users = Users::default();
    let [ana, bob, root] =
        [("ana", Role::Read), ("bob", Role::Write), ("root", Role::Admin)].map(|(name, role)| {
            users.set(name, role, None).unwrap();
            format!("Bearer {}", users.add_token(name, "test", None).unwrap())
        });
    UsersFile::new(&path).write(&users).unwrap();
    let mut fixture = Fixture::with(&format!("users = '{}'", path.display())).await;
    fixture.headers.insert("authorization", ana.parse().unwrap());
    let info = fixture.info(&super::statement::query(super::statement::ENDLESS)).await.unwrap();
    let request = CancelFlightInfoRequest { info: Some(info.clone()) };
    let body = bytes::Bytes::from(request.encode_to_vec());
    let cancel = async |authorization: &str| {
        let mut request = Request::new(Action { r#type: "CancelFlightInfo".to_owned(), body: body.clone() });
        request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        let mut results = fixture.client.clone().do_action(request).await.unwrap().into_inner();
        let result = CancelFlightInfoResult::decode(results.message().await.unwrap().unwrap().body).unwrap();
        result.status == CancelStatus::Cancelled as i32
    };
    let cancels = async {
        while !fixture.page("/metrics").await.1.contains("driftline_queries_running 1\n") {}
        assert!(!cancel(&bob).await);
        assert!(cancel(&root).await);
    };
    let (outcome, ()) = tokio::join!(fixture.fetch(info.endpoint[0].ticket.clone().unwrap()), cancels);
    assert_eq!(outcome.unwrap_err().code(), Code::Cancelled);
}
