use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::SimDisk;
use crate::wal::Entry;

/// A frame to write: its value, and whether the writer synced everything before it.
type Planned = (i64, bool);

/// The bytes of one log file with the given frames, and where each begins.
fn file(name: FileName, first: u64, frames: &[Planned]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = frame::file_header(name, Position(first)).to_vec();
    let mut synced = bytes.len() as u64;
    let mut starts = Vec::new();
    for (index, (value, sync_before)) in frames.iter().enumerate() {
        if *sync_before {
            synced = bytes.len() as u64;
        }
        let column = Arc::new(Int64Array::from(vec![*value])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        let mut blank =
            frame::blank(&Record { batch_id: None, entries: vec![Entry { table_id: 1, batch }] }).unwrap();
        frame::complete(&mut blank, name, Position(first + index as u64), synced);
        starts.push(bytes.len());
        bytes.extend_from_slice(&blank);
    }
    (bytes, starts)
}

fn seal(name: FileName, position: u64, bytes: &mut Vec<u8>) {
    let mut blank = vec![0; FRAME_HEADER_BYTES];
    frame::complete(&mut blank, name, Position(position), bytes.len() as u64);
    bytes.extend_from_slice(&blank);
}

fn name(epoch: u64, sequence: u64) -> FileName {
    FileName { epoch, sequence }
}

fn disk(files: &[(FileName, &[u8])]) -> SimDisk {
    let disk = SimDisk::new();
    files.iter().for_each(|(name, bytes)| disk.set_log_file(&name.to_string(), bytes.to_vec()));
    disk
}

/// Reads the log from position 1: the report and the values in it.
fn values(disk: &SimDisk) -> Result<(ReplayReport, Vec<i64>)> {
    let mut values = Vec::new();
    let report = replay(&*disk.log(), Position(1), &mut |_, record| {
        values.push(record.entries[0].batch.column(0).as_primitive::<Int64Type>().value(0));
        Ok(())
    })?;
    Ok((report, values))
}

/// Would break if any flip in a cleanly closed log were cut or passed on instead of refused. The seal itself is the one
/// place where a flip costs nothing: nothing lies behind it, and all before it is read.
#[test]
fn every_flip_in_a_sealed_log_is_found() {
    let name = name(3, 1);
    let (mut bytes, _) = file(name, 1, &[(10, true), (20, true), (30, false)]);
    let sealed = bytes.len();
    seal(name, 4, &mut bytes);
    assert_eq!(values(&disk(&[(name, &bytes)])).unwrap().1, [10, 20, 30]);
    for offset in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[offset] ^= 1 << bit;
            match values(&disk(&[(name, &flipped)])) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
                    assert!(error.message().contains(&name.to_string()), "{error}");
                }
                Ok((report, read)) => {
                    assert!(offset >= sealed, "flip at {offset} was not found");
                    assert_eq!((report.torn.unwrap().offset as usize, read), (sealed, vec![10, 20, 30]));
                }
            }
        }
    }
}

/// Would break if damage in a file that is not the last were taken for a torn tail.
#[test]
fn every_flip_and_cut_before_the_last_file_is_found() {
    let (old, new) = (name(1, 9), name(2, 1));
    let (bytes, _) = file(old, 1, &[(10, false), (20, false)]);
    let (next, _) = file(new, 3, &[]);
    for offset in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[offset] ^= 0x40;
        let error = values(&disk(&[(old, &flipped), (new, &next)])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "flip at {offset}: {error}");
        let error = values(&disk(&[(old, &bytes[..offset]), (new, &next)])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "cut to {offset}: {error}");
    }
}

/// Would break if a file that is missing, repeated, renamed or of another format were read over.
#[test]
fn files_must_follow_each_other() {
    let (a, b, c) = (name(1, 1), name(1, 2), name(1, 3));
    let (first, _) = file(a, 1, &[(10, true), (20, true)]);
    let (second, _) = file(b, 3, &[(30, true)]);
    let (third, _) = file(c, 4, &[(40, true)]);
    let all = disk(&[(c, &third), (a, &first), (b, &second)]);
    assert_eq!(values(&all).unwrap().1, [10, 20, 30, 40]);
    let (overlapping, _) = file(c, 3, &[(40, true)]);
    let mut newer = second.clone();
    newer[8] = 2;
    let checksum = crc32c::crc32c(&newer[..36]);
    newer[36..40].copy_from_slice(&checksum.to_le_bytes());
    type Case<'a> = (&'a [(FileName, &'a [u8])], ErrorKind, &'a str);
    let cases: [Case<'_>; 5] = [
        (&[(a, &first), (c, &third)], ErrorKind::Corrupted, "positions 3 to 3 are missing"),
        (&[(b, &second), (c, &third)], ErrorKind::Corrupted, "positions 1 to 2 are missing"),
        (&[(a, &first), (b, &second), (c, &overlapping)], ErrorKind::Corrupted, "reaches position 3"),
        (
            &[(a, &first), (b, &second), (c, &second)],
            ErrorKind::Corrupted,
            "its header is that of 00000000000000000001-00000000000000000002.wal",
        ),
        (
            &[(a, &first), (b, &newer)],
            ErrorKind::Invalid,
            "has format 2, this program reads up to format 1: open it with a newer driftline",
        ),
    ];
    for (files, kind, message) in cases {
        let error = values(&disk(files)).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.message().contains(message), "{error}");
    }
    let stray = disk(&[(a, &first)]);
    stray.set_log_file("notes.wal", vec![]);
    assert!(values(&stray).unwrap_err().message().contains("wal/notes.wal is not the name"));
}

