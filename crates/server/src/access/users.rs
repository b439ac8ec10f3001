//! The file of users: TOML, read when the server starts and again whenever it changes.
//!
//! ```toml
//! [users.grafana]
//! role = "read"
//! password = "$argon2id$v=19$..."
//! tables = ["llm_calls", "predictions"]   # without it: all
//!
//! [[users.grafana.tokens]]
//! name = "dashboards"
//! digest = "..."
//! expires = "2027-01-01T00:00:00Z"        # without it: never
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use driftline::{Error, ErrorKind, Result, Role};
use serde::{Deserialize, Serialize};

use super::{password, token};

/// Characters of a name, at most.
const NAME_MAX: usize = 64;

/// One who may call.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What the user may do.
    #[serde(with = "super::role")]
    pub role: Role,
    /// The argon2 hash of the password; without one the user has tokens only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<String>,
    /// The tables, views and baselines that the user may name; without it, all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tokens: Vec<Token>,
}

impl User {
    /// Whether the user can sign in with a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The names of the user's tokens, with the end of each.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, Option<SystemTime>)> {
        self.tokens.iter().map(|token| (token.name.as_str(), token.expires))
    }
}

/// Shows no hash.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("role", &self.role).field("tables", &self.tables).finish_non_exhaustive()
    }
}

/// What is kept of a token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "humantime_serde")]
    pub(super) expires: Option<SystemTime>,
}

/// All users, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    #[serde(default)]
    users: BTreeMap<String, User>,
}

impl Users {
    pub(super) fn get(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    pub(super) fn entry(&self, name: &str) -> Option<(&str, &User)> {
        self.users.get_key_value(name).map(|(name, user)| (name.as_str(), user))
    }

    /// Every user with its name, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &User)> {
        self.users.iter().map(|(name, user)| (name.as_str(), user))
    }

    /// Adds a user, or changes role and tables of one that exists.
    ///
    /// # Errors
    /// `Invalid` for a name that is empty, long or has other characters than letters, digits, `-`, `_`, `.` and `@`, and for a table
    /// without a name.
    pub fn set(&mut self, name: &str, role: Role, tables: Option<Vec<String>>) -> Result<()> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(allowed) {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the name of a user has 1 to {NAME_MAX} letters, digits or any of -_.@, got \"{name}\""
                ),
            ));
        }
        check_tables(name, tables.as_deref())?;
        let user = self.users.entry(name.to_owned()).or_insert_with(|| User {
            role,
            password: None,
            tables: None,
            tokens: vec![],
        });
        user.role = role;
        user.tables = tables;
        Ok(())
    }

    /// Gives a user a password; tokens of sessions under the old one end.
    ///
    /// # Errors
    /// `NotFound` for an unknown user, `Invalid` for an empty password.
    pub fn set_password(&mut self, name: &str, text: &str) -> Result<()> {
        if text.is_empty() {
            return Err(Error::new(ErrorKind::Invalid, "the password is empty"));
        }
        self.known(name)?.password = Some(password::hash(text)?);
        Ok(())
    }

    /// Makes a token for a user and returns it: it can be shown this once.
    ///
    /// # Errors
    /// `NotFound` for an unknown user, `AlreadyExists` for a second token of a name.
    pub fn add_token(&mut self, name: &str, token: &str, expires: Option<SystemTime>) -> Result<String> {
        let user = self.known(name)?;
        if user.tokens.iter().any(|before| before.name == token) {
            let message = format!("user \"{name}\" has a token \"{token}\" already");
            return Err(Error::new(ErrorKind::AlreadyExists, message));
        }
        let (secret, digest) = token::make();
        user.tokens.push(Token { name: token.to_owned(), digest, expires });
        Ok(secret)
    }

    /// Removes a user with all tokens.
    ///
    /// # Errors
    /// `NotFound` for an unknown user.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        self.known(name)?;
        self.users.remove(name);
        Ok(())
    }

    fn known(&mut self, name: &str) -> Result<&mut User> {
        let message = format!("user \"{name}\" does not exist");
        self.users.get_mut(name).ok_or_else(|| Error::new(ErrorKind::NotFound, message))
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let invalid =
            |reason: String| Error::new(ErrorKind::Invalid, format!("{}: {reason}", path.display()));
        let users: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        for (name, user) in users.iter() {
            check_tables(name, user.tables.as_deref()).map_err(|error| invalid(error.to_string()))?;
            if user.password.as_deref().is_some_and(|hash| !password::is_hash(hash)) {
                return Err(invalid(format!(
                    "the password of user \"{name}\" is no argon2 hash: set it with `driftline user add`"
                )));
            }
        }
        Ok(users)
    }
}

