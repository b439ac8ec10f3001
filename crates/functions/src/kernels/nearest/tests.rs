use super::Points;

// breaks when: another point than the nearest is taken, or a coordinate that is no number gives a distance
#[test]
fn finds_the_nearest_point() {
    let points = Points::new([&[0.0, 0.0][..], &[10.0, 0.0]]).unwrap();
    assert_eq!(points.dimensions(), 2);
    assert_eq!(points.distance(&[3.0f64, 4.0]), Some(5.0));
    assert_eq!(points.distance(&[10.0f32, 1.0]), Some(1.0));
    assert_eq!(points.distance(&[1.0f64]), None);
    assert_eq!(points.distance(&[f64::NAN, 0.0]), None);
    assert_eq!(points.distance(&[f64::INFINITY, 0.0]), None);
}

// breaks when: squares that a DOUBLE cannot hold make a distance NULL or 0
#[test]
fn far_and_near_points() {
    let origin = Points::new([&[0.0, 0.0][..]]).unwrap();
    for unit in [1e-300, 1e-160, 1e160, 1e300] {
        let distance = origin.distance(&[3.0 * unit, 4.0 * unit]).unwrap();
        assert!((distance / (5.0 * unit) - 1.0).abs() < 1e-15, "{distance}");
    }
    assert_eq!(origin.distance(&[5e-324, 0.0]), Some(5e-324));
    assert_eq!(origin.distance(&[0.0, -0.0]), Some(0.0));
    assert_eq!(origin.distance(&[f64::MAX, f64::MAX]), None);
    assert_eq!(origin.distance(&[f64::MAX, f64::NAN]), None);
}

// breaks when: points of different lengths are read as one block
#[test]
fn refuses_uneven_points() {
    assert_eq!(Points::new([&[1.0][..], &[1.0, 2.0]]), None);
    assert_eq!(Points::new([&[][..]]), None);
    assert_eq!(Points::new([]), None);
}
