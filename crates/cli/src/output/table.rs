//! The table format: aligned for reading. On a terminal, wide columns are cut and middle columns left out so that a row stays
//! one line; elsewhere nothing is cut.

use std::io::Write;

use anyhow::Result;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::{Out, Sink};

/// Rows that a table shows; the rest is counted.
const TABLE_ROWS_MAX: usize = 1_000;

/// A column is not cut below this many characters; rather are columns left out.
const COLUMN_CHARS_MIN: usize = 12;

/// Border and padding around a column.
const COLUMN_FRAME_CHARS: usize = 3;

const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.f";
const DATE_FORMAT: &str = "%Y-%m-%d";

/// Gathers the rows of a result and writes them as a table.
pub(super) struct TableSink<'a> {
    out: Out<'a>,
    table: TextTable,
    columns_max: Option<usize>,
    rows_left_out: usize,
}

impl<'a> TableSink<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>, columns_max: Option<usize>) -> Self {
        let columns =
            schema.fields().iter().map(|field| (field.name().clone(), is_number(field.data_type())));
        Self { out, table: TextTable::new(columns), columns_max, rows_left_out: 0 }
    }
}

impl Sink for TableSink<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let shown = batch.num_rows().min(TABLE_ROWS_MAX - self.table.rows.len());
        self.rows_left_out += batch.num_rows() - shown;
        if shown > 0 {
            self.table.extend(&batch.slice(0, shown))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.table.columns.is_empty() {
            return Ok(());
        }
        let left_out = self.table.write(self.out, self.columns_max)?;
        if left_out > 0 {
            writeln!(
                self.out,
                "{left_out} columns do not fit (name the ones you want, or use --format csv)"
            )?;
        }
        if self.rows_left_out > 0 {
            writeln!(
                self.out,
                "{} more rows (the table shows {TABLE_ROWS_MAX}; use LIMIT, or --format csv for all)",
                self.rows_left_out
            )?;
        }
        Ok(())
    }
}

/// Text cells under named columns.
struct TextTable {
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with these columns: name, and whether it is aligned to the right.
    fn new(columns: impl IntoIterator<Item = (String, bool)>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    fn extend(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default()
            .with_null("NULL")
            .with_display_error(true)
            .with_date_format(Some(DATE_FORMAT))
            .with_datetime_format(Some(TIME_FORMAT))
            .with_timestamp_format(Some(TIME_FORMAT))
            .with_timestamp_tz_format(Some(TIME_FORMAT)); // other zones than UTC come as text
        let formatters = batch
            .columns()
            .iter()
            .map(|c: &ArrayRef| ArrayFormatter::try_new(c.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            self.rows.push(formatters.iter().map(|f| one_line(f.value(row).to_string())).collect());
        }
        Ok(())
    }

    /// Writes the table, at most `columns_max` characters wide if given. Returns the number of columns left out.
    fn write(&self, out: &mut dyn Write, columns_max: Option<usize>) -> Result<usize> {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.natural_width(column)).collect();
        let fit = columns_max.map_or_else(|| Fit::all(&widths), |limit| Fit::within(&widths, limit));
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        table.set_header(fit.cells(|column| Cell::new(cut(&self.columns[column].0, fit.widths[column]))));
        for row in &self.rows {
            table.add_row(fit.cells(|column| {
                let alignment =
                    if self.columns[column].1 { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new(cut(&row[column], fit.widths[column])).set_alignment(alignment)
            }));
        }
        for line in table.lines() {
            writeln!(out, "{line}")?;
        }
        Ok(fit.left_out.len())
    }

    fn natural_width(&self, column: usize) -> usize {
        let name = self.columns[column].0.chars().count();
        self.rows.iter().map(|row| row[column].chars().count()).fold(name, usize::max)
    }
}

/// Which columns are shown, and how wide.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) widths: Vec<usize>,
    /// The columns between the first and the last ones that have no room.
    pub(super) left_out: std::ops::Range<usize>,
}

impl Fit {
    fn all(widths: &[usize]) -> Self {
        Self { widths: widths.to_vec(), left_out: 0..0 }
    }

    /// Cuts the widest columns first; when even cut columns are too many, leaves out the middle ones.
    pub(super) fn within(widths: &[usize], limit: usize) -> Self {
        let framed = |width: usize| width + COLUMN_FRAME_CHARS;
        let mut left_out = 0..0;
        let least = |w: &[usize], out: &std::ops::Range<usize>| -> usize {
            let shown = w.iter().enumerate().filter(|(i, _)| !out.contains(i));
            let total: usize = shown.map(|(_, w)| framed((*w).min(COLUMN_CHARS_MIN))).sum();
            total + 1 + if out.is_empty() { 0 } else { framed(1) }
        };
        while least(widths, &left_out) > limit && widths.len() - left_out.len() > 2 {
            if left_out.is_empty() {
                left_out = widths.len() / 2..widths.len() / 2 + 1;
            } else if widths.len() - left_out.end >= left_out.start {
                left_out.end += 1;
            } else {
                left_out.start -= 1;
            }
        }
        let mut fitted = widths.to_vec();
        let total = |w: &[usize]| -> usize {
            let shown = w.iter().enumerate().filter(|(i, _)| !left_out.contains(i));
            shown.map(|(_, w)| framed(*w)).sum::<usize>()
                + 1
                + if left_out.is_empty() { 0 } else { framed(1) }
        };
        // lower the common ceiling of the widest columns until the row fits
        let mut ceiling = fitted.iter().copied().max().unwrap_or(0);
        while total(&fitted) > limit && ceiling > COLUMN_CHARS_MIN {
            ceiling -= 1;
            for width in &mut fitted {
                *width = (*width).min(ceiling);
            }
        }
        Self { widths: fitted, left_out }
    }

    fn cells(&self, cell: impl Fn(usize) -> Cell) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(self.widths.len());
        for column in 0..self.widths.len() {
            if self.left_out.contains(&column) {
                if column == self.left_out.start {
                    cells.push(Cell::new("…"));
                }
            } else {
                cells.push(cell(column));
            }
        }
        cells
    }
}

/// At most `width` characters, the last one an ellipsis where something was cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// Control characters would break the frame.
fn one_line(text: String) -> String {
    if !text.contains(|c: char| c.is_control()) {
        return text;
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

fn is_number(ty: &DataType) -> bool {
    ty.is_numeric()
}