/// Fails for a table without a name: who writes one means all tables, or none, and would get the other.
fn check_tables(user: &str, tables: Option<&[String]>) -> Result<()> {
    match tables.into_iter().flatten().any(|table| table.trim().is_empty()) {
        true => Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "the tables of user \"{user}\" have an empty name: name each, or leave the list out to allow all"
            ),
        )),
        false => Ok(()),
    }
}

/// The file that users are kept in.
#[derive(Clone, Debug)]
pub struct UsersFile {
    path: PathBuf,
}

impl UsersFile {
    /// The file at a path; it need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Reads all users; none where there is no file.
    ///
    /// # Errors
    /// `Invalid` for a file that breaks the format, `Unavailable` for one that cannot be read.
    pub fn read_or_empty(&self) -> Result<Users> {
        match self.path.exists() {
            true => self.read(),
            false => Ok(Users::default()),
        }
    }

    fn read(&self) -> Result<Users> {
        let text = std::fs::read_to_string(&self.path).map_err(|error| self.unavailable("read", error))?;
        Users::parse(&text, &self.path)
    }

    /// Reads the users of a file that had some. One in which nothing stands was cut off: without users there is `[users]` at least.
    fn read_again(&self) -> Result<Users> {
        let text = std::fs::read_to_string(&self.path).map_err(|error| self.unavailable("read", error))?;
        let says_nothing = text.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#'));
        if says_nothing {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("{}: the file is empty", self.path.display()),
            ));
        }
        Users::parse(&text, &self.path)
    }

    /// Replaces the file as a whole; nobody but its owner can read it.
    ///
    /// # Errors
    /// `Unavailable` for a place that cannot be written.
    pub fn write(&self, users: &Users) -> Result<()> {
        let text = toml::to_string_pretty(users)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("users cannot be written: {error}")))?;
        let new = self.path.with_extension("new");
        let written = create_private(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written
            .and_then(|()| std::fs::rename(&new, &self.path))
            .map_err(|error| self.unavailable("write", error))
    }

    fn unavailable(&self, doing: &str, error: std::io::Error) -> Error {
        let message = format!("cannot {doing} {}: {error}", self.path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    }

    /// What tells one version of the file from the next.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }
}

fn create_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The users as the file says now.
pub(crate) struct CurrentUsers {
    file: UsersFile,
    read: RwLock<Read>,
}

struct Read {
    stamp: Option<(SystemTime, u64)>,
    users: Arc<Users>,
}

impl CurrentUsers {
    /// Reads a file that must be there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = UsersFile::new(path);
        let stamp = file.stamp();
        let users = Arc::new(file.read()?);
        Ok(Self { file, read: RwLock::new(Read { stamp, users }) })
    }

    /// All users; read again when the file has changed. One that cannot be read, or became empty, changes nothing.
    pub(super) fn current(&self) -> Arc<Users> {
        let stamp = self.file.stamp();
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        if read.stamp == stamp {
            return Arc::clone(&read.users);
        }
        drop(read);
        let mut read = self.read.write().unwrap_or_else(PoisonError::into_inner);
        if read.stamp != stamp {
            match self.file.read_again() {
                Ok(users) => read.users = Arc::new(users),
                Err(error) => tracing::warn!(%error, "the users stay as they were"),
            }
            read.stamp = stamp;
        }
        Arc::clone(&read.users)
    }
}
