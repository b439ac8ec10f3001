use super::super::detail::{Measured, Psi};
use super::{Chance, short, small_note};

fn measured(reference: u64, current: u64) -> Measured {
    Measured { values: [Some(reference), Some(current)], excluded: [Some(0); 2], psi: None }
}

fn psi(bins: u64) -> Psi {
    Psi { psi: 0.0, p_value: 1.0, bins, listed: vec![] }
}

// breaks when: the chance is not that of the chi-squared law (the survival of 9 degrees of freedom at 0.1 / (1/n + 1/m), in closed form)
#[test]
fn small_populations_are_noted_with_the_chance_that_they_have() {
    let chance = |reference, current| Chance::of(&measured(reference, current), &psi(10)).exceeds(0.1);
    assert!((chance(100_000, 100) - 0.351_294_568_085_156_36).abs() < 1e-12, "{}", chance(100_000, 100));
    assert!((chance(100, 100_000) - chance(100_000, 100)).abs() < 1e-15);
    let note = small_note(&measured(100_000, 100), &psi(10)).expect("100 rows are few");
    assert_eq!(
        note,
        "current window has 100 rows: PSI above 0.1 is expected by chance in 35 % of windows; need >= 500"
    );
    let note = small_note(&measured(499, 500), &psi(10)).expect("499 rows are few");
    assert!(note.starts_with("reference has 499 rows"), "{note}");
    assert_eq!(small_note(&measured(500, 500), &psi(10)), None);
}

// breaks when: a number in a note is longer than it is worth
#[test]
fn numbers_in_notes_are_short() {
    let cases = [
        (0.1234, "0.12"),
        (0.0123, "0.012"),
        (35.2, "35"),
        (3.52, "3.5"),
        (0.0, "0"),
        (3e-5, "0.000030"),
        (100.0, "100"),
    ];
    for (value, shown) in cases {
        assert_eq!(short(value), shown);
    }
}
