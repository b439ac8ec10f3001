//! How much a function makes of its arguments: one row of a table for every function, one estimate for every kind of growth.

use arrow::datatypes::DataType;

use super::column::{Column, data_bytes, leaves, value_bytes, width};
use super::series;

/// The functions that are kept in bounds.
pub(super) const FUNCTIONS: &[(&str, Growth)] = &[
    ("array_concat", Growth::AllValues),
    ("array_repeat", Growth::ArrayRepeat),
    ("array_replace", Growth::ArrayReplace),
    ("array_replace_all", Growth::ArrayReplace),
    ("array_replace_n", Growth::ArrayReplace),
    ("array_resize", Growth::ArrayResize),
    ("array_to_string", Growth::Join),
    ("arrays_zip", Growth::Zip),
    ("arrow_cast", Growth::Type),
    ("arrow_try_cast", Growth::Type),
    ("concat", Growth::Concat),
    ("concat_ws", Growth::ConcatWithSeparator),
    ("generate_series", Growth::Series),
    ("lpad", Growth::Pad),
    ("make_array", Growth::AllValues),
    ("range", Growth::Series),
    ("regexp_match", Growth::RegexMatch),
    ("regexp_replace", Growth::RegexReplace),
    ("repeat", Growth::Repeat),
    ("replace", Growth::Replace),
    ("rpad", Growth::Pad),
];

/// What the size of a result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    AllValues,
    ArrayRepeat,
    ArrayReplace,
    ArrayResize,
    Concat,
    ConcatWithSeparator,
    Join,
    Pad,
    RegexMatch,
    RegexReplace,
    Repeat,
    Replace,
    Series,
    /// The type of the result alone: known when the statement is planned.
    Type,
    Zip,
}

/// The bytes that a list takes for each of its elements while it is made, besides those of the element.
const ELEMENT_BYTES: u64 = 8;
/// The bytes of a number written as text.
const NUMBER_TEXT_BYTES: u64 = 24;

impl Growth {
    pub(super) fn of(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, growth)| *growth)
    }

    /// Whether the estimate may be far too large, because it depends on what is in the texts.
    pub(super) fn is_rough(self) -> bool {
        matches!(
            self,
            Self::ArrayReplace | Self::Join | Self::RegexMatch | Self::RegexReplace | Self::Replace
        )
    }

    /// What the results are, in messages.
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Concat
            | Self::ConcatWithSeparator
            | Self::Join
            | Self::Pad
            | Self::RegexReplace
            | Self::Repeat
            | Self::Replace => "text",
            Self::AllValues
            | Self::ArrayRepeat
            | Self::ArrayReplace
            | Self::ArrayResize
            | Self::RegexMatch
            | Self::Series
            | Self::Type
            | Self::Zip => "lists",
        }
    }

    /// The bytes of all results of a batch, at most.
    pub(super) fn bytes(self, arguments: &[Column], rows: usize) -> u64 {
        match self {
            Self::Type => 0,
            Self::AllValues => sum(arguments.iter().map(|argument| argument.all_value_bytes(rows))),
            Self::Concat => sum(arguments.iter().map(|argument| argument.all_text_bytes(rows))),
            Self::ConcatWithSeparator => {
                let [separator, texts @ ..] = arguments else { return 0 };
                let between = (texts.len() as u64).saturating_sub(1);
                let separators = separator.all_text_bytes(rows).saturating_mul(between);
                sum(texts.iter().map(|text| text.all_text_bytes(rows))).saturating_add(separators)
            }
            _ => sum((0..rows).map(|row| self.row_bytes(arguments, row))),
        }
    }

    /// The bytes of the result of one row, at most.
    pub(super) fn row_bytes(self, arguments: &[Column], row: usize) -> u64 {
        match (self, arguments) {
            (Self::Repeat, [text, count]) => text.text_bytes(row).saturating_mul(count.count(row)),
            (Self::Pad, [text, length, fill @ ..]) => {
                let fill = fill.first().map_or(" ", |fill| fill.text(row));
                // the room is made for an empty one, too
                let widest = fill.chars().map(char::len_utf8).max().unwrap_or(1) as u64;
                text.text_bytes(row).saturating_add(length.count(row).saturating_mul(widest))
            }
            (Self::Replace, [text, from, to]) => {
                let bytes = text.text_bytes(row);
                let found = bytes.checked_div(from.text_bytes(row)).unwrap_or_default();
                bytes.saturating_add(found.saturating_mul(to.text_bytes(row)))
            }
            (Self::RegexReplace, [text, _, to, flags @ ..]) => {
                let bytes = text.text_bytes(row);
                let to = to.text(row);
                let groups = to.bytes().filter(|byte| matches!(byte, b'$' | b'\\')).count() as u64;
                let is_global = flags.first().is_some_and(|flags| flags.text(row).contains('g'));
                let found = if is_global { bytes + 1 } else { 1 };
                bytes.saturating_mul(groups + 1).saturating_add(found.saturating_mul(to.len() as u64))
            }
            (Self::RegexMatch, [text, pattern, ..]) => {
                let groups = pattern.text(row).bytes().filter(|byte| *byte == b'(').count() as u64;
                text.text_bytes(row).saturating_mul(groups + 1)
            }
            (Self::Series, _) => series::bytes(arguments, row),
            (Self::ArrayRepeat, [element, count]) => {
                element.value_bytes(row).saturating_add(ELEMENT_BYTES).saturating_mul(count.count(row))
            }
            (Self::ArrayResize, [list, length, fill @ ..]) => {
                let own = list.elements(row).map_or(8, |(elements, ..)| width(elements.data_type()));
                let fill = fill.first().map_or(0, |fill| fill.value_bytes(row));
                let added = length.count(row).saturating_mul(own.saturating_add(fill));
                list.value_bytes(row).saturating_add(added)
            }
            (Self::ArrayReplace, [list, _, to, ..]) => {
                let found =
                    list.elements(row).map_or(0, |(elements, _, length)| match elements.data_type() {
                        data_type if data_type.is_primitive() => 0,
                        _ => length as u64,
                    });
                list.value_bytes(row).saturating_add(found.saturating_mul(to.value_bytes(row)))
            }
            (Self::Join, [list, texts @ ..]) => {
                let Some((elements, start, length)) = list.elements(row) else { return 0 };
                let each = sum(texts.iter().map(|text| text.text_bytes(row))).saturating_add(
                    match leaf_type(elements.data_type()) {
                        leaf if leaf.is_string() => 0,
                        _ => NUMBER_TEXT_BYTES,
                    },
                );
                leaves(elements, start, length)
                    .saturating_mul(each)
                    .saturating_add(value_bytes(elements, start, length))
            }
            (Self::Zip, lists) => {
                let elements = || lists.iter().filter_map(|list| list.elements(row));
                let longest = elements().map(|(_, _, length)| length).max().unwrap_or_default() as u64;
                let each = sum(elements().map(|(values, ..)| width(values.data_type())));
                let texts = elements().map(|(values, start, length)| data_bytes(values, start, length));
                longest.saturating_mul(each).saturating_add(sum(texts))
            }
            _ => 0,
        }
    }
}

fn leaf_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            leaf_type(field.data_type())
        }
        leaf => leaf,
    }
}

fn sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}
