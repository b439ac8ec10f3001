//! Messages of DataFusion that speak of its inside or suggest the wrong thing, said with what to do instead.

/// What is meant, where the message does not say it.
pub(super) fn said_better(message: &str) -> Option<String> {
    time(message).or_else(|| function(message)).or_else(|| place(message))
}

/// What is wrong with a time, where the cause speaks of representations.
fn time(message: &str) -> Option<String> {
    if message.ends_with("Cannot cast timezone to different timezone") {
        let change = "the clock of its time zone skips it, or shows it twice";
        return Some(format!("a local time is not one moment: {change}"));
    }
    let (_, overflow) = message.split_once("Overflow converting ")?;
    let (time, _) = overflow.split_once(" to Nanosecond. The dates that")?;
    Some(format!("{time} is no TIMESTAMP: times lie between 1677-09-21 and 2262-04-11"))
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
