//! Messages of DataFusion that speak of its inside or suggest the wrong thing, said with what to do instead.

mod patterns;
mod times;

/// What is meant, where the message does not say it.
pub(super) fn said_better(message: &str) -> Option<String> {
    let hints = [times::said, patterns::said, function, place, nesting, size];
    hints.iter().find_map(|said| said(message))
}

/// A function that exists, called as another kind of function than it is.
fn function(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("nvalid function '")?;
    let (name, _) = rest.split_once('\'')?;
    if driftline_functions::table_functions().iter().any(|(known, _)| *known == name) {
        return Some(format!("{name} is a table function: SELECT ... FROM {name}(...)"));
    }
    let windows = driftline_functions::windows();
    let built_in = datafusion::functions_window::all_default_window_functions();
    let is_window = windows.iter().chain(&built_in).any(|window| window.name() == name);
    is_window.then(|| format!("{name} is a window function: write {name}(...) OVER (ORDER BY time)"))
}

/// An expression where it cannot stand.
fn place(message: &str) -> Option<String> {
    let of_subquery = message.strip_prefix("physical plan does not support logical expression ");
    if of_subquery.is_some_and(|rest| rest.starts_with("InSubquery") || rest.starts_with("Exists")) {
        let instead = "join what it selects, or take a column of a subquery in FROM";
        return Some(format!("IN and EXISTS with a subquery can stand in WHERE alone: {instead}"));
    }
    let field = message.starts_with("dot access not supported");
    field.then(|| "a field of a struct is read with brackets: psi_detail(x, is_current)['psi']".to_owned())
}

/// What the parser does not follow any deeper.
fn nesting(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("recursionLimitExceeded")
        .or_else(|| message.strip_prefix("recursion limit exceeded"))?;
    let levels = rest.strip_prefix(" (current limit: ").and_then(|rest| rest.strip_suffix(')'));
    let limit = levels.map(|levels| format!(": the parser goes {levels} levels deep")).unwrap_or_default();
    Some(format!("the statement is nested too deeply{limit}"))
}

/// A size that is less than zero.
fn size(message: &str) -> Option<String> {
    let is_size = message == "internal error: array_resize: failed to convert size to usize";
    is_size.then(|| "array_resize takes a size from 0 on".to_owned())
}
