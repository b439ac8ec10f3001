use super::gaussian::trace_of_root;
use super::side::{Side, Sums};
use super::{cosine_distance, euclidean_distance};

// breaks when: a square overflows, or equal directions are not at distance 0
#[test]
fn distances_keep_their_digits() {
    assert_eq!(cosine_distance(&[1e200, 0.0], &[2e-200, 0.0]), Some(0.0));
    assert_eq!(cosine_distance(&[1.0, 0.0], &[-3.0, 0.0]), Some(2.0));
    assert_eq!(cosine_distance(&[0.0, 0.0], &[1.0, 0.0]), None);
    let length = euclidean_distance(&[3e200, 0.0], &[0.0, 4e200]).unwrap();
    // the scaled sum rounds a few times
    assert!((length / 5e200 - 1.0).abs() < 1e-15, "{length}");
    assert_eq!(euclidean_distance(&[f64::MAX], &[-f64::MAX]), None);
}

// breaks when: a mean far from 0 costs digits of the covariance
#[test]
fn covariance_is_exact_beside_a_large_mean() {
    let (mut side, mut room) = (Side::default(), Vec::new());
    for (x, y) in [(0.25, 1.0), (0.5, -1.0), (0.75, 1.5), (1.0, 0.25)] {
        side.add(&[x + 1e9, y - 1e8], Sums::Products, 1, &mut room);
    }
    // of the numbers without the shift
    assert_eq!(side.covariance(1).unwrap(), [0.3125 / 3.0, 0.03125 / 3.0, 0.03125 / 3.0, 3.546875 / 3.0]);
    side.add(&[1e9, 0.0], Sums::Products, 1, &mut room);
    side.add(&[1e9, 0.0], Sums::Products, -1, &mut room);
    assert_eq!(side.covariance(0).unwrap()[0], 0.3125 / 4.0);
}

// breaks when: a covariance without full rank loses its root, or gains one
#[test]
fn root_of_covariances_without_full_rank() {
    assert_eq!(trace_of_root(&[4.0, 0.0, 0.0, 0.0], &[9.0, 0.0, 0.0, 0.0], 2), 6.0);
    assert_eq!(trace_of_root(&[4.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 9.0], 2), 0.0);
    assert_eq!(trace_of_root(&[0.0], &[1.0], 1), 0.0);
    let root = trace_of_root(&[2.0, 1.0, 1.0, 2.0], &[2.0, 1.0, 1.0, 2.0], 2);
    assert!((root - 4.0).abs() < 1e-14, "{root}");
}
