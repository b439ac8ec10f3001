use super::*;

fn counts(both: u64, predicted: u64, actual: u64) -> ClassCounts {
    ClassCounts { both, predicted, actual }
}

// breaks when: a formula changes, or nothing over nothing gives a number
#[test]
fn one_class() {
    let class = counts(3, 4, 6);
    assert_eq!(class.precision(), Some(0.75));
    assert_eq!(class.recall(), Some(0.5));
    assert_eq!(class.f1(), Some(0.6));
    assert_eq!(counts(0, 0, 5).precision(), None);
    assert_eq!(counts(0, 5, 0).recall(), None);
    assert_eq!(counts(0, 0, 5).f1(), Some(0.0));
    assert_eq!(counts(0, 0, 0).f1(), None);
}

// breaks when: an undefined class drags the mean down, or weights of 0 give NaN
#[test]
fn means_leave_undefined_classes_out() {
    let classes = [counts(2, 2, 4), counts(0, 0, 4), counts(1, 2, 2)];
    assert_eq!(mean_over_classes(classes, ClassCounts::precision, Weighing::Equal), Some(0.75));
    assert_eq!(mean_over_classes(classes, ClassCounts::precision, Weighing::BySupport), Some(5.0 / 6.0));
    assert_eq!(mean_over_classes(classes, ClassCounts::recall, Weighing::BySupport), Some(0.3));
    let never_true = [counts(0, 3, 0), counts(0, 0, 3)];
    assert_eq!(mean_over_classes(never_true, ClassCounts::precision, Weighing::BySupport), Some(0.0));
    assert_eq!(mean_over_classes([], ClassCounts::f1, Weighing::Equal), None);
}
