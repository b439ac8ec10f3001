//! The state machine as a table over a simulated clock: an evaluation each minute.

use super::{Row, SeriesSet, SeriesState};
use crate::alert::{Definition, Labels};
use crate::sql::parse_alert;

const MINUTE_NS: i64 = 60_000_000_000;

fn definition(clauses: &str) -> Definition {
    parse_alert(&format!("{clauses} AS SELECT 1 AS value")).expect("the clauses are right")
}

fn row(name: &str, is_active: Option<bool>) -> Row {
    let labels: Labels = [("alertname", "a"), ("series", name)].into_iter().collect();
    Row { labels, annotations: Default::default(), value: is_active.map(|_| 1.0), is_active }
}

/// What each evaluation answers for one series: `#` its row, `n` a row that does not count, `?` a row without a value, `.` no row at all.
fn answers(script: &str) -> Vec<Vec<Row>> {
    let answer = |mark: char| match mark {
        '#' => vec![row("x", Some(true))],
        'n' => vec![row("x", Some(false))],
        '?' => vec![row("x", None)],
        _ => vec![],
    };
    script.chars().filter(|mark| !mark.is_whitespace()).map(answer).collect()
}

/// Where the series stands after each: `P`ending, `F`iring, `R`esolved and remembered, `-` unknown.
fn states(definition: &Definition, script: &str) -> String {
    let mut set = SeriesSet::default();
    let mut shown = String::new();
    for (minute, rows) in answers(script).into_iter().enumerate() {
        set.step("a", definition, rows, minute as i64 * MINUTE_NS);
        shown.push(match set.iter().next().map(|series| series.state) {
            None => '-',
            Some(SeriesState::Pending) => 'P',
            Some(SeriesState::Firing) => 'F',
            Some(SeriesState::Inactive) => 'R',
        });
    }
    shown
}

#[test]
fn series_go_where_those_of_prometheus_go() {
    let table = [
        // without FOR a row fires at once, and is resolved when it goes
        ("", "##..", "FFRR"),
        // FOR counts from the first evaluation that had the row, and a gap begins anew
        ("FOR '2 minutes'", "####..", "PPFFRR"),
        ("FOR '2 minutes'", "##.###", "PP-PPF"),
        ("FOR '90 seconds'", "###", "PPF"),
        // a resolved series that comes back is pending again
        ("FOR '1 minute'", "##.##", "PFRPF"),
        // it fires on for KEEP FIRING FOR, counted from the first evaluation without its row
        ("KEEP FIRING FOR '2 minutes'", "#....", "FFFRR"),
        ("KEEP FIRING FOR '2 minutes'", "#..#...", "FFFFFFR"),
        // what is only pending is not kept
        ("FOR '1 minute' KEEP FIRING FOR '5 minutes'", "#.", "P-"),
        // a resolved series is remembered for 15 minutes
        ("", "#................", "FRRRRRRRRRRRRRRRR"),
        ("", "#..................", "FRRRRRRRRRRRRRRRR--"),
        // a row that does not count is no row
        ("FOR '1 minute'", "#nn##", "P--PF"),
        // no value: nothing, an alert, or as it was
        ("", "#?", "FR"),
        ("NO DATA OK", "#?", "FR"),
        ("NO DATA ALERT FOR '1 minute'", "??n", "PFR"),
        ("NO DATA KEEP", "#??n", "FFFR"),
        ("NO DATA KEEP", "??#", "--F"),
        // a pending series that is kept goes on waiting, and fires by a row only
        ("NO DATA KEEP FOR '2 minutes'", "#???#", "PPPPF"),
        // no row at all
        ("NO DATA KEEP", "#..n", "FFFR"),
    ];
    for (clauses, script, expected) in table {
        assert_eq!(states(&definition(clauses), script), expected, "{clauses}: {script}");
    }
}

#[test]
fn an_answer_without_rows_is_a_series_of_its_own() {
    let definition =
        definition("NO DATA ALERT FOR '1 minute' LABELS (team = 'ml', model = '{{ $labels.series }}')");
    let mut set = SeriesSet::default();
    set.step("a", &definition, vec![], 0);
    let changed = set.step("a", &definition, vec![], MINUTE_NS);
    assert_eq!(changed[0].labels.to_string(), "alertname=a, no_data=true, team=ml");
    assert_eq!(changed[0].state, SeriesState::Firing);
    let changed = set.step("a", &definition, vec![row("x", Some(true))], 2 * MINUTE_NS);
    let states: Vec<SeriesState> = changed.iter().map(|series| series.state).collect();
    assert_eq!(states, [SeriesState::Inactive, SeriesState::Pending]);
}

#[test]
fn times_say_when_a_series_was_where() {
    let definition = definition("FOR '1 minute' KEEP FIRING FOR '1 minute'");
    let mut set = SeriesSet::default();
    let step = |set: &mut SeriesSet, minute: i64, mark: &str| {
        let rows = answers(mark).remove(0);
        set.step("a", &definition, rows, minute * MINUTE_NS).pop()
    };
    let pending = step(&mut set, 0, "#").expect("it is new");
    assert_eq!((pending.active_at_ns, pending.fired_at_ns), (0, None));
    let firing = step(&mut set, 1, "#").expect("it fires");
    assert_eq!((firing.active_at_ns, firing.fired_at_ns), (0, Some(MINUTE_NS)));
    assert_eq!(step(&mut set, 2, "#"), None);
    let kept = step(&mut set, 3, ".").expect("it is kept");
    assert_eq!((kept.state, kept.keep_firing_since_ns), (SeriesState::Firing, Some(3 * MINUTE_NS)));
    let resolved = step(&mut set, 4, ".").expect("it is resolved");
    assert_eq!((resolved.state, resolved.resolved_at_ns), (SeriesState::Inactive, Some(4 * MINUTE_NS)));
    // the clock went back by an hour: nothing is later than now
    set.rewind(-60 * MINUTE_NS);
    let series = set.iter().next().expect("it is remembered");
    assert_eq!((series.active_at_ns, series.resolved_at_ns), (-60 * MINUTE_NS, Some(-60 * MINUTE_NS)));
}

#[test]
fn a_dropped_alert_resolves_what_fires() {
    let definition = definition("FOR '1 minute'");
    let mut set = SeriesSet::default();
    set.step("a", &definition, vec![row("x", Some(true))], 0);
    set.step("a", &definition, vec![row("x", Some(true)), row("y", Some(true))], MINUTE_NS);
    let ended = set.end(2 * MINUTE_NS);
    assert_eq!(ended.len(), 2);
    // only what fired is to be told
    let left: Vec<Option<i64>> = set.iter().map(|series| series.resolved_at_ns).collect();
    assert_eq!(left, [Some(2 * MINUTE_NS)]);
}
