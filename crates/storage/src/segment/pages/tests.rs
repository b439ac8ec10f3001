use super::*;

const ROWS: usize = 1_000;

/// Ten pages of a hundred rows and 20,000 bytes each, behind a dictionary of 1,000 bytes.
fn pages() -> (Range<u64>, Vec<PageLocation>) {
    let page = |index: i64| PageLocation {
        offset: 5_000 + 1_000 + index * 20_000,
        compressed_page_size: 20_000,
        first_row_index: index * 100,
    };
    (5_000..5_000 + 1_000 + 200_000, (0..10).map(page).collect())
}

fn rows(set: impl Fn(usize) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(ROWS, set)
}

// breaks when a page with a row that is wanted is left out, or one without is read
#[test]
fn pages_of_the_rows_are_read_in_whole_blocks() {
    let (chunk, pages) = pages();
    // the dictionary is in the first block; page 7 has the bytes 141,000 to 161,000 of the chunk
    let parts = needed(&chunk, &pages, &rows(|row| row == 730)).unwrap();
    assert_eq!(parts, [5_000..5_000 + 16_384, 5_000 + 8 * 16_384..5_000 + 10 * 16_384]);
    // blocks that two pages share are read once
    let parts = needed(&chunk, &pages, &rows(|row| row == 0 || row == 999)).unwrap();
    assert_eq!(parts, [5_000..5_000 + 2 * 16_384, 5_000 + 11 * 16_384..chunk.end]);
    let dictionary = 5_000..5_000 + 16_384;
    assert_eq!(needed(&chunk, &pages, &rows(|_| false)), Some(Vec::from([dictionary])));
}

// breaks when a chunk is read in many parts where one read would do
#[test]
fn most_of_a_chunk_is_read_whole() {
    let (chunk, pages) = pages();
    assert_eq!(needed(&chunk, &pages, &rows(|row| row % 100 == 3)), None);
    assert_eq!(needed(&(5_000..5_000 + BLOCK_BYTES), &pages, &rows(|row| row == 3)), None);
    assert_eq!(needed(&chunk, &[], &rows(|row| row == 3)), None);
}

// breaks when locations that cannot be true lead out of the chunk
#[test]
fn locations_outside_of_the_chunk_are_not_followed() {
    let (chunk, mut pages) = pages();
    pages[9].compressed_page_size = 20_001;
    assert_eq!(needed(&chunk, &pages, &rows(|row| row == 3)), None);
    pages[9].compressed_page_size = 20_000;
    pages[9].first_row_index = 1_001;
    assert_eq!(needed(&chunk, &pages, &rows(|row| row == 3)), None);
}
