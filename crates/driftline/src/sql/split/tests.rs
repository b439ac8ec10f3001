use super::*;

/// Breaks when a semicolon inside of a quote, a comment or a dollar quote ends a statement.
#[test]
fn only_semicolons_of_the_script_itself_split() {
    let cases: [(&str, &[&str]); 10] = [
        ("", &[]),
        (" ;;\n; -- nothing\n", &[]),
        ("SELECT 1", &["SELECT 1"]),
        ("SELECT 1;SELECT 2;", &["SELECT 1", "SELECT 2"]),
        ("SELECT ';', \"a;b\", 'it''s;';SELECT 2", &["SELECT ';', \"a;b\", 'it''s;'", "SELECT 2"]),
        ("SELECT 1 -- a;b\n+ 1;", &["SELECT 1 -- a;b\n+ 1"]),
        ("SELECT /* a;/* b; */ ; */ 1;", &["SELECT /* a;/* b; */ ; */ 1"]),
        ("SELECT $$a;b$$; SELECT $x$ $$;$x$", &["SELECT $$a;b$$", "SELECT $x$ $$;$x$"]),
        ("SELECT $1; SELECT 5 - 3 / 2;", &["SELECT $1", "SELECT 5 - 3 / 2"]),
        ("SELECT 'ä;ö'; SELECT 2", &["SELECT 'ä;ö'", "SELECT 2"]),
    ];
    for (script, wanted) in cases {
        assert_eq!(split_statements(script), wanted, "{script}");
    }
}

/// Breaks when the answer depends on how the text was cut into pieces.
#[test]
fn pieces_give_the_same_statements_as_the_whole() {
    let script = "SELECT ';' /* ; */ -- ;\n, $q$ ; $q$, '--'; /* x */ SELECT 2 - 1; SELECT \"a\"\"b;\"; done";
    let whole = split_statements(script);
    assert_eq!(whole.len(), 4);
    for size in 1..script.len() {
        let mut splitter = StatementSplitter::default();
        let mut statements = vec![];
        let characters: Vec<char> = script.chars().collect();
        for piece in characters.chunks(size) {
            statements.extend(splitter.push(&piece.iter().collect::<String>()));
        }
        statements.extend(splitter.finish());
        assert_eq!(statements, whole, "in pieces of {size}");
    }
}
