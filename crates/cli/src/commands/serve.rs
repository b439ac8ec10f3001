//! `driftline serve`: one database for many callers, until the program is asked to end.

use std::io::Write;

use anyhow::{Context, Result};
use driftline::Database;
use driftline_server::{Server, Settings};

use super::interrupted;
use crate::args::ServeArgs;
use crate::place::Place;
use crate::terminal::Terminal;

pub(crate) async fn run(place: &Place, args: &ServeArgs, terminal: &Terminal) -> Result<()> {
    let settings = settings(args)?;
    settings.validate()?;
    if !args.create {
        place.check_exists()?;
    }
    let database = place.log_of(settings.limits(place.builder())).create_missing(args.create).open().await?;
    let served = serve(database.clone(), settings, terminal).await;
    // what was acknowledged is in the log either way; a flush makes the next start quick
    let closed = database.close().await.context("could not close the database");
    served?;
    closed
}

async fn serve(database: Database, settings: Settings, terminal: &Terminal) -> Result<()> {
    let server = Server::bind(database, settings).await?;
    let doors: String =
        server.addresses().map(|(door, address)| format!("{door} listening on {address}\n")).collect();
    // whoever reads where the doors are may ask the server to end
    let interrupted = interrupted();
    // a server goes on for its clients where nobody reads what it prints
    if let Err(error) = std::io::stdout().write_all(doors.as_bytes()) {
        terminal.note(&format!("cannot print where the doors are: {error}"));
    }
    server
        .run(async {
            interrupted.await;
            terminal.note("stopping: running queries may end");
        })
        .await?;
    Ok(())
}

/// What the file says, and above it what the command line says.
fn settings(args: &ServeArgs) -> Result<Settings> {
    let mut settings = match &args.config {
        Some(file) => Settings::read(file)?,
        None => Settings::default(),
    };
    fn replace<T: Clone>(setting: &mut T, given: &Option<T>) {
        if let Some(given) = given {
            setting.clone_from(given);
        }
    }
    replace(&mut settings.flight_addr, &args.flight_addr);
    replace(&mut settings.http_addr, &args.http_addr);
    replace(&mut settings.otlp_grpc_addr, &args.otlp_grpc_addr);
    replace(&mut settings.otlp_http_addr, &args.otlp_http_addr);
    for (setting, given) in [
        (&mut settings.users, &args.users),
        (&mut settings.tls_cert, &args.tls_cert),
        (&mut settings.tls_key, &args.tls_key),
        (&mut settings.tls_client_ca, &args.tls_client_ca),
    ] {
        if given.is_some() {
            setting.clone_from(given);
        }
    }
    settings.anonymous = args.anonymous.or(settings.anonymous);
    settings.insecure |= args.insecure;
    if args.schema_alias.is_some() {
        settings.schema_alias.clone_from(&args.schema_alias);
    }
    Ok(settings)
}
