//! How columns are best encoded: for each kind of column, every candidate's encode time, decode time and size. The choice
//! that follows stands in docs/decisions/0001-column-encodings.md.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use driftline::arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use driftline::arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// One row group.
const ROWS: usize = 256 * 1024;
const PAGE_ROWS_MAX: usize = 8 * 1024;

/// A way to write a column.
struct Candidate {
    name: String,
    /// Bytes of a dictionary that is tried first; what does not fit is written in `encoding`.
    dictionary_bytes: Option<usize>,
    encoding: Encoding,
    compression: Compression,
}

/// Measures every candidate for every kind of column.
pub(crate) fn run(criterion: &mut Criterion) {
    for (kind, array) in columns() {
        let field = Field::new("c", array.data_type().clone(), true);
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).expect("one column");
        let text = batch.column(0).data_type() == &DataType::Utf8;
        let mut group = criterion.benchmark_group(format!("segment_codecs/{kind}"));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(800));
        group.throughput(Throughput::Elements(ROWS as u64));
        for candidate in candidates(text) {
            if kind.starts_with("float") && candidate.encoding == Encoding::DELTA_BINARY_PACKED {
                continue;
            }
            let file = encode(&batch, &candidate);
            let bytes_per_value = file.len() as f64 / ROWS as f64;
            let name = format!("{} ({bytes_per_value:.2} B a value)", candidate.name);
            group.bench_function(format!("encode/{name}"), |bencher| {
                bencher.iter(|| encode(&batch, &candidate))
            });
            group.bench_function(format!("decode/{name}"), |bencher| {
                bencher.iter(|| decode(file.clone(), text))
            });
        }
        group.finish();
    }
}

fn candidates(text: bool) -> Vec<Candidate> {
    let codecs = [
        ("none", Compression::UNCOMPRESSED),
        ("lz4_raw", Compression::LZ4_RAW),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
    ];
    let encodings: &[(&str, Option<usize>, Encoding)] = if text {
        &[
            ("dictionary 1 MiB, plain", Some(1 << 20), Encoding::PLAIN),
            ("dictionary 128 KiB, delta_length", Some(128 << 10), Encoding::DELTA_LENGTH_BYTE_ARRAY),
            ("plain", None, Encoding::PLAIN),
            ("delta_length", None, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ]
    } else {
        &[
            ("dictionary 1 MiB, plain", Some(1 << 20), Encoding::PLAIN),
            ("dictionary 128 KiB, plain", Some(128 << 10), Encoding::PLAIN),
            ("plain", None, Encoding::PLAIN),
            ("byte_stream_split", None, Encoding::BYTE_STREAM_SPLIT),
            ("delta_binary_packed", None, Encoding::DELTA_BINARY_PACKED),
        ]
    };
    let with_codecs = encodings.iter().flat_map(|(name, dictionary_bytes, encoding)| {
        codecs.map(|(codec, compression)| Candidate {
            name: format!("{name}, {codec}"),
            dictionary_bytes: *dictionary_bytes,
            encoding: *encoding,
            compression,
        })
    });
    with_codecs.collect()
}

fn encode(batch: &RecordBatch, candidate: &Candidate) -> Bytes {
    let properties = WriterProperties::builder()
        .set_compression(candidate.compression)
        .set_encoding(candidate.encoding)
        .set_dictionary_enabled(candidate.dictionary_bytes.is_some())
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_write_batch_size(PAGE_ROWS_MAX / 8)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_dictionary_page_size_limit(candidate.dictionary_bytes.unwrap_or(1))
        .set_offset_index_disabled(true);
    let writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()));
    let mut writer = writer.expect("a valid schema");
    writer.write(batch).expect("memory does not fail");
    Bytes::from(writer.into_inner().expect("memory does not fail"))
}

fn decode(file: Bytes, text: bool) {
    let mut options = ArrowReaderOptions::new();
    if text {
        let view = Field::new("c", DataType::Utf8View, true);
        options = options.with_schema(Arc::new(Schema::new(vec![view])));
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).expect("our own file");
    for batch in builder.with_batch_size(ROWS).build().expect("our own file") {
        black_box(batch.expect("our own file"));
    }
}

/// Columns as they lie in segments: sorted by service and time.
fn columns() -> Vec<(&'static str, ArrayRef)> {
    let random: Vec<u64> = (0..ROWS as u64).map(mix).collect();
    let unit = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
    let mut time = 1_785_542_400_000_000_000_i64;
    let time = random.iter().map(|bits| {
        time += (unit(*bits) * 300_000_000.0) as i64;
        time
    });
    let confidence = random.iter().map(|bits| 1.0 - unit(*bits).powi(3));
    let latency = random.iter().map(|bits| (-(1.0 - unit(*bits)).ln() * 40_000.0).round() / 100.0);
    let tokens = random.iter().map(|bits| (-(1.0 - unit(*bits)).ln() * 600.0) as i64 + 12);
    let models = ["aurora-large-2026-05", "aurora-small", "borealis", "cirrus-preview", "dune"];
    let model = random.iter().map(|bits| models[(bits >> 8) as usize % models.len()]);
    let id = random.iter().map(|bits| format!("{bits:016x}{:016x}", mix(*bits)));
    let message = random.iter().map(|bits| {
        let (order, day) = (bits % 90_000, bits >> 40 & 31);
        format!("my order {order} from {day} august has not arrived, where is the parcel and who can call me back?")
    });
    vec![
        ("time", Arc::new(TimestampNanosecondArray::from_iter_values(time))),
        ("float", Arc::new(Float64Array::from_iter_values(confidence))),
        ("float_of_two_decimals", Arc::new(Float64Array::from_iter_values(latency))),
        ("token_count", Arc::new(Int64Array::from_iter_values(tokens))),
        ("low_cardinality_text", Arc::new(StringArray::from_iter_values(model))),
        ("id_as_hex_text", Arc::new(StringArray::from_iter_values(id))),
        ("message_text", Arc::new(StringArray::from_iter_values(message))),
    ]
}

/// splitmix64: a bijection, the same in every run.
fn mix(id: u64) -> u64 {
    let z = id.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
