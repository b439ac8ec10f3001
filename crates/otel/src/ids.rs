//! Ids and times as the tables hold them: lower-case hex, nanoseconds since 1970 in an `i64`.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A trace id: 16 bytes, not all zero.
pub(crate) type TraceId = Id<16, 32>;
/// A span id: 8 bytes, not all zero.
pub(crate) type SpanId = Id<8, 16>;

/// An id of `N` bytes as its `M = 2N` hex characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id<const N: usize, const M: usize>([u8; M]);

/// What a field of an id holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdField<T> {
    /// Nothing, or zeros only, which OTLP defines as no id.
    Absent,
    Valid(T),
    /// Another number of bytes than the kind of id has.
    WrongLength,
}

impl<T> IdField<T> {
    pub(crate) fn valid(self) -> Option<T> {
        match self {
            Self::Valid(id) => Some(id),
            Self::Absent | Self::WrongLength => None,
        }
    }
}

impl<const N: usize, const M: usize> Id<N, M> {
    pub(crate) fn read(bytes: &[u8]) -> IdField<Self> {
        if bytes.is_empty() {
            return IdField::Absent;
        }
        if bytes.len() != N {
            return IdField::WrongLength;
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return IdField::Absent;
        }
        let mut hex = [0; M];
        for (i, byte) in bytes.iter().enumerate() {
            hex[2 * i] = HEX[usize::from(byte >> 4)];
            hex[2 * i + 1] = HEX[usize::from(byte & 15)];
        }
        IdField::Valid(Self(hex))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

/// Hex of any bytes, for ids of a wrong length that are kept as they came.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

/// A time of OTLP (0: not set) as the tables hold it.
///
/// # Errors
/// The time lies after 2262-04-11, the last that 64 signed bits of nanoseconds can name.
pub(crate) fn time_ns(unix_nano: u64) -> Result<Option<i64>, OutOfRange> {
    match i64::try_from(unix_nano) {
        Ok(0) => Ok(None),
        Ok(time) => Ok(Some(time)),
        Err(_) => Err(OutOfRange),
    }
}

/// A time that the tables cannot hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfRange;

#[cfg(test)]
mod tests;
