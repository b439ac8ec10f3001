//! Version 2: `io.prometheus.write.v2.Request`.

use super::{
    RemoteWrite, decode,
    labels::Label,
    messages::{MetricType, v2},
    series::{SeriesSet, TimeSeries},
    series_fields,
};
use crate::error::Result;

const SYMBOL: u64 = 4;
const SERIES: u64 = 5;
/// Fields that only version 1 has; version 2 keeps them free.
const OF_V1: &[u64] = &[1, 2, 3];
/// Fields of a series that are items: samples, histograms, exemplars.
const ITEMS: [u64; 3] = [2, 3, 4];

/// Reads a body.
///
/// # Errors
/// `Invalid` where it breaks off, or is of version 1.
pub(super) fn read(body: &[u8], series: &mut SeriesSet) -> Result<()> {
    let symbols = Symbols::of(body)?;
    for field in series_fields(RemoteWrite::V2, body, SERIES, OF_V1) {
        let Some(found) = decode::<v2::TimeSeries>(&field?, ITEMS, series) else { continue };
        let metadata = found.metadata.unwrap_or_default();
        let texts = symbols.labels(&found.labels_refs).and_then(|labels| {
            // place 0 is for what is not there
            let unit = if metadata.unit_ref == 0 { "" } else { symbols.get(metadata.unit_ref)? };
            Ok((labels, unit))
        });
        let (labels, unit) = match texts {
            Ok(texts) => texts,
            Err(reason) => {
                let items = found.samples.len() + found.histograms.len() + found.exemplars.len();
                series.reject(&format!("series: {reason}"), items.max(1) as u64);
                continue;
            }
        };
        let exemplars = found.exemplars.iter();
        series.add(TimeSeries {
            labels,
            samples: &found.samples,
            histograms: &found.histograms,
            exemplars: exemplars.map(|e| (symbols.labels(&e.labels_refs), e.value, e.timestamp)).collect(),
            kind: MetricType::try_from(metadata.r#type).unwrap_or(MetricType::Unspecified),
            unit,
            created_ms: found.created_timestamp,
        });
    }
    Ok(())
}

/// The texts of a request; `None` is one that is not UTF-8, which spoils only the series that use it.
struct Symbols<'a>(Vec<Option<&'a str>>);

impl<'a> Symbols<'a> {
    fn of(body: &'a [u8]) -> Result<Self> {
        let fields = series_fields(RemoteWrite::V2, body, SYMBOL, OF_V1);
        fields.map(|field| Ok(std::str::from_utf8(field?.bytes).ok())).collect::<Result<_>>().map(Self)
    }

    fn get(&self, place: u32) -> std::result::Result<&'a str, &'static str> {
        let symbol = self.0.get(place as usize).ok_or("a reference past the end of the symbols")?;
        symbol.ok_or("a symbol is not UTF-8")
    }

    fn labels(&self, places: &[u32]) -> std::result::Result<Vec<Label<'a>>, &'static str> {
        let (pairs, rest) = places.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a label has a name and no value");
        }
        pairs.iter().map(|[name, value]| Ok((self.get(*name)?, self.get(*value)?))).collect()
    }
}
