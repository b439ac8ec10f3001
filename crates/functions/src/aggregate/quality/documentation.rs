//! Words that the documentation of several functions shares.

use datafusion::logical_expr::{DocSection, Documentation};

const QUALITY: DocSection = DocSection {
    include: true,
    label: "Model quality",
    description: Some(
        "How good predictions are, once labels are joined to them. The order of arguments is always truth first: label, then \
         what the model said. A row whose label or prediction is NULL is left out, for its label has not arrived: report \
         `count(label)` beside the number.",
    ),
};

const CLASS: &str = "The truth: BOOLEAN, an integer or TEXT; NULL while it is not known.";
const PREDICTION: &str = "The predicted class, of the same kind as the label.";
const SCORE: &str = "The model's score, any number; higher means more likely positive.";
const PROBABILITY: &str = "The predicted probability of the positive class, any number in [0, 1].";
const POSITIVE: &str = "`positive=<class>`: the positive class; every other one is negative. By default true, or 1 beside 0 or \
    -1; text has no default.";
const AVERAGE: &str = "`average=binary` (of the positive class, the default), `micro` (over rows: the accuracy), `macro` (the \
    mean over classes) or `weighted` (the mean weighed by how often a class is true).";
const BINS: &str = "`bins=10` (2 to 10000); `binning=uniform` (equal widths over [0, 1]) or `binning=quantile` (equal numbers \
    of rows).";

/// What all functions do with their rows.
const ROWS: &str = "Only integers are added up, so the result depends on no order, batch or partition to the last bit. Works in \
    `OVER` windows, which retract exactly.";

/// Starts the documentation of a function over `(label, prediction)`.
pub(super) fn of_classes(name: &str, description: &str, has_options: bool) -> Documentation {
    let options = if has_options { " [, options]" } else { "" };
    let documentation = Documentation::builder(
        QUALITY,
        format!("{description}\n\n{ROWS}"),
        format!("{name}(label, prediction{options})"),
    )
    .with_argument("label", CLASS)
    .with_argument("prediction", PREDICTION);
    let documentation = match has_options {
        true => documentation.with_argument("options", format!("One text literal. {AVERAGE} {POSITIVE}")),
        false => documentation,
    };
    let calls = match has_options {
        true => format!(
            "round({name}(truth, said, 'positive=refund'), 6) AS of_refund, \
             round({name}(truth, said, 'average=macro'), 6) AS of_all"
        ),
        false => format!("{name}(truth, said) AS {name}"),
    };
    documentation
        .with_sql_example(format!(
            "SELECT {calls}\n\
             FROM (VALUES ('refund', 'refund'), ('refund', 'other'), ('other', 'other'), ('login', 'refund'),\n\
             \x20            ('login', 'login'), (NULL, 'login')) AS t (truth, said)"
        ))
        .build()
}

/// Starts the documentation of a function over `(label, score)`.
pub(super) fn of_scores(name: &str, description: &str) -> Documentation {
    scored(name, "score", SCORE, description, "")
}

/// Starts the documentation of a function over `(label, p)`.
pub(super) fn of_probabilities(name: &str, description: &str, has_bins: bool) -> Documentation {
    let description = format!("{description}\n\nErrors: a finite `p` outside [0, 1].");
    scored(name, "p", PROBABILITY, &description, if has_bins { BINS } else { "" })
}

fn scored(name: &str, second: &str, words: &str, description: &str, options: &str) -> Documentation {
    let description = format!("{description}\n\nNaN and infinities are left out with their rows. {ROWS}");
    let options = format!("One text literal. {options} {POSITIVE}").replace("  ", " ");
    let call = match name {
        "calibration" => format!("{name}(clicked, p, 'bins=2') AS bins"),
        _ => format!("round({name}(clicked, p), 6) AS {name}"),
    };
    Documentation::builder(QUALITY, description, format!("{name}(label, {second} [, options])"))
        .with_argument("label", CLASS)
        .with_argument(second, words)
        .with_argument("options", options)
        .with_sql_example(format!(
            "SELECT {call}\n\
             FROM (VALUES (true, 0.9), (true, 0.6), (false, 0.6), (false, 0.1), (NULL, 0.7)) AS t (clicked, p)"
        ))
        .build()
}
