use tonic::Code;

use super::*;

async fn call(settings: &str) -> (Call, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).await.unwrap();
    let settings = Settings::parse(settings).unwrap();
    let clock = Arc::new(driftline::storage::SystemClock::new());
    let access = Access::new(None, Some(Role::Admin), Duration::ZERO, clock);
    let service = Arc::new(Service::new(database, settings, access, Handle::current()));
    (service.call(&MetadataMap::new(), &Extensions::new()).await.unwrap(), directory)
}

/// Breaks when a plan that computes without a pause holds its caller longer than `query_timeout`.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn work_without_a_pause_is_left_behind_when_its_time_is_over() {
    let (call, _directory) = call("query_timeout = '10ms'").await;
    for is_statement in [false, true] {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let work = async move {
            // a thread that waits here looks up as little as one that computes
            let _ = held.recv();
            Ok(())
        };
        let status = match is_statement {
            true => call.run(work).await,
            false => call.plan(work).await,
        };
        let status = status.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.message().contains("its limit of 10ms"), "{status}");
        drop(release);
    }
}

/// Breaks when the end of the server is an internal error for whose call it cuts short.
#[tokio::test]
async fn the_end_of_the_server_ends_work() {
    let (call, _directory) = call("").await;
    let service = Arc::clone(&call.service);
    service.enter(Phase::Stopping);
    assert_eq!(call.load(async { Ok(7) }).await.unwrap(), 7);
    let end = async { service.enter(Phase::Ending) };
    let (outcome, ()) = tokio::join!(call.plan(std::future::pending::<Result<(), Status>>()), end);
    let status = outcome.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is stopping"));
}
