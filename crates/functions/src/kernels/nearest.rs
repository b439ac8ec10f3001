//! Distance to the nearest of a few points.

/// Points of one dimension count, row after row in one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    coordinates: Vec<f64>,
    dimensions: usize,
}

impl Points {
    /// Takes points of equal, positive length; `None` when there is none or lengths differ.
    pub fn new<'a>(points: impl IntoIterator<Item = &'a [f64]>) -> Option<Self> {
        let mut coordinates = Vec::new();
        let mut dimensions = 0;
        for point in points {
            if point.is_empty() || (dimensions != 0 && point.len() != dimensions) {
                return None;
            }
            dimensions = point.len();
            coordinates.extend_from_slice(point);
        }
        (dimensions > 0).then_some(Self { coordinates, dimensions })
    }

    /// Number of coordinates of each point.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The Euclidean distance from `point` to the nearest of the points; `None` for another length, a coordinate that is not finite,
    /// or a distance beyond the largest DOUBLE.
    pub fn distance<T: Copy + Into<f64>>(&self, point: &[T]) -> Option<f64> {
        if point.len() != self.dimensions {
            return None;
        }
        let nearest = self
            .coordinates
            .chunks_exact(self.dimensions)
            .map(|own| own.iter().zip(point).map(|(&a, &b)| (a - b.into()).powi(2)).sum::<f64>())
            // a NaN must win over every number: min would drop it
            .fold(f64::INFINITY, |least, square| if square >= least { least } else { square });
        if (SQUARE_MIN..f64::INFINITY).contains(&nearest) { Some(nearest.sqrt()) } else { self.scaled(point) }
    }

    /// The same for distances whose squares are too large or too small for a DOUBLE.
    #[cold]
    fn scaled<T: Copy + Into<f64>>(&self, point: &[T]) -> Option<f64> {
        let apart = |own: &[f64]| {
            let differences = || own.iter().zip(point).map(|(&a, &b)| (a - b.into()).abs());
            // max leaves NaN out, the sums do not
            match differences().fold(0.0, f64::max) {
                0.0 => differences().sum(),
                largest => largest * differences().map(|one| (one / largest).powi(2)).sum::<f64>().sqrt(),
            }
        };
        let distances = self.coordinates.chunks_exact(self.dimensions).map(apart);
        let nearest = distances.fold(f64::INFINITY, |least, one| if one >= least { least } else { one });
        nearest.is_finite().then_some(nearest)
    }
}

/// Below this a sum of squares may have lost digits.
const SQUARE_MIN: f64 = 1e-280;

#[cfg(test)]
mod tests;
