use super::*;
use crate::demo::panel::Panel;

const RECIPE: Recipe = Recipe { days: 49, seed: 42 };

fn run<T>(test: impl AsyncFnOnce(Database) -> T) -> T {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::open(directory.path()).await.unwrap();
        declare(&database).await.unwrap();
        test(database).await
    })
}

async fn counts(database: &Database) -> Vec<u64> {
    let mut counts = vec![];
    for table in ["spans", "metrics", "logs", LABELS_TABLE] {
        counts.push(count(database, table).await.unwrap());
    }
    counts
}

// breaks when a run that was interrupted between two deliveries stores one of them twice or leaves one out
#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    run(async |database: Database| {
        let bar = ProgressBar::hidden();
        let mut telemetry = Telemetry::new(RECIPE.seed, Calendar::new(RECIPE.days));
        let deliveries = telemetry.day(0).unwrap();
        let expected: u64 = deliveries
            .iter()
            .filter(|delivery| delivery.table == "spans")
            .map(|delivery| delivery.rows as u64)
            .sum();
        assert!(deliveries.len() >= 4, "the interruption lies within the day's spans");
        for delivery in deliveries.into_iter().take(2) {
            send(&database, delivery.table, delivery.rows, delivery.body).await.unwrap();
        }
        store(&database, RECIPE, 0..1, &bar).await.unwrap();
        let once = counts(&database).await;
        assert_eq!(once[0], expected);
        store(&database, RECIPE, 0..1, &bar).await.unwrap();
        assert_eq!(counts(&database).await, once, "a complete day must not grow");

        run_sql(&database, "INSERT INTO labels VALUES (now(), 'a', 'b', now(), true)").await;
        run_sql(&database, "INSERT INTO logs (time) VALUES (now())").await;
        let error = store(&database, RECIPE, 0..2, &bar).await.unwrap_err().to_string();
        assert!(error.contains("has rows that are not the demo's"), "{error}");
    });
}

// breaks when another recipe is mixed into a demo, or a finished demo is made again
#[test]
fn a_demo_keeps_its_recipe() {
    run(async |database: Database| {
        assert!(matches!(state(&database, RECIPE).await.unwrap(), State::New));
        record(&database, "started", RECIPE).await.unwrap();
        assert!(matches!(state(&database, RECIPE).await.unwrap(), State::Interrupted));
        record(&database, "finished", RECIPE).await.unwrap();
        assert!(matches!(state(&database, RECIPE).await.unwrap(), State::Complete));
        let error = state(&database, Recipe { seed: 7, ..RECIPE }).await.err().unwrap().to_string();
        assert!(error.contains("was made with --days 49 --seed 42"), "{error}");
    });
}

// breaks when a panel or an example uses a column, view or function that is not there, or fails without rows
#[test]
fn panels_and_examples_run_on_an_empty_database() {
    run(async |database: Database| {
        for panel in Panel::shipped().unwrap() {
            run_sql(&database, &panel.query_with_state()).await;
        }
        let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/examples");
        for file in std::fs::read_dir(examples).unwrap() {
            let script = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for statement in driftline::split_statements(&script) {
                run_sql(&database, &statement).await;
            }
        }
    });
}

async fn run_sql(database: &Database, statement: &str) {
    if let Err(error) = super::run(database, statement).await {
        panic!("{statement}\n{error:#}");
    }
}
