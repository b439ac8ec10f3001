//! `serve`, `user` and `sql --url`: one program as the server, another as its client.

use std::io::{BufRead, BufReader};
use std::process::Child;

use super::*;

/// A server on free ports; killed when the test is over.
struct Served {
    child: Child,
    url: String,
    http: String,
}

impl Served {
    fn start(place: &Workplace, options: &[&str]) -> Result<Self> {
        let mut arguments = vec!["serve", "--flight-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
        arguments.extend(["--otlp-grpc-addr", "off", "--otlp-http-addr", "off"]);
        arguments.extend(options);
        let mut child = place.command(arguments)?.stderr(Stdio::null()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        let mut address = |door: &str| -> Result<String> {
            let line = lines.next().context("a line for each door")??;
            let address = line.strip_prefix(&format!("{door} listening on "));
            Ok(address.with_context(|| format!("unexpected: {line}"))?.to_owned())
        };
        let url = format!("grpc://{}", address("flight")?);
        let http = address("http")?;
        Ok(Self { child, url, http })
    }

    /// Asks the server to end, and waits for it.
    #[cfg(unix)]
    fn end(mut self) -> Result<Option<i32>> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(asked.success(), "the server is gone");
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // it is gone already where the test went well
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Goes red when rows that a client wrote are lost as the server ends, or it does not end.
#[cfg(unix)]
#[test]
fn a_server_answers_until_it_is_asked_to_end() -> Result<()> {
    let place = Workplace::new()?;
    let served = Served::start(&place, &[])?;
    ensure!(served.http.starts_with("127.0.0.1:"), "{}", served.http);
    let insert = "INSERT INTO t VALUES ('2026-08-03T00:00:00Z', 4, 'c')";
    let answer = place.run([
        "sql",
        "--url",
        &served.url,
        "--format",
        "csv",
        "-c",
        insert,
        "-c",
        "SELECT count(*) AS n FROM t",
    ])?;
    answer.succeeds()?;
    ensure!(answer.stdout == "count\n1\nn\n4\n", "{answer:?}");
    // the database is open in the server
    place.run(["sql", "-c", "SELECT 1"])?.ends_with(4, &["is open for writing by process"])?;
    let missing = place.run(["sql", "--url", &served.url, "-c", "SELECT * FROM tt"])?;
    missing.ends_with(3, &["table \"tt\" does not exist (did you mean \"t\"?)"])?;
    ensure!(served.end()? == Some(0), "a server that is asked to end ends well");
    ensure!(place.query("SELECT count(*) AS n FROM t")? == "n\n4\n");
    Ok(())
}

#[test]
fn users_are_kept_in_a_file_and_sign_in() -> Result<()> {
    let place = Workplace::new()?;
    let users = ["--users", "users.toml"];
    let add = |arguments: &[&str], input: &str| -> Result<Run> {
        let command = ["user", "add"].iter().chain(arguments).chain(&users).copied().collect::<Vec<_>>();
        place.feed(command, input)
    };
    add(&["ana", "--role", "read"], "a secret\n")?.succeeds()?;
    let made = add(&["bot", "--role", "write", "--token", "ci", "--expires", "1d"], "")?;
    made.succeeds()?;
    let token = made.stdout.trim();
    add(&["bob", "--role", "owner"], "")?.ends_with(2, &["a role is read, write or admin, got \"owner\""])?;
    add(&["bob", "--role", "read"], "\n")?.ends_with(2, &["the password is empty"])?;
    let listed = place.run(["user", "list", "--users", "users.toml"])?;
    ensure!(listed.stdout.contains("ana  read  all tables  password\n"), "{listed:?}");
    ensure!(
        !listed.stdout.contains(token) && !std::fs::read_to_string(place.path("users.toml"))?.contains(token)
    );

    let served = Served::start(&place, &["--users", "users.toml"])?;
    let ask = |options: &[&str], sql: &str| -> Result<Run> {
        let command =
            ["sql", "--url", &served.url, "-c", sql].iter().chain(options).copied().collect::<Vec<_>>();
        Run::of(place.command(command)?.env("DRIFTLINE_PASSWORD", "a secret"))
    };
    ask(&["--user", "ana"], "SELECT 1")?.succeeds()?;
    ask(&["--user", "ana"], "FLUSH")?.ends_with(8, &["FLUSH needs the role write"])?;
    ask(&["--token", token], "FLUSH")?.succeeds()?;
    ask(&["--user", "bot"], "SELECT 1")?.ends_with(8, &["user or password is wrong"])?;
    ask(&[], "SELECT 1")?.ends_with(8, &["sign in first"])?;
    place.run(["user", "remove", "bot", "--users", "users.toml"])?.succeeds()?;
    ask(&["--token", token], "SELECT 1")?.ends_with(8, &["not known or has expired"])
}

#[test]
fn what_a_server_cannot_be_is_said() -> Result<()> {
    let place = Workplace::new()?;
    let serve = |options: &[&str]| place.run(["serve"].iter().chain(options).copied().collect::<Vec<_>>());
    serve(&["--flight-addr", "0.0.0.0:0"])?
        .ends_with(2, &["refusing to listen on 0.0.0.0:0 without users"])?;
    serve(&["--tls-cert", "c.pem"])?.ends_with(2, &["tls_cert and tls_key belong together"])?;
    serve(&["--users", "nobody.toml"])?.ends_with(5, &["cannot read nobody.toml"])?;
    serve(&["--config", "nothing.toml"])?.ends_with(3, &["cannot read nothing.toml"])?;
    place.file("driftline.toml", "flight_adr = '127.0.0.1:0'")?;
    serve(&["--config", "driftline.toml"])?
        .ends_with(2, &["driftline.toml", "unknown field `flight_adr`"])?;
    let url = ["sql", "--url", "grpc://127.0.0.1:1", "-c", "SELECT 1"];
    place.run(url)?.ends_with(5, &["no server answers at grpc://127.0.0.1:1"])
}