/// Would break if old files were read although nothing in them is needed, or if a gap among them mattered.
#[test]
fn what_was_flushed_is_neither_read_nor_missed() {
    let (a, b, c) = (name(1, 1), name(1, 2), name(2, 1));
    let (first, _) = file(a, 1, &[(10, true)]);
    let (last, _) = file(c, 5, &[(50, true), (60, true)]);
    let mut damaged = first.clone();
    damaged[50] ^= 1;
    let disk = disk(&[(a, &damaged), (c, &last)]);
    let (second, _) = file(b, 2, &[(20, true)]);
    disk.set_log_file(&b.to_string(), second);
    let mut read = Vec::new();
    let report = replay(&*disk.log(), Position(6), &mut |position, _| {
        read.push(position.0);
        Ok(())
    });
    assert_eq!((report.unwrap().last, read), (Position(6), vec![6]));
}

/// Would break if rows stored by a user, or left over in a recycled block, could pose as frames of this log.
#[test]
fn frames_of_other_files_prove_nothing() {
    let (mine, other) = (name(5, 1), name(4, 1));
    let (bytes, starts) = file(mine, 1, &[(10, true), (20, true), (30, true)]);
    let (foreign, _) = file(other, 1, &[(10, true), (20, true), (30, true)]);
    // the tail holds the frames of another file, at the very places and positions where ours would be
    let mut mixed = bytes[..starts[1]].to_vec();
    mixed.extend_from_slice(&foreign[starts[1]..]);
    let (report, read) = values(&disk(&[(mine, &mixed)])).unwrap();
    assert_eq!((report.torn.unwrap().offset as usize, read), (starts[1], vec![10]));
}

/// Would break if the search behind a bad frame missed the places where its windows meet.
#[test]
fn a_proof_is_found_however_far_behind() {
    let name = name(1, 1);
    let edges = [0, 1, FRAME_HEADER_BYTES - 1, FRAME_HEADER_BYTES];
    let lengths = edges.iter().flat_map(|edge| [SCAN_BYTES + edge, 3 * SCAN_BYTES + edge]);
    for length in lengths.chain([2 * FRAME_HEADER_BYTES]) {
        let (mut bytes, _) = file(name, 1, &[(10, true)]);
        let bad = bytes.len();
        bytes.resize(bad + length, 7);
        let proof = bytes.len();
        seal(name, 3, &mut bytes);
        let error = values(&disk(&[(name, &bytes)])).unwrap_err();
        let expected = format!("and the frame at offset {proof} proves that it was durable");
        assert!(error.message().contains(&expected), "{error}");
        assert!(error.message().contains(&format!("is corrupted at offset {bad}:")), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Would break if any bytes made replay panic, loop, or take memory that the file does not justify.
    #[test]
    fn random_bytes_are_refused_or_cut(bytes in vec(any::<u8>(), 0..400), with_header in any::<bool>()) {
        let name = name(1, 1);
        let mut file = if with_header { frame::file_header(name, Position(1)).to_vec() } else { vec![] };
        file.extend_from_slice(&bytes);
        match values(&disk(&[(name, &file)])) {
            Ok((report, read)) => {
                prop_assert_eq!(read, Vec::<i64>::new());
                prop_assert!(report.torn.is_some() || file.len() == FILE_HEADER_BYTES || bytes.is_empty());
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupted),
        }
    }

    /// Would break if a frame that a later frame proves to have been synced were cut, whatever happened to the bytes
    /// behind it: this is the promise to whoever was acknowledged.
    #[test]
    fn what_the_log_proves_is_never_cut(
        plan in vec((0_i64..100, any::<bool>()), 1..8),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let name = name(1, 1);
        let (bytes, starts) = file(name, 1, &plan);
        let mut damaged = bytes[..FILE_HEADER_BYTES + cut.index(bytes.len() - FILE_HEADER_BYTES + 1)].to_vec();
        for (at, flip) in &damage {
            if damaged.len() > FILE_HEADER_BYTES {
                let at = FILE_HEADER_BYTES + at.index(damaged.len() - FILE_HEADER_BYTES);
                damaged[at] ^= flip;
            }
        }
        let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
        let intact: Vec<bool> = starts.iter().zip(ends).map(|(start, end)| damaged.get(*start..end) == bytes.get(*start..end)).collect();
        // a frame that is still whole proves all frames before the last sync that precedes it
        let synced = |frame: &usize| (0..=*frame).rev().find(|before| plan[*before].1).unwrap_or(0);
        let proven = (0..plan.len()).filter(|frame| intact[*frame]).map(|frame| synced(&frame)).max().unwrap_or(0);
        let whole = intact.iter().take_while(|intact| **intact).count();
        let expected: Vec<i64> = plan[..whole].iter().map(|frame| frame.0).collect();
        match values(&disk(&[(name, &damaged)])) {
            Ok((report, read)) => {
                prop_assert!(whole >= proven, "frames {}..{} were cut although they were synced", whole, proven);
                prop_assert_eq!(read, expected);
                prop_assert_eq!(report.last, Position(whole as u64));
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Corrupted);
                prop_assert!(whole < proven, "{} although nothing proves a loss", error);
            }
        }
    }
}
