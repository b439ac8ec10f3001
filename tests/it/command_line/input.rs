//! Statements and files that cannot be taken, and what is said about them.

use anyhow::{Result, ensure};

use super::Workplace;

/// Statement, exit code, what the message says.
const REFUSED: &[(&str, i32, &[&str])] = &[
    ("SELECT * FROM tt", 3, &[r#"table "tt" does not exist (did you mean "t"?)"#]),
    ("SELECT modell FROM t", 3, &[r#"column "modell" does not exist (did you mean "model"?)"#]),
    ("DROP TABLE u", 3, &[r#"table "u" does not exist"#]),
    ("SELECT psy(id, true) FROM t", 2, &["invalid function 'psy'", "Did you mean 'psi'?"]),
    ("SELECT slo_burn_rate(id = 1, 99.9) FROM t", 2, &["must lie in (0, 1)", "did you mean 0.999?"]),
    ("SELECT psi(id, id > 1, 'bin=10') FROM t", 2, &["unknown option 'bin' (did you mean 'bins'?"]),
    ("SELEC 1", 2, &["found: SELEC at line 1, column 1"]),
    ("CREATE TABLE t (time TIMESTAMP NOT NULL)", 4, &[r#""t" exists already"#]),
    ("INSERT INTO t VALUES ('not a time', 1, 'a')", 2, &["'not a time'"]),
];

#[test]
fn a_refused_statement_names_the_problem_and_the_nearest_name() -> Result<()> {
    // breaks when an error loses its kind on the way to the exit code, or its hint on the way to the user
    let place = Workplace::new()?;
    for (statement, code, said) in REFUSED {
        let run = place.run(["sql", "-c", statement])?;
        run.ends_with(*code, said)?;
        ensure!(run.stdout.is_empty(), "nothing is answered: {run:?}");
    }
    ensure!(place.query("SELECT count(*) FROM t")?.ends_with("3\n"));
    Ok(())
}

#[test]
fn a_body_that_is_no_otlp_is_named_with_its_offset() -> Result<()> {
    // breaks when a broken body passes as an empty one, or takes the good ones with it
    let place = Workplace::new()?;
    let cases: [(&str, &[u8]); 3] = [
        ("text.json", b"{\"resourceSpans\": [{]}"),
        ("noise.binpb", &[0xff, 0xff, 0xff, 0xff, 0x07, 0x01]),
        ("other.json", b"{\"a\": 1}"),
    ];
    for (name, body) in cases {
        place.file(name, body)?;
        let run = place.run(["ingest", name])?;
        run.ends_with(2, &[name])?;
    }
    place
        .run(["ingest", "text.json"])?
        .ends_with(2, &["text.json: body is not JSON: key must be a string (byte 20)"])
}

#[test]
fn the_good_lines_of_a_file_are_kept_and_the_rest_is_counted() -> Result<()> {
    // breaks when one bad line costs the others, or is left out silently
    let place = Workplace::new()?;
    let good = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bot"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"chat","startTimeUnixNano":"1785542400000000000","endTimeUnixNano":"1785542401000000000","attributes":[{"key":"gen_ai.usage.input_tokens","value":{"stringValue":"many"}}]}]}]}]}"#;
    let another = good.replace("eee19b7ec3c1b174", "eee19b7ec3c1b175");
    // a line that is sent again is the same export, and stored once
    place.file("spans.jsonl", format!("{good}\nno json\n{another}\n{good}\n"))?;
    let run = place.run(["ingest", "spans.jsonl"])?;
    run.ends_with(2, &["spans.jsonl", "line 2"])?;
    ensure!(place.query("SELECT count(*) FROM spans")?.ends_with("2\n"), "two good lines: {run:?}");
    // a value that contradicts its column's type stays in the attributes
    let kept = place.query(
        "SELECT DISTINCT attr(attributes, 'gen_ai.usage.input_tokens'), gen_ai_usage_input_tokens FROM spans",
    )?;
    ensure!(kept.ends_with("many,\n"), "{kept}");
    Ok(())
}

#[test]
fn prices_are_brought_up_to_a_list() -> Result<()> {
    // breaks when a price that is there already is written again, a changed one does not hold from its day on, or calls stay unpriced
    let place = Workplace::new()?;
    let list = |input: &str| {
        format!(
            r#"{{"gpt-4o": {{"input_cost_per_token": {input}, "output_cost_per_token": 1e-05}}, "dall-e-3": {{"input_cost_per_pixel": 1e-08}}}}"#
        )
    };
    place.file("prices.json", list("2.5e-06"))?;
    let first = place.run(["prices", "prices.json"])?;
    first.succeeds()?;
    ensure!(first.stderr.contains("1 price added, 0 changed, 0 as they were\n1 model left out"), "{first:?}");
    let again = place.run(["prices", "prices.json"])?;
    ensure!(again.stderr.contains("0 prices added, 0 changed, 1 as they were"), "{again:?}");
    let changed = place.feed(["prices", "-", "--from", "2026-08-01"], &list("5e-06"))?;
    ensure!(changed.stderr.contains("0 prices added, 1 changed, 0 as they were"), "{changed:?}");
    let costs = place.query(
        "SELECT llm_cost('2026-07-31', NULL, 'gpt-4o', 1000000, 0) AS july, llm_cost('2026-08-01', 'openai', 'gpt-4o', 1000000, 0) AS august",
    )?;
    ensure!(costs == "july,august\n2.5,5.0\n", "{costs}");
    place.file("other.json", "[1]")?;
    place.run(["prices", "other.json"])?.ends_with(2, &["other.json", "no JSON object of models"])?;
    place.run(["prices", "absent.json"])?.ends_with(3, &["cannot read absent.json"])?;
    place.run(["prices", "prices.json", "--from", "soon"])?.ends_with(2, &["--from"])
}

#[test]
fn an_import_that_fails_leaves_no_table() -> Result<()> {
    // breaks when all or nothing is no longer true of the table itself
    let place = Workplace::new()?;
    place.file("rows.csv", "time,x\n2026-08-01T00:00:00Z,1\n2026-08-01T00:00:01Z,one\n")?;
    let run = place.run(["import", "rows.csv", "--table", "u", "--infer-rows", "1"])?;
    run.ends_with(2, &["rows.csv"])?;
    place.run(["sql", "-c", "SELECT * FROM u"])?.ends_with(3, &[r#"table "u""#])
}

#[test]
fn what_is_not_there_is_not_made() -> Result<()> {
    // breaks when a mistyped path becomes an empty database
    let place = Workplace { folder: tempfile::tempdir()? };
    for arguments in [vec!["sql", "-c", "SELECT 1"], vec!["info"], vec!["check"]] {
        place.run(arguments)?.ends_with(3, &["no database at"])?;
    }
    ensure!(!place.database().exists());
    place.run(["demo"])?.ends_with(2, &["--dir"])?;
    place.run(["ingest", "absent.json"])?.ends_with(3, &["absent.json"])?;
    place.run(["sql"].iter().chain(&["--formt", "csv"]))?.ends_with(2, &["--format"])
}
