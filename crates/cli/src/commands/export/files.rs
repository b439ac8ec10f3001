//! The files of an export. Few are open at a time, so that memory is bounded however many folders there are; and none has the name of a
//! Parquet file before it is whole and on the disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Files that are open at a time. Beyond them the one that has waited longest for a row is finished; a folder whose rows come again
/// gets another file.
pub(super) const OPEN_FILES_MAX: usize = 4;

/// Bytes of a row group once it is encoded, about: what an open file holds in memory.
const ROW_GROUP_BYTES_MAX: usize = 32 << 20;

/// Rows of a row group.
const ROW_GROUP_ROWS_MAX: usize = 1 << 20;

/// Bytes of a file from which on its folder gets another one.
const FILE_BYTES_MAX: usize = 1 << 30;

/// Writes rows into the folders of an export.
pub(super) struct Files {
    destination: PathBuf,
    schema: SchemaRef,
    properties: WriterProperties,
    /// The one that has waited longest for a row comes first.
    open: Vec<OpenFile>,
    created: u64,
}

impl Files {
    /// Makes the destination, where it is not there yet.
    pub(super) fn create(destination: &Path, schema: &SchemaRef) -> Result<Self> {
        make_folder(destination).with_context(|| cannot_write(destination))?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("driftline ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES_MAX))
            .build();
        let destination = destination.to_owned();
        Ok(Self { destination, schema: Arc::clone(schema), properties, open: Vec::new(), created: 0 })
    }

    /// Writes rows into a folder of the destination, or into the destination itself where the name is empty.
    pub(super) fn write(&mut self, folder: &str, rows: &RecordBatch) -> Result<()> {
        let mut file = match self.open.iter().position(|file| file.folder == folder) {
            Some(at) => self.open.remove(at),
            None => self.open(folder)?,
        };
        file.writer.write(rows).with_context(|| cannot_write(&file.path))?;
        match file.writer.bytes_written() < FILE_BYTES_MAX {
            true => self.open.push(file),
            false => file.finish()?,
        }
        Ok(())
    }

    /// Finishes what is open.
    pub(super) fn finish(self) -> Result<()> {
        self.open.into_iter().try_for_each(OpenFile::finish)
    }

    /// Opens a new file, and finishes another where too many are open.
    fn open(&mut self, folder: &str) -> Result<OpenFile> {
        if self.open.len() >= OPEN_FILES_MAX {
            self.open.remove(0).finish()?;
        }
        self.created += 1;
        let directory = self.destination.join(folder);
        let path = directory.join(format!("part-{:05}.parquet", self.created));
        let context = || cannot_write(&path);
        make_folder(&directory).with_context(context)?;
        // names with a dot in front are no data to any reader
        let unnamed = directory.join(format!(".part-{:05}.unfinished", self.created));
        let (unnamed, file) = Unnamed::create(unnamed).with_context(context)?;
        let schema = Arc::clone(&self.schema);
        let writer = ArrowWriter::try_new(file, schema, Some(self.properties.clone()));
        let writer = writer.with_context(context)?;
        Ok(OpenFile { folder: folder.to_owned(), writer, unnamed, path })
    }
}

/// A file that still takes rows.
struct OpenFile {
    folder: String,
    writer: ArrowWriter<File>,
    unnamed: Unnamed,
    /// What it will be called.
    path: PathBuf,
}

impl OpenFile {
    /// Ends the file and makes it durable, and only then gives it its name.
    fn finish(self) -> Result<()> {
        let Self { mut writer, unnamed, path, .. } = self;
        let context = || cannot_write(&path);
        writer.finish().with_context(context)?;
        writer.inner().sync_all().with_context(context)?;
        unnamed.rename(&path).with_context(context)
    }
}

/// A file that has not got its name yet: it goes when it is dropped.
struct Unnamed(PathBuf);

impl Unnamed {
    fn create(path: PathBuf) -> io::Result<(Self, File)> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok((Self(path), file))
    }

    /// Gives the file its name; nothing is left to be removed.
    fn rename(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)?;
        sync_directory(parent(path))
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        // whoever cannot remove it has said so of the file before
        let _ = fs::remove_file(&self.0);
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write '{}'", path.display())
}

/// Makes a folder and its missing parents, and their names durable.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent(folder);
    if parent != Path::new(".") {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        // `..` behind a folder that was just made, or somebody else was quicker
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_directory(parent)
}

/// The folder that names a path.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the names in a folder durable.
fn sync_directory(folder: &Path) -> io::Result<()> {
    // other systems neither need it nor let a folder be opened
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
