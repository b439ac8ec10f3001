//! Who calls, and what they may do.
//!
//! A caller signs in with a password once, in a handshake, and shows the token it got with every call; or it shows a token that an
//! operator made. Passwords are kept as argon2 hashes. Tokens are random or signed, so a plain digest of them is kept; digests are
//! compared in constant time. Without a file of users everybody who can connect is the anonymous caller.

mod password;
pub(crate) mod role;
mod token;
mod users;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use driftline::Role;
use driftline::storage::Clock;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::metadata::MetadataMap;

pub use users::{User, Users, UsersFile};

pub(crate) use users::CurrentUsers;

/// Passwords checked at the same time: each check takes 19 MiB and some tens of milliseconds on purpose.
const PASSWORD_CHECKS_MAX: usize = 4;

/// What a client is told who signs in wrongly, whatever was wrong.
const WRONG_PASSWORD: &str = "user or password is wrong";

/// Padding is optional: clients in Go send none.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A caller whose name is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `None` for the anonymous caller.
    pub(crate) user: Option<String>,
    pub(crate) role: Role,
    /// The tables and views that may be named; `None` for all.
    pub(crate) tables: Option<Vec<String>>,
}

/// Decides who a caller is.
pub(crate) struct Access {
    users: Option<CurrentUsers>,
    /// What a caller may do who shows nothing; `None` where everybody must sign in.
    anonymous: Option<Role>,
    session_lifetime: Duration,
    clock: Arc<dyn Clock>,
    checks: Semaphore,
}

impl Access {
    pub(crate) fn new(
        users: Option<CurrentUsers>,
        anonymous: Option<Role>,
        session_lifetime: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { users, anonymous, session_lifetime, clock, checks: Semaphore::new(PASSWORD_CHECKS_MAX) }
    }

    /// The caller that the headers of a call name.
    ///
    /// # Errors
    /// `Unauthenticated` for a credential that is missing, wrong or expired.
    pub(crate) async fn identify(&self, headers: &MetadataMap) -> Result<Identity, Status> {
        let shown = match (Credential::read(headers)?, &self.users) {
            // who asks for nothing need not look at what is shown: some clients always send a token
            (_, None) | (None, _) => return self.anonymous(),
            (Some(shown), Some(users)) => (shown, users.current()),
        };
        match shown {
            (Credential::Bearer(token), users) => {
                token::find(&token, &users, self.clock.now_ns()).map(identity).ok_or_else(|| {
                    Status::unauthenticated("the token is not known or has expired: sign in again")
                })
            }
            (Credential::Basic { user, password }, users) => self.check_password(user, password, users).await,
        }
    }

    /// Answers a handshake: the caller, and the token it shows from now on.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub(crate) async fn sign_in(&self, headers: &MetadataMap) -> Result<(Identity, String), Status> {
        let credential = Credential::read(headers)?;
        let identity = self.identify(headers).await?;
        let token = match (credential, &self.users) {
            (Some(Credential::Bearer(token)), _) => token,
            (Some(Credential::Basic { user, .. }), Some(users)) => {
                let expires_ns = self.clock.now_ns().saturating_add(nanoseconds(self.session_lifetime));
                let users = users.current();
                let record = users.get(&user).ok_or_else(|| Status::unauthenticated(WRONG_PASSWORD))?;
                token::sign(&user, record, expires_ns)
            }
            _ => "anonymous".to_owned(),
        };
        Ok((identity, token))
    }

    fn anonymous(&self) -> Result<Identity, Status> {
        match self.anonymous {
            Some(role) => Ok(Identity { user: None, role, tables: None }),
            None => Err(Status::unauthenticated(
                "sign in first: user and password in a handshake, or a token as `authorization: Bearer ...`",
            )),
        }
    }

    async fn check_password(
        &self,
        user: String,
        password: String,
        users: Arc<Users>,
    ) -> Result<Identity, Status> {
        let wrong = || Status::unauthenticated(WRONG_PASSWORD);
        let _turn = self.checks.acquire().await.map_err(|_| wrong())?;
        let hash = users.get(&user).and_then(|record| record.password.clone());
        // an unknown user takes as long as a known one
        let check = move || password::verify(&password, hash.as_deref());
        match tokio::task::spawn_blocking(check).await {
            Ok(true) => users.get(&user).map(|record| identity((&user, record))).ok_or_else(wrong),
            _ => {
                tracing::warn!(user, "a password was wrong");
                Err(wrong())
            }
        }
    }
}

fn identity((name, user): (&str, &User)) -> Identity {
    Identity { user: Some(name.to_owned()), role: user.role, tables: user.tables.clone() }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What a caller shows. It has no `Debug`: secrets stay out of logs.
enum Credential {
    Bearer(String),
    Basic { user: String, password: String },
}

impl Credential {
    fn read(headers: &MetadataMap) -> Result<Option<Self>, Status> {
        let Some(header) = headers.get("authorization") else { return Ok(None) };
        let malformed = || {
            Status::unauthenticated(
                "the header authorization must be `Bearer TOKEN` or `Basic BASE64(user:password)`",
            )
        };
        let (scheme, value) =
            header.to_str().ok().and_then(|header| header.trim().split_once(' ')).ok_or_else(malformed)?;
        let value = value.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Ok(Some(Self::Bearer(value.to_owned()))),
            "basic" => {
                let pair = BASIC.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let pair = pair.ok_or_else(malformed)?;
                let (user, password) = pair.split_once(':').ok_or_else(malformed)?;
                Ok(Some(Self::Basic { user: user.to_owned(), password: password.to_owned() }))
            }
            _ => Err(malformed()),
        }
    }
}

#[cfg(test)]
mod tests;
