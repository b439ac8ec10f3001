mod grafana;

use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;

use super::bot::{Bot, INTENTS, LABELS_PER_DAY};
use super::calendar::{Calendar, DAY_NS};
use super::panel::{Dashboard, Direction, Panel, Unit};
use super::telemetry::{Body, Telemetry};

const SEED: u64 = 42;

/// FNV-1a, so that the test needs no other crate.
fn fingerprint(bytes: &[u8], hash: u64) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

// breaks when the history depends on the machine, the optimiser or the order of calls: everybody must see the same demo
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let mut telemetry = Telemetry::new(SEED, Calendar::new(90));
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for day in 0..2 {
        for delivery in telemetry.day(day).unwrap() {
            if let Body::Otlp(_, body) = delivery.body {
                hash = fingerprint(&body, hash);
            }
        }
    }
    assert_eq!(format!("{hash:016x}"), "0b3f39ad8044a5b8");
}

// breaks when the world is not the one that the demo tells about: accuracy, volume, or confidence and latency that give it away
#[test]
fn the_world_is_as_told() {
    let calendar = Calendar::new(49);
    let bot = Bot::new(SEED, calendar);
    let (mut calls, mut quiet, mut failure) = (0, (0, 0), (0, 0));
    let (mut confidence, mut failure_confidence) = (0.0, 0.0);
    // a week of training and the last week: every weekday once on each side
    for day in (0..7).chain(calendar.quiet_days()..49) {
        let turns = bot.day(day);
        calls += turns.len();
        assert_eq!(turns.iter().filter(|turn| turn.labelled).count(), LABELS_PER_DAY);
        let start = calendar.start_ns(day);
        assert!(turns.iter().all(|turn| (start..start + DAY_NS).contains(&turn.start_ns)), "day {day}");
        let right = turns.iter().filter(|turn| turn.is_correct).count();
        let sum: f64 = turns.iter().map(|turn| turn.confidence).sum();
        if day < calendar.quiet_days() {
            quiet = (quiet.0 + right, quiet.1 + turns.len());
            confidence += sum;
        } else {
            failure = (failure.0 + right, failure.1 + turns.len());
            failure_confidence += sum;
        }
    }
    let share = |(right, all): (usize, usize)| right as f64 / all as f64;
    assert!((60_000..64_500).contains(&calls), "{calls} calls");
    assert!((share(quiet) - 0.92).abs() < 0.005, "quiet accuracy {}", share(quiet));
    assert!((share(failure) - 0.78).abs() < 0.008, "accuracy of the last week {}", share(failure));
    let drop = confidence / quiet.1 as f64 - failure_confidence / failure.1 as f64;
    assert!(drop.abs() < 0.005, "confidence must not give the failure away: it falls by {drop}");
}

// breaks when the last week ends elsewhere: a Monday to a Sunday, and every weekday is in the training four times
#[test]
fn the_calendar_is_whole_weeks() {
    let calendar = Calendar::new(90);
    assert_eq!(calendar.weekday(calendar.quiet_days()), 0);
    assert_eq!(calendar.weekday(89), 6);
    assert_eq!(calendar.training_end_ns() - calendar.start_ns(0), 28 * DAY_NS);
    assert!(calendar.is_campaign(28) && calendar.is_campaign(34) && !calendar.is_campaign(35));
    assert_eq!(INTENTS.len(), 8);
}

// breaks when labels arrive before people can know them, or those of the last days arrive within the history
#[test]
fn labels_are_two_days_late() {
    let mut telemetry = Telemetry::new(SEED, Calendar::new(49));
    for day in 0..49 {
        let deliveries = telemetry.day(day).unwrap();
        let labels: Vec<_> =
            deliveries.iter().filter(|delivery| matches!(delivery.body, Body::Rows(_))).collect();
        assert_eq!(labels.len(), usize::from(day >= 2), "day {day}");
        for delivery in labels {
            let Body::Rows(rows) = &delivery.body else { unreachable!("filtered above") };
            let time =
                |name: &str| rows.column_by_name(name).unwrap().as_primitive::<TimestampNanosecondType>();
            let delays = time("time").values().iter().zip(time("predicted_at").values()).map(|(a, b)| a - b);
            assert!(delays.clone().all(|delay| (DAY_NS..3 * DAY_NS).contains(&delay)), "day {day}");
            assert!(
                time("time")
                    .values()
                    .iter()
                    .all(|ns| ns / DAY_NS == Calendar::new(49).start_ns(day) / DAY_NS),
                "day {day}"
            );
        }
    }
}

// breaks when a panel's header lacks a field or does not fit its place in 100 columns, or two panels share a name
#[test]
fn shipped_panels_are_complete() {
    let panels = Panel::shipped().unwrap();
    for dashboard in [Dashboard::Operational, Dashboard::Quality, Dashboard::Drift] {
        assert!(
            (4..=7).contains(&panels.iter().filter(|panel| panel.dashboard == dashboard).count()),
            "{dashboard:?}"
        );
    }
    for panel in &panels {
        assert!(
            panel.title.chars().count() <= 23 && (1..=60).contains(&panel.action.chars().count()),
            "{}",
            panel.name
        );
        assert!(
            panel.query.trim_start().starts_with("SELECT") || panel.query.trim_start().starts_with("WITH"),
            "{}",
            panel.name
        );
        assert_eq!(panels.iter().filter(|other| other.name == panel.name).count(), 1, "{}", panel.name);
    }
}

// breaks when a file lies in sql/dashboards/ that no dashboard shows
#[test]
fn every_panel_file_is_shipped() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sql/dashboards");
    let mut files = 0;
    for folder in ["operational", "quality", "drift"] {
        files += std::fs::read_dir(root.join(folder)).unwrap().count();
    }
    assert_eq!(files, Panel::shipped().unwrap().len());
}

// breaks when a long header line loses its continuation, or a wrong field is taken for a default
#[test]
fn a_header_is_read_strictly() {
    let file = "-- about it\n-- title: A\n-- unit: ratio\n-- threshold: 0.9\n-- direction: below\n-- action: do\n--    this\nSELECT 1;\n";
    let panel = Panel::parse(Dashboard::Quality, "a", file).unwrap();
    assert_eq!((panel.unit, panel.direction, panel.threshold), (Unit::Ratio, Direction::Below, 0.9));
    assert_eq!((panel.action.as_str(), panel.query.as_str()), ("do this", "SELECT 1"));
    assert!(panel.query_with_state().contains("panel.value < 0.9 AS firing"));
    for (from, to) in [("0.9", "high"), ("below", "down"), ("ratio", "%"), ("-- title: A\n", "")] {
        assert!(Panel::parse(Dashboard::Quality, "a", &file.replace(from, to)).is_err(), "{to}");
    }
}
