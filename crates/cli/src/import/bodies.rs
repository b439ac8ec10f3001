//! OTLP bodies in files: one a `.binpb` or `.json` file, one a line of a `.jsonl` file, each perhaps gzipped; `-` is standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};
use driftline::otel::detect;
use driftline::{Encoding, Error, Signal};
use flate2::read::MultiGzDecoder;

use crate::failure::Failure;

/// The largest body that is read.
const BODY_BYTES_MAX: u64 = 512 << 20;

/// One request body and where it was found.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    name: String,
    /// Line and byte offset within an unpacked file of several bodies.
    position: Option<(u64, u64)>,
}

impl Body {
    /// What the body holds: as told, or found out from content and name.
    pub(crate) fn kind(
        &self,
        signal: Option<Signal>,
        encoding: Option<Encoding>,
    ) -> Result<(Signal, Encoding)> {
        if let (Some(signal), Some(encoding)) = (signal, encoding) {
            return Ok((signal, encoding));
        }
        let found = detect(&self.name, &self.bytes);
        match (signal.or(found.map(|f| f.0)), encoding.or(found.map(|f| f.1))) {
            (Some(signal), Some(encoding)) => Ok((signal, encoding)),
            _ => Err(Failure::invalid(format!(
                "{}: this is no OTLP body: expected a protobuf ExportTraceServiceRequest, ExportMetricsServiceRequest or \
                 ExportLogsServiceRequest, or JSON with a top-level resourceSpans, resourceMetrics or resourceLogs; it begins \
                 with {} (name the kind with --signal and --encoding to see why)",
                self.place(),
                beginning(&self.bytes)
            ))),
        }
    }

    /// File and offset, as messages name them.
    pub(crate) fn place(&self) -> String {
        match self.position {
            Some((line, offset)) => format!("{}: line {line} (byte {offset})", self.name),
            None => self.name.clone(),
        }
    }

    /// An error of the database about this body, with its place.
    pub(crate) fn locate(&self, error: Error) -> anyhow::Error {
        let place = self.place();
        anyhow::Error::new(error).context(place)
    }
}

/// The bodies of one file, one after the other.
pub(crate) struct Bodies {
    input: Box<dyn BufRead>,
    name: String,
    by_line: bool,
    line: u64,
    offset: u64,
    is_done: bool,
}

impl Bodies {
    pub(crate) fn open(path: &Path, encoding: Option<Encoding>) -> Result<Self> {
        let name = path.display().to_string();
        if name == "-" {
            let by_line = encoding == Some(Encoding::Json);
            return Ok(Self::new(
                "standard input".to_owned(),
                Box::new(BufReader::new(io::stdin())),
                by_line,
            ));
        }
        let file = File::open(path).with_context(|| format!("cannot read '{name}'"))?;
        let plain = name.strip_suffix(".gz");
        let input: Box<dyn BufRead> = match plain {
            Some(_) => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
            None => Box::new(BufReader::new(file)),
        };
        let by_line =
            Path::new(plain.unwrap_or(&name)).extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
        Ok(Self::new(name, input, by_line))
    }

    fn new(name: String, input: Box<dyn BufRead>, by_line: bool) -> Self {
        Self { input, name, by_line, line: 0, offset: 0, is_done: false }
    }

    fn whole(&mut self) -> Result<Option<Body>> {
        self.is_done = true;
        let mut bytes = Vec::new();
        self.read_limited(|input| input.read_to_end(&mut bytes))?;
        Ok(Some(Body { bytes, name: self.name.clone(), position: None }))
    }

    /// The next line that is not empty. A JSON body that is spread over lines is taken as one.
    fn next_line(&mut self) -> Result<Option<Body>> {
        loop {
            let mut bytes = Vec::new();
            let read = self.read_limited(|input| input.read_until(b'\n', &mut bytes))?;
            if read == 0 {
                self.is_done = true;
                return Ok(None);
            }
            self.line += 1;
            let position = Some((self.line, self.offset));
            self.offset += read as u64;
            let text = bytes.trim_ascii();
            if text.is_empty() {
                continue;
            }
            if self.line == 1 && matches!(text, b"{" | b"[") {
                // somebody's pretty printer: the whole input is one body
                let read = self.read_limited(|input| input.read_to_end(&mut bytes))?;
                self.offset += read as u64;
                self.is_done = true;
                return Ok(Some(Body { bytes, name: self.name.clone(), position: None }));
            }
            return Ok(Some(Body { bytes: text.to_vec(), name: self.name.clone(), position }));
        }
    }

    fn read_limited(
        &mut self,
        read: impl FnOnce(&mut io::Take<&mut Box<dyn BufRead>>) -> io::Result<usize>,
    ) -> Result<usize> {
        let name = &self.name;
        let mut input = (&mut self.input).take(BODY_BYTES_MAX + 1);
        let count =
            read(&mut input).with_context(|| format!("cannot read '{name}' after byte {}", self.offset))?;
        if count as u64 > BODY_BYTES_MAX {
            return Err(Failure::invalid(format!(
                "{name}: a body has more than {} MiB: split it into several requests",
                BODY_BYTES_MAX >> 20
            )));
        }
        Ok(count)
    }
}

impl Iterator for Bodies {
    type Item = Result<Body>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let body = if self.by_line { self.next_line() } else { self.whole() };
        if body.is_err() {
            self.is_done = true;
        }
        body.transpose()
    }
}

/// The first bytes as text, for a message.
fn beginning(bytes: &[u8]) -> String {
    const SHOWN_BYTES: usize = 24;
    if bytes.is_empty() {
        return "nothing: it is empty".to_owned();
    }
    let end = if bytes.len() > SHOWN_BYTES { "..." } else { "" };
    format!("\"{}\"{end}", bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii())
}
