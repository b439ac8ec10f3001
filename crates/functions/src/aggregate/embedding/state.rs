//! A group as bytes, for partial states: nothing, its exact sums, or one row as it is.

use std::iter::repeat_with;

use super::group::Group;
use crate::kernels::embeddings::side::Side;
use crate::kernels::exact_sum::ExactSum;

const SUMS: u8 = 1;
const ROW: u8 = 2;

/// What a state holds.
pub(super) enum State {
    Nothing,
    Sums(Box<Group>),
    Row { side: usize, vector: Vec<f64> },
}

/// Writes the sums of a group; nothing for one without rows.
pub(super) fn write(group: &Group) -> Vec<u8> {
    let mut bytes = Vec::new();
    if group.dimension == 0 {
        return bytes;
    }
    bytes.push(SUMS);
    write_count(&mut bytes, group.dimension);
    for side in &group.sides {
        bytes.extend(side.rows.to_le_bytes());
        bytes.extend(side.overflowed.to_le_bytes());
        for sums in [&side.sums, &side.products] {
            write_count(&mut bytes, sums.len());
            for sum in sums {
                let sum = sum.canonical();
                let (first, limbs) = sum.parts();
                // both are at most LIMBS_MAX
                bytes.extend([first as u8, limbs.len() as u8]);
                limbs.iter().for_each(|limb| bytes.extend(limb.to_le_bytes()));
            }
        }
        write_count(&mut bytes, side.cosines.len());
        side.cosines.iter().for_each(|sum| bytes.extend(sum.to_le_bytes()));
    }
    bytes
}

/// Writes a row: shorter than the sums that it makes.
pub(super) fn write_row(side: usize, vector: &[f64]) -> Vec<u8> {
    let mut bytes = vec![ROW, side as u8];
    vector.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
    bytes
}

/// Reads a state; `None` when it is none.
pub(super) fn read(bytes: &[u8]) -> Option<State> {
    match bytes.split_first() {
        None => Some(State::Nothing),
        Some((&SUMS, mut rest)) => {
            let group = read_sums(&mut rest)?;
            rest.is_empty().then(|| State::Sums(Box::new(group)))
        }
        Some((&ROW, [side @ 0..=1, coordinates @ ..])) => {
            let (numbers, rest) = coordinates.as_chunks();
            let vector = numbers.iter().map(|&number| f64::from_le_bytes(number)).collect();
            rest.is_empty().then_some(State::Row { side: usize::from(*side), vector })
        }
        _ => None,
    }
}

fn read_sums(bytes: &mut &[u8]) -> Option<Group> {
    let mut group = Group { dimension: read_count(bytes)?, ..Group::default() };
    for side in &mut group.sides {
        *side = Side {
            rows: u64::from_le_bytes(take(bytes)?),
            overflowed: u64::from_le_bytes(take(bytes)?),
            sums: read_many(bytes, read_sum)?,
            products: read_many(bytes, read_sum)?,
            cosines: read_many(bytes, |bytes| Some(i128::from_le_bytes(take(bytes)?)))?,
        };
    }
    Some(group)
}

fn read_sum(bytes: &mut &[u8]) -> Option<ExactSum> {
    let [first, count] = take(bytes)?;
    let limbs: Vec<i64> = repeat_with(|| Some(i64::from_le_bytes(take(bytes)?)))
        .take(usize::from(count))
        .collect::<Option<_>>()?;
    ExactSum::from_parts(usize::from(first), &limbs)
}

fn read_many<T>(bytes: &mut &[u8], mut read: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = read_count(bytes)?;
    repeat_with(|| read(bytes)).take(count).collect()
}

fn write_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend((count as u64).to_le_bytes());
}

fn read_count(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(take(bytes)?)).ok()
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
