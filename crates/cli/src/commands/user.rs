//! `driftline user`: the file of those who may call a server.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use driftline::Role;
use driftline::storage::{Clock, SystemClock};
use driftline_server::{Users, UsersFile};

use crate::args::{UserArgs, UserCommand};
use crate::failure::Failure;
use crate::terminal::Terminal;

pub(crate) async fn run(args: &UserArgs, terminal: &Terminal) -> Result<()> {
    let file = UsersFile::new(&args.users);
    let mut users = file.read_or_empty()?;
    let mut out = std::io::stdout();
    match &args.command {
        UserCommand::Add { name, role, tables, token, expires } => {
            let secret = add(&mut users, name, *role, tables.clone(), token.as_deref(), *expires)?;
            file.write(&users)?;
            if let Some(secret) = secret {
                terminal.note("the token is shown this once:");
                writeln!(out, "{secret}")?;
            }
            terminal.note(&format!("user '{name}' has the role {role} in '{}'", args.users.display()));
        }
        UserCommand::List => list(&users, &mut out)?,
        UserCommand::Remove { name } => {
            users.remove(name)?;
            file.write(&users)?;
            terminal.note(&format!("user '{name}' is removed from '{}'", args.users.display()));
        }
    }
    Ok(())
}

/// Adds or changes a user. Returns the token, if one was asked for.
fn add(
    users: &mut Users,
    name: &str,
    role: Role,
    tables: Option<Vec<String>>,
    token: Option<&str>,
    expires: Option<Duration>,
) -> Result<Option<String>> {
    users.set(name, role, tables)?;
    match token {
        Some(token) => {
            let now = Duration::from_nanos(u64::try_from(SystemClock::new().now_ns()).unwrap_or_default());
            let expires = expires.map(|expires| std::time::UNIX_EPOCH + now + expires);
            Ok(Some(users.add_token(name, token, expires)?))
        }
        None => {
            users.set_password(name, &password(name)?)?;
            Ok(None)
        }
    }
}

/// Asks for a password twice, or takes the first line of standard input.
fn password(name: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("cannot read standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first =
        rpassword::prompt_password(format!("password of {name}: ")).context("cannot read a password")?;
    let again = rpassword::prompt_password("again: ").context("cannot read a password")?;
    match first == again {
        true => Ok(first),
        false => Err(Failure::invalid("the two passwords differ")),
    }
}

fn list(users: &Users, out: &mut impl Write) -> Result<()> {
    for (name, user) in users.iter() {
        let tables = user.tables.as_ref().map_or("all tables".to_owned(), |tables| tables.join(", "));
        let mut ways: Vec<String> = user.has_password().then(|| "password".to_owned()).into_iter().collect();
        for (token, expires) in user.tokens() {
            let end = expires
                .map_or_else(String::new, |end| format!(" until {}", humantime::format_rfc3339_seconds(end)));
            ways.push(format!("token '{token}'{end}"));
        }
        writeln!(out, "{name}  {}  {tables}  {}", user.role, ways.join(", "))?;
    }
    Ok(())
}
