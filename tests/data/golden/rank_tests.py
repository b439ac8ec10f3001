"""Golden values of the rank functions beyond drift_golden.json: Student's distribution over a grid, and populations that are
hard on sums and ties. Run with scipy 1.17.1 and numpy 2.4.6; prints rank_tests.json. Populations are lists of whole numbers
times a unit, so that every reader takes the same values."""
import json
import math
import warnings

import numpy as np
import scipy
from scipy import stats

warnings.filterwarnings("ignore")
assert scipy.__version__ == "1.17.1" and np.__version__ == "2.4.6"


def finite(value):
    value = float(value)
    return value if math.isfinite(value) else str(value)


def compare(r, c):
    cvm = stats.cramervonmises_2samp(r, c, method="asymptotic")
    mwu = stats.mannwhitneyu(r, c, alternative="two-sided", method="asymptotic")
    welch = stats.ttest_ind(r, c, equal_var=False)
    out = {
        "wasserstein": finite(stats.wasserstein_distance(r, c)),
        "wasserstein_norm": finite(stats.wasserstein_distance(r, c) / max(np.std(r), 0.001)),
        "energy_distance": finite(stats.energy_distance(r, c)),
        "cvm_test": [finite(cvm.statistic), finite(cvm.pvalue)],
        "mwu_test": [finite(mwu.statistic), finite(mwu.pvalue)],
        "welch_t_test": [finite(welch.statistic), finite(welch.pvalue)],
    }
    if len(r) + len(c) >= 4 and len(set(r) | set(c)) > 1:
        ad = stats.anderson_ksamp([r, c], variant="midrank")
        out["ad_test"] = [finite(ad.statistic), finite(ad.pvalue)]
    return out


rng = np.random.default_rng(7)
populations = {
    "two a side": (1.0, [1, 5], [2, 9]),
    "two against many": (0.5, [3, 40], rng.integers(0, 60, 50).tolist()),
    "same": (0.125, list(range(40)), list(range(40))),
    "interleaved": (1.0, list(range(0, 60, 2)), list(range(1, 60, 2))),
    "negative": (0.001, (-rng.integers(0, 9000, 70)).tolist(), (-rng.integers(0, 7000, 60)).tolist()),
    "heavy ties": (1.0, rng.integers(0, 3, 300).tolist(), rng.integers(0, 3, 200).tolist()),
    "slight": (1.0, rng.integers(0, 1000, 400).tolist(), (rng.integers(0, 1000, 400) + 40).tolist()),
    "outlier": (1.0, rng.integers(0, 100, 99).tolist() + [10**9], rng.integers(0, 100, 80).tolist()),
    "unequal": (1.0, rng.integers(0, 50, 10).tolist(), rng.integers(5, 60, 700).tolist()),
    "large values": (2.0**40, rng.integers(0, 500, 50).tolist(), rng.integers(30, 500, 60).tolist()),
    "tiny values": (2.0**-30, rng.integers(0, 500, 50).tolist(), rng.integers(30, 500, 60).tolist()),
}
sets = {}
for name, (unit, r, c) in populations.items():
    expect = compare(np.array(r, float) * unit, np.array(c, float) * unit)
    sets[name] = {"unit": unit, "ref": r, "cur": c, "expect": expect}
student = [
    [t, dof, float(2 * stats.t.sf(t, dof))]
    for dof in (1.0, 1.5, 2.0, 7.25, 30.0, 39.9, 40.1, 200.0, 1e4, 1e6, 3e8)
    for t in (0.0, 1e-3, 0.1, 0.7, 1.0, 1.96, 3.0, 6.5, 20.0, 35.0)
]
print(json.dumps({"versions": {"scipy": "1.17.1", "numpy": "2.4.6"}, "sets": sets, "student": student}, indent=0))
