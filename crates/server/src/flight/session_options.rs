//! Options of a session: there is one catalog, and `public` is the schema in which bare names are looked up. Both can be read and "set"
//! to what they are; JDBC's drivers do so when they connect.
//!
//! The messages travel as they are, without the wrapper of other actions, and arrow-flight has no types for them.

use std::collections::HashMap;

use prost::Message;
use tonic::Status;

use super::metadata::{CATALOG, SCHEMA};

const INVALID_NAME: i32 = 1;
const INVALID_VALUE: i32 = 2;
const CLOSED: i32 = 1;

/// Answers `SetSessionOptions`: an error for every option that cannot be what was asked.
pub(super) fn set(body: &[u8]) -> Result<Vec<u8>, Status> {
    let request = SetSessionOptionsRequest::decode(body)
        .map_err(|_| Status::invalid_argument("the body is no SetSessionOptionsRequest"))?;
    let errors = request.session_options.into_iter().filter_map(|(name, value)| {
        let text = match value.option_value {
            Some(OptionValue::String(text)) => Some(text),
            _ => None,
        };
        let error = match (name.as_str(), text.as_deref()) {
            ("catalog", Some(CATALOG)) | ("schema", Some(SCHEMA)) => return None,
            ("catalog" | "schema", _) => INVALID_VALUE,
            _ => INVALID_NAME,
        };
        Some((name, OptionError { value: error }))
    });
    Ok(SetSessionOptionsResult { errors: errors.collect() }.encode_to_vec())
}

/// Answers `GetSessionOptions`.
pub(super) fn get() -> Vec<u8> {
    let text = |text: &str| SessionOptionValue { option_value: Some(OptionValue::String(text.to_owned())) };
    let options = [("catalog".to_owned(), text(CATALOG)), ("schema".to_owned(), text(SCHEMA))];
    GetSessionOptionsResult { session_options: options.into() }.encode_to_vec()
}

/// Answers `CloseSession`: nothing of a session is kept here, so it is closed.
pub(super) fn close() -> Vec<u8> {
    CloseSessionResult { status: CLOSED }.encode_to_vec()
}

#[derive(Clone, PartialEq, Message)]
struct SetSessionOptionsRequest {
    #[prost(map = "string, message", tag = "1")]
    session_options: HashMap<String, SessionOptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, OptionError>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionError {
    #[prost(int32, tag = "1")]
    value: i32,
}

#[derive(Clone, PartialEq, Message)]
struct GetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    session_options: HashMap<String, SessionOptionValue>,
}

#[derive(Clone, PartialEq, Message)]
struct CloseSessionResult {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct SessionOptionValue {
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    option_value: Option<OptionValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum OptionValue {
    #[prost(string, tag = "1")]
    String(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sfixed64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Strings(StringListValue),
}

#[derive(Clone, PartialEq, Message)]
struct StringListValue {
    #[prost(string, repeated, tag = "1")]
    values: Vec<String>,
}

#[cfg(test)]
mod tests;
