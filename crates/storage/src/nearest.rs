//! Names that may have been meant: what an error about an unknown name adds.

/// Writes ` (did you mean "x"?)` for the nearest of `names`, or nothing where none is near.
pub(crate) fn hint<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    let best = names.map(|name| (distance(wanted, name), name)).min();
    match best {
        Some((edits, name)) if edits <= wanted.chars().count().div_ceil(3) => {
            format!(" (did you mean {name:?}?)")
        }
        _ => String::new(),
    }
}

/// Counts the edits (insert, delete, replace) between two names, capital letters being the same as small ones.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn finds_the_nearest_name_and_stays_silent_when_none_is_near() {
        // breaks when the distance counts wrongly or the bound is too generous
        let names = ["model", "confidence", "time"];
        assert_eq!(hint("modle", names.into_iter()), " (did you mean \"model\"?)");
        assert_eq!(hint("Confidence", names.into_iter()), " (did you mean \"confidence\"?)");
        assert_eq!(hint("latency", names.into_iter()), "");
        assert_eq!(hint("x", std::iter::empty()), "");
    }
}
