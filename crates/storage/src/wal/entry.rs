//! A record as bytes, the payload of a frame.
//!
//! ```text
//! entries u32 | named u32 | batch id... | entry...        entry = table_id u64 | length u64 | Arrow IPC stream of one batch
//! ```
//!
//! *named* is 1 where the 16 bytes of a batch id follow, else 0.
//!
//! The buffers of a batch with large rows are compressed, as its stream says: such rows come as fast as the disk takes them.
//!
//! All integers are little-endian. Every entry carries its own schema, field metadata included, and therefore its column
//! ids: a replayed batch is understood whatever DDL came after it. Everything is padded to 8 bytes, so that replay can
//! use the buffers where they lie.

use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::ipc::{CompressionType, MetadataVersion};
use arrow::record_batch::RecordBatch;

use super::{Entry, Record};
use crate::schema::batch_bytes;
use crate::{BatchId, Error, ErrorKind, Result};

/// Buffers are padded to this many bytes: what 64-bit values need, as small as possible for narrow batches.
const ALIGNMENT_BYTES: usize = 8;

/// Rows of more bytes than this, on average, are compressed. Smaller ones cost more of the processor than of the disk.
const COMPRESSED_ROW_BYTES_MIN: usize = 2 << 10;

/// The fastest level that finds more than repetition next door: a fifth to a third of prompts is left.
const ZSTD_LEVEL: i32 = 1;

/// Bytes of a stream besides its buffers, about.
const STREAM_BYTES: usize = 4 << 10;

const RECORD_HEADER_BYTES: usize = 8;
const ENTRY_HEADER_BYTES: usize = 16;

/// Appends the encoded record to `bytes`.
pub(super) fn encode(record: &Record, bytes: &mut Vec<u8>) -> Result<()> {
    let entries = u32::try_from(record.entries.len())
        .map_err(|_| Error::new(ErrorKind::Invalid, "a log record holds at most 2^32 batches"))?;
    bytes.extend_from_slice(&entries.to_le_bytes());
    bytes.extend_from_slice(&u32::from(record.batch_id.is_some()).to_le_bytes());
    if let Some(id) = record.batch_id {
        bytes.extend_from_slice(&id.0);
    }
    for entry in &record.entries {
        bytes.extend_from_slice(&entry.table_id.to_le_bytes());
        let length_at = bytes.len();
        bytes.extend_from_slice(&[0; 8]);
        let start = bytes.len();
        encode_batch(&entry.batch, bytes).map_err(|source| {
            Error::new(ErrorKind::Invalid, format!("cannot encode a batch for the log: {source}"))
                .with_source(source)
        })?;
        let length = (bytes.len() - start) as u64;
        bytes[length_at..start].copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

/// Decodes a payload; the batches share its memory. The error says what is wrong, the caller adds where.
pub(super) fn decode(payload: &Buffer) -> Result<Record, String> {
    let Some((count, named)) = read_u32(payload, 0).zip(read_u32(payload, 4)) else {
        return Err(format!("a record of {} bytes is too short", payload.len()));
    };
    let mut at = RECORD_HEADER_BYTES;
    let batch_id = match named {
        0 => None,
        1 => {
            let id = payload[at..].first_chunk().ok_or("the id of the batch is cut short")?;
            at += BatchId::BYTES;
            Some(BatchId(*id))
        }
        other => return Err(format!("a record is named or not, got {other}")),
    };
    // the count is not trusted with an allocation: every entry must prove itself
    let mut entries = Vec::new();
    for index in 0..count {
        let header = read_u64(payload, at).zip(read_u64(payload, at + 8));
        let Some((table_id, length)) = header else {
            return Err(format!("entry {index} of {count} is missing"));
        };
        let start = at + ENTRY_HEADER_BYTES;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let Some(end) = end.filter(|end| *end <= payload.len()) else {
            return Err(format!("entry {index} of {count} claims {length} bytes"));
        };
        let batch = decode_batch(payload.slice_with_length(start, end - start))
            .map_err(|source| format!("entry {index} of {count} is no Arrow batch: {source}"))?;
        entries.push(Entry { table_id, batch });
        at = end;
    }
    if at != payload.len() {
        return Err(format!("{} bytes follow the last entry", payload.len() - at));
    }
    Ok(Record { batch_id, entries })
}

fn encode_batch(batch: &RecordBatch, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut options = IpcWriteOptions::try_new(ALIGNMENT_BYTES, false, MetadataVersion::V5)?;
    let raw_bytes = batch_bytes(batch);
    if raw_bytes / batch.num_rows().max(1) >= COMPRESSED_ROW_BYTES_MIN {
        options = options
            .try_with_compression(Some(CompressionType::ZSTD))?
            .try_with_compression_level(Some(ZSTD_LEVEL))?;
    } else {
        bytes.reserve(raw_bytes + STREAM_BYTES);
    }
    let mut writer = StreamWriter::try_new_with_options(bytes, batch.schema_ref(), options)?;
    writer.write(batch)?;
    writer.finish()
}

fn decode_batch(mut stream: Buffer) -> Result<RecordBatch, ArrowError> {
    let mut decoder = StreamDecoder::new();
    let batch = decoder.decode(&mut stream)?;
    let batch = batch.ok_or_else(|| ArrowError::IpcError("the stream holds no batch".to_owned()))?;
    if let Some(_second) = decoder.decode(&mut stream)? {
        return Err(ArrowError::IpcError("the stream holds more than one batch".to_owned()));
    }
    decoder.finish()?;
    Ok(batch)
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}

#[cfg(test)]
mod tests;
