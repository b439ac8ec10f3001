"""Golden values for functions over embeddings. Run with numpy 2.4.6 and scipy 1.17.1;
writes embeddings.json. Coordinates are rounded to multiples of 1/1024, so that the file holds them as they are."""
import json
from pathlib import Path

import numpy as np
import scipy
from scipy.linalg import sqrtm
from scipy.spatial.distance import cosine, euclidean

MASK = (1 << 64) - 1


def uniforms(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield (((z ^ (z >> 31)) >> 11) + 0.5) * 2.0**-53


def mmd_rff(reference, current, features=512, seed=42, gamma=None):
    dimension = reference.shape[1]
    gamma = 1 / dimension if gamma is None else gamma
    u = uniforms(seed)
    frequencies, phases = np.zeros((features, dimension)), np.zeros(features)
    for feature in range(features):
        for coordinate in range(0, dimension, 2):
            radius, angle = np.sqrt(2 * gamma) * np.sqrt(-2 * np.log(next(u))), 2 * np.pi * next(u)
            frequencies[feature, coordinate] = radius * np.cos(angle)
            if coordinate + 1 < dimension:
                frequencies[feature, coordinate + 1] = radius * np.sin(angle)
        phases[feature] = 2 * np.pi * next(u)
    mean = lambda side: np.cos(side @ frequencies.T + phases).mean(axis=0)
    return 2 / features * ((mean(reference) - mean(current)) ** 2).sum()


def frechet(reference, current, ddof):
    apart = reference.mean(axis=0) - current.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(side, rowvar=False, ddof=ddof)) for side in (reference, current))
    root = np.real(np.trace(sqrtm(first @ second)))
    return apart @ apart + np.trace(first) + np.trace(second) - 2 * root


def vectors(rng, rows, dimension, mean, spread):
    mixing = rng.normal(size=(dimension, dimension)) * 0.3 + np.eye(dimension)
    return np.round((rng.normal(size=(rows, dimension)) * spread @ mixing + mean) * 1024) / 1024


rng = np.random.default_rng(5)
sets = {
    "shifted": (vectors(rng, 60, 3, 0.5, 1.0), vectors(rng, 45, 3, 0.8, 1.2)),
    "far from zero": (vectors(rng, 80, 4, 100.0, 0.5), vectors(rng, 70, 4, 100.5, 0.5)),
    "one coordinate": (vectors(rng, 30, 1, 0.0, 1.0), vectors(rng, 20, 1, 1.0, 2.0)),
    "sixteen": (vectors(rng, 120, 16, 0.1, 1.0), vectors(rng, 100, 16, 0.2, 1.0)),
}
golden = {"versions": {"numpy": np.__version__, "scipy": scipy.__version__}, "sets": {}}
for name, (reference, current) in sets.items():
    means = reference.mean(axis=0), current.mean(axis=0)
    golden["sets"][name] = {
        "reference": reference.tolist(),
        "current": current.tolist(),
        "expect": {
            "centroid_drift(e, cur)": cosine(*means),
            "centroid_drift(e, cur, 'metric=euclidean')": euclidean(*means),
            "mmd_rff(e, cur)": mmd_rff(reference, current),
            "mmd_rff(e, cur, 'features=33, seed=7, gamma=0.25')": mmd_rff(reference, current, 33, 7, 0.25),
            "frechet_distance(e, cur)": frechet(reference, current, 1),
            "frechet_distance(e, cur, 'ddof=0')": frechet(reference, current, 0),
        },
    }
Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=None) + "\n")
