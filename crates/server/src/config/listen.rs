//! Where a door is, if there is one.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use driftline::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::Deserializer;

/// An address to listen on, or `off` for a door that stays shut.
///
/// # Example
/// ```
/// use driftline_server::Listen;
/// assert_eq!("off".parse::<Listen>()?, Listen::Off);
/// assert_eq!("127.0.0.1:4317".parse::<Listen>()?.to_string(), "127.0.0.1:4317");
/// # Ok::<(), driftline::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Here; port 0 takes a free one.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl Listen {
    /// A port of this machine that no other machine reaches.
    pub(super) fn on_loopback(port: u16) -> Self {
        Self::At(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// The address, if the door opens.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

impl FromStr for Listen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            let message =
                format!("an address is ADDRESS:PORT, such as 127.0.0.1:4317, or off; got \"{text}\"");
            Error::new(ErrorKind::Invalid, message)
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
