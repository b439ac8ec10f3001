"""What other tools make of the same populations: `python conventions.py TOOL` puts the tool's part into conventions.json.

TOOL is evidently (0.7.23, with scipy 1.17.1, numpy 2.4.6, pandas 2.3.3), nannyml (0.13.1), popmon (1.4.12) or deepchecks
(0.19.1), each in an environment of its own; `populations` writes the populations first and needs nothing. Numbers are whole
numbers times a unit; a population is a column of whole numbers where that is said. Only the packages' own functions are called; popmon's are
given shares instead of counts. Fiddler has no package: its part, `fiddler`, is the formula of its documentation in numpy."""
import json
import math
import random
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
FILE = Path(__file__).with_suffix(".json")


def populations():
    rng = random.Random(11)
    normal = lambda n, mean, deviation: [round(rng.gauss(mean, deviation)) for _ in range(n)]
    skewed = lambda n, mean, deviation: [round(1000 * rng.lognormvariate(mean, deviation)) for _ in range(n)]
    numbers = {
        # name: unit, whole, reference, current
        "shift": (0.001, False, normal(400, 0, 1000), normal(300, 300, 1000)),
        "skewed": (0.001, False, skewed(600, 0, 1), skewed(250, 0.3, 1.1)),
        "skewed whole": (1.0, True, skewed(600, 0, 1), skewed(250, 0.3, 1.1)),
        "outlier": (0.001, False, normal(400, 0, 1000), normal(300, 300, 1000) + [10**9]),
        "outside": (0.001, False, normal(200, 0, 1000), normal(150, 4000, 2000)),
        "same": (0.5, False, list(range(64)), list(range(64))),
        "power of two": (0.25, False, normal(128, 0, 1000), normal(128, 900, 1000)),
        "few values": (0.5, False, [rng.randrange(9) for _ in range(150)], [rng.randrange(2, 12) for _ in range(130)]),
        "few whole": (1.0, True, [rng.randrange(9) for _ in range(150)], [rng.randrange(2, 12) for _ in range(130)]),
        "twenty": (1.0, False, list(range(20)) * 3, list(range(5, 30)) * 2),
        "twenty-one": (1.0, False, list(range(21)) * 3, list(range(5, 30)) * 2),
        "tiny n": (0.001, False, normal(20, 0, 1000), normal(20, 0, 1000)),
        "zero inflated": (0.5, False, [0] * 190 + skewed(40, 0, 0.5), [0] * 80 + skewed(120, 0, 0.5)),
        "flags": (1.0, True, [0] * 60 + [1] * 40, [0] * 30 + [1] * 50),
        "flags as doubles": (1.0, False, [0] * 60 + [1] * 40, [0] * 30 + [1] * 50),
        "constant": (1.0, False, [3] * 30, [3] * 20),
        "constant whole": (1.0, True, [3] * 30, [3] * 20),
        "constant moved": (1.0, False, [3] * 30, [4] * 20),
        "three values": (1.0, False, [1, 2, 3] * 30, [1, 2, 2, 3] * 20),
        "four values, one new": (1.0, True, [1, 2, 3] * 30, [1, 2, 4, 3] * 20),
        "many rows": (0.01, False, normal(1100, 0, 500), normal(300, 40, 520)),
        "many rows, five values": (1.0, True, [rng.randrange(5) for _ in range(1001)], [rng.randrange(4) for _ in range(200)]),
        "thousand rows": (0.01, False, normal(1000, 0, 500), normal(90, 10, 500)),
        "many whole": (1.0, True, [rng.randrange(-3000, 90) for _ in range(500)], [rng.randrange(-2500, 400) for _ in range(400)]),
        "five": (1.0, False, [1, 2, 2, 3, 7], [2, 3, 8, 9]),
    }
    words = {
        # name: reference, current, as counts of a, b, c, ...
        "three": ([50, 30, 20], [40, 45, 15]),
        "unseen": ([50, 50, 0], [40, 40, 20]),
        "vanished": ([50, 30, 20], [60, 40, 0]),
        "two": ([70, 30], [60, 60]),
        "two, one new": ([70, 0], [60, 6]),
        "single": ([50], [40]),
        "equal": ([50, 25, 25], [50, 25, 25]),
        "rare": ([9000, 3000, 1, 0], [5000, 3000, 0, 2]),
        "rare ones together": ([900, 80, 9, 8, 3, 0], [500, 80, 9, 20, 0, 30]),
        "nine": ([5, 4], [3, 6]),
        "many rows": ([700, 301], [600, 600]),
        "many rows, single": ([1001], [600]),
        "boundary": ([490, 500, 10], [300, 280, 20]),
    }
    return {
        "numbers": {k: dict(unit=u, whole=w, ref=r, cur=c) for k, (u, w, r, c) in numbers.items()},
        "words": {k: dict(ref=r, cur=c) for k, (r, c) in words.items()},
    }


def plain(value):
    value = float(value)
    return value if math.isfinite(value) else str(value)


def attempt(function):
    try:
        result = function()
        return [plain(v) for v in result] if isinstance(result, tuple) else plain(result)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:120]


