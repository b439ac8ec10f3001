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

// breaks when: points of different lengths are read as one block
#[test]
fn refuses_uneven_points() {
    assert_eq!(Points::new([&[1.0][..], &[1.0, 2.0]]), None);
    assert_eq!(Points::new([&[][..]]), None);
    assert_eq!(Points::new([]), None);
}
