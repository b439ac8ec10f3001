//! Telemetry as fast as it is acknowledged: exporters on connections of their own send batches to the real program, over loopback.
//!
//! Not one of the timed benchmarks: `DRIFTLINE_EXPORT='PROGRAM' cargo bench --workspace --bench driftline`; `DRIFTLINE_EXPORT_SECONDS` and
//! `DRIFTLINE_EXPORT_CONNECTIONS` change the numbers. The client only copies prepared bytes, but it takes its share of the same cores.

#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prost::Message;

use crate::load::{memory, number, quantile};
use crate::otlp::{POINTS, SPANS, START, metrics, prompt, traces};
use crate::program::serve;

/// The program that the environment asks for.
pub(crate) fn asked() -> Option<String> {
    std::env::var("DRIFTLINE_EXPORT").ok()
}

/// A request of which every copy differs from all others in these bytes.
struct Template {
    path: &'static str,
    body: Vec<u8>,
    /// Where a number of eight bytes lies that may be any.
    numbers: Vec<usize>,
    items: u64,
}

impl Template {
    fn new(path: &'static str, body: Vec<u8>, number: [u8; 8], items: u64) -> Self {
        let places = body.windows(8).enumerate().filter(|(_, bytes)| *bytes == number);
        let numbers: Vec<usize> = places.map(|(place, _)| place).collect();
        assert!(!numbers.is_empty(), "the number is in the body");
        Self { path, body, numbers, items }
    }

    fn copy(&self, number: [u8; 8]) -> Vec<u8> {
        let mut body = self.body.clone();
        self.numbers.iter().for_each(|place| body[*place..*place + 8].copy_from_slice(&number));
        body
    }
}

/// Runs the load of each signal and prints what was seen, as Markdown.
#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
pub(crate) fn run(program: &str) {
    let seconds = number("DRIFTLINE_EXPORT_SECONDS", 20);
    let connections = number("DRIFTLINE_EXPORT_CONNECTIONS", 16);
    // every span of a batch has the same half of a trace id, every point the same time
    let spans = Template::new("/v1/traces", traces().encode_to_vec(), START.to_be_bytes(), SPANS);
    let prompts = Template::new("/v1/traces", prompt().encode_to_vec(), START.to_be_bytes(), 1);
    let points = Template::new(
        "/v1/metrics",
        metrics().encode_to_vec(),
        (START + 60_000_000_000).to_le_bytes(),
        POINTS,
    );
    println!(
        "| items | acknowledged/s | requests/s | p50 | p99 | CPU of the server an item | memory at most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, template) in [("spans", spans), ("data points", points), ("prompts of 1 MB", prompts)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = serve(program, &folder.path().join("db"));
        let seen = load(&server.address("otlp-http"), Arc::new(template), connections, seconds as u64);
        let cpu = cpu_seconds(server.process());
        let mut times = seen.times;
        println!(
            "| {name} | {:.0} | {:.0} | {:.1?} | {:.1?} | {:.1} us | {} MiB |",
            seen.items as f64 / seen.seconds,
            times.len() as f64 / seen.seconds,
            quantile(&mut times, 0.5),
            quantile(&mut times, 0.99),
            cpu * 1e6 / seen.items as f64,
            memory(server.process()).1,
        );
    }
}

struct Seen {
    items: u64,
    seconds: f64,
    times: Vec<Duration>,
}

fn load(address: &str, template: Arc<Template>, connections: usize, seconds: u64) -> Seen {
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let next = Arc::new(AtomicU64::new(0));
    let times = Arc::new(Mutex::new(Vec::new()));
    let exporters: Vec<_> = (0..connections)
        .map(|_| {
            let stream = TcpStream::connect(address).expect("it listens");
            let (template, next, times) = (Arc::clone(&template), Arc::clone(&next), Arc::clone(&times));
            std::thread::spawn(move || {
                let mine = export(stream, &template, &next, end);
                times.lock().expect("no exporter fails").extend(mine);
            })
        })
        .collect();
    exporters.into_iter().for_each(|exporter| exporter.join().expect("no exporter fails"));
    let seconds = start.elapsed().as_secs_f64();
    let times = std::mem::take(&mut *times.lock().expect("no exporter fails"));
    Seen { items: times.len() as u64 * template.items, seconds, times }
}

/// One request after the other; how long each took to be acknowledged.
fn export(mut stream: TcpStream, template: &Template, next: &AtomicU64, end: Instant) -> Vec<Duration> {
    stream.set_nodelay(true).expect("a socket");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        template.path,
        template.body.len()
    );
    let mut times = Vec::new();
    let mut answer = [0; 1024];
    while Instant::now() < end {
        let number = START + next.fetch_add(1, Ordering::Relaxed);
        let body = template.copy(number.to_le_bytes());
        let start = Instant::now();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("it is taken");
        let read = stream.read(&mut answer).expect("it is answered");
        let text = String::from_utf8_lossy(&answer[..read]);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("content-length: 0"), "{text}");
        times.push(start.elapsed());
    }
    times
}

/// Seconds that a process has computed.
fn cpu_seconds(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    // user and system time, in hundredths, are the 14th and 15th field; the name before may hold spaces
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