def each(golden, of_numbers, of_words):
    import numpy as np
    import pandas as pd

    out = {"numbers": {}, "words": {}}
    for name, p in golden["populations"]["numbers"].items():
        side = lambda values: pd.Series(np.array(values, dtype=np.int64) if p["whole"] else np.array(values, float) * p["unit"])
        out["numbers"][name] = of_numbers(lambda: (side(p["ref"]), side(p["cur"])))
    for name, p in golden["populations"]["words"].items():
        side = lambda counts: pd.Series([chr(97 + i) for i, n in enumerate(counts) for _ in range(n)])
        out["words"][name] = of_words(lambda: (side(p["ref"]), side(p["cur"])))
    return out


def evidently(golden):
    import evidently.legacy.calculations.stattests as st
    from evidently.legacy.core import ColumnType

    tests = dict(psi=st.psi_stat_test, kl_divergence=st.kl_div_stat_test, js_distance=st.jensenshannon_stat_test, hellinger=st.hellinger_stat_test)

    def automatic(pair, kind):
        r, c = pair()
        test = st.get_stattest(r, c, kind, None)
        result = test(r, c, kind, None)
        return [test.name, plain(result.drift_score), plain(result.actual_threshold), bool(result.drifted)]

    def scores(pair, kind, tests):
        out = {k: attempt(lambda: t(*pair(), kind, None).drift_score) for k, t in tests.items()}
        out["drift_auto"] = automatic(pair, kind)
        return out

    numeric, categorical = ColumnType.Numerical, ColumnType.Categorical
    return each(
        golden,
        lambda pair: scores(pair, numeric, {**tests, "wasserstein_norm": st.wasserstein_stat_test}),
        lambda pair: scores(pair, categorical, {**tests, "chi2_test": st.chi_stat_test, "g_test": st.g_test}),
    )


def nannyml(golden):
    from nannyml.chunk import DefaultChunker
    from nannyml.drift.univariate.methods import FeatureType, MethodFactory
    from nannyml.thresholds import StandardDeviationThreshold

    def score(key, kind, pair):
        r, c = pair()
        method = MethodFactory.create(key, kind, chunker=DefaultChunker(), threshold=StandardDeviationThreshold(), computation_params=None)
        method._fit(r)
        if key == "chi2":
            return tuple(method._calc_chi2(c))
        return method._calculate(c)

    def scores(pair, kind, more):
        keys = {"js_distance": "jensen_shannon", "hellinger": "hellinger", **more}
        return {name: attempt(lambda: score(key, kind, pair)) for name, key in keys.items()}

    return each(
        golden,
        lambda pair: scores(pair, FeatureType.CONTINUOUS, {}),
        lambda pair: scores(pair, FeatureType.CATEGORICAL, {"chi2_test": "chi2"}),
    )


def popmon(golden):
    import numpy as np
    from histogrammar.dfinterface.make_histograms import make_histograms
    from popmon.analysis.comparison.comparisons import jensen_shannon_divergence, population_stability_index, uu_chi2
    from popmon.analysis.hist_numpy import get_consistent_numpy_entries

    def scores(pair):
        r, c = (side.to_frame("x") for side in pair())
        hists, features, specs, *_ = make_histograms(r, features=["x"], binning="auto", ret_specs=True)
        others = make_histograms(c, features=["x"], binning="auto", bin_specs=specs)
        entries = get_consistent_numpy_entries([hists["x"], others["x"]])
        shares = [np.asarray(e, float) / np.sum(e) for e in entries]
        chi2 = uu_chi2(*[np.asarray(e, float) for e in entries])
        return {
            "psi": attempt(lambda: population_stability_index(*shares)),
            "js_divergence": attempt(lambda: jensen_shannon_divergence(*shares)),
            "chi2_test": [plain(chi2[0]), plain(chi2[3])],
        }

    return each(golden, scores, scores)


def deepchecks(golden):
    from deepchecks.utils.distribution.drift import calc_drift_and_plot

    def score(pair, kind):
        r, c = pair()
        value = calc_drift_and_plot(
            r, c, "x", kind, margin_quantile_filter=0.025, min_category_size_ratio=0.01, max_num_categories_for_drift=None,
            numerical_drift_method="EMD", categorical_drift_method="PSI", min_samples=10, with_display=False,
        )[0]
        return value if isinstance(value, str) else plain(value)

    return each(
        golden,
        lambda pair: {"wasserstein_norm": score(pair, "numerical")},
        lambda pair: {"psi": score(pair, "categorical")},
    )


def fiddler(golden):
    import numpy as np

    def psi(r, c):
        p, q = ((k + 1) / (k + 1).sum() for k in (np.asarray(r), np.asarray(c)))
        return {"psi": plain(((q - p) * np.log(q / p)).sum())}

    def of_numbers(pair):
        r, c = (side.to_numpy(float) for side in pair())
        edges, count = np.unique(np.quantile(r, np.linspace(0, 1, 11)[1:-1]), return_counts=True)
        edges = np.unique(np.r_[edges, np.nextafter(edges[count > 1], np.inf)])
        count = lambda side: np.bincount(np.searchsorted(edges, side, "right"), minlength=len(edges) + 1)
        return psi(count(r), count(c))

    def of_words(pair):
        r, c = pair()
        keys = sorted(set(r) | set(c))
        return psi([(r == key).sum() for key in keys], [(c == key).sum() for key in keys])

    return each(golden, of_numbers, of_words)


tool = sys.argv[1]
golden = json.loads(FILE.read_text()) if FILE.exists() else {}
golden[tool] = populations() if tool == "populations" else globals()[tool](golden)
FILE.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
