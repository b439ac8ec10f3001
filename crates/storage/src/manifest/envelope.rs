//! The envelope of every manifest object: `{"format":1,"crc32c":"xxxxxxxx","body":{...}}` and a line end.
//!
//! The checksum covers the exact bytes of the body. The frame around it has one spelling, so that no byte of the
//! object can change without being noticed.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// The version of the format that this code writes, and the newest that it reads. It counts for the body, too: a field that an older
/// program does not know makes another format. The beginning, up to the number, is the same in every one.
const FORMAT: u32 = 1;

/// Writes a body into its envelope.
pub(super) fn seal<T: Serialize>(body: &T) -> Result<Vec<u8>> {
    let body = serde_json::to_string(body)
        .map_err(|error| Error::internal("cannot write a manifest object").with_source(error))?;
    let crc = crc32c::crc32c(body.as_bytes());
    Ok(format!("{{\"format\":{FORMAT},\"crc32c\":\"{crc:08x}\",\"body\":{body}}}\n").into_bytes())
}

/// Checks the envelope of an object and reads its body.
///
/// # Errors
/// `Corrupted`, naming the object; `Invalid` for a newer format.
pub(super) fn open<T: DeserializeOwned>(object: &str, bytes: &[u8]) -> Result<T> {
    let text = std::str::from_utf8(bytes).map_err(|error| Error::corrupted(object, error))?;
    let (format, rest) = text
        .strip_prefix("{\"format\":")
        .and_then(|rest| rest.split_once(",\"crc32c\":\""))
        .ok_or_else(|| Error::corrupted(object, "it does not begin as a manifest object does"))?;
    match format.parse::<u32>() {
        Ok(FORMAT) if format == FORMAT.to_string() => {}
        Ok(newer) if newer > FORMAT => return Err(Error::newer_format(object, newer, FORMAT)),
        _ => return Err(Error::corrupted(object, format!("{format:?} is no number of a format"))),
    }
    let (crc, rest) = rest
        .split_once("\",\"body\":")
        .ok_or_else(|| Error::corrupted(object, "its checksum does not end where it should"))?;
    let body = rest.strip_suffix("}\n").ok_or_else(|| Error::corrupted(object, "its end is missing"))?;
    let found = format!("{:08x}", crc32c::crc32c(body.as_bytes()));
    if crc != found {
        return Err(Error::corrupted(object, format!("its checksum is {crc:?}, its bytes have {found:?}")));
    }
    serde_json::from_str(body).map_err(|error| Error::corrupted(object, error))
}
