"""Golden values of the tests on counts, over the sets of drift_golden.json. Run with scipy 1.17.1 and statsmodels 0.15.0 beside
that file; prints drift_tests.json. Bins of numbers are the default ones: n_bins counts those that hold a row."""
import json, pathlib
import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

golden = json.loads((pathlib.Path(__file__).parent / "drift_golden.json").read_text())


def bergsma(table, correction):
    chi2 = stats.chi2_contingency(table, correction=correction)[0]
    n, k = table.sum(), table.shape[1]
    phi2 = max(0, chi2 / n - (k - 1) / (n - 1))
    least = min(2 - 1 / (n - 1) - 1, k - (k - 1) ** 2 / (n - 1) - 1)
    return float(np.sqrt(phi2 / least)) if k > 1 else 0.0


def tests(f, g, psi):
    f, g = np.asarray(f), np.asarray(g)
    used = f + g > 0
    table = np.vstack([f[used], g[used]])
    scale, dof = 1 / f.sum() + 1 / g.sum(), int(used.sum()) - 1
    out = dict(n_bins=dof + 1, p_value=float(stats.chi2.sf(psi / scale, dof)) if dof else 1.0,
               null_q95=float(scale * stats.chi2.isf(0.05, dof)) if dof else 0.0)
    for correction in (True, False):
        for name, power in (("chi2_test", "pearson"), ("g_test", "log-likelihood")):
            r = stats.chi2_contingency(table, correction=correction, lambda_=power)
            out[f"{name}[correction={str(correction).lower()}]"] = [float(r[0]), float(r[1]), int(r[2]), float(r[3].min())]
        out[f"cramers_v[correction={str(correction).lower()}]"] = bergsma(table, correction)
    if dof == 1:
        z, p = proportions_ztest([g[used][1], f[used][1]], [g.sum(), f.sum()])
        out["z_test_prop"] = [float(z), float(p)]
    return out


def counts(shares, n):
    return [round(share * n) for share in shares]


out = dict(versions=dict(scipy="1.17.1", statsmodels="0.15.0"), numeric={}, categorical={})
for name, s in list(golden["numeric"].items()) + list(golden["big"].items()):
    e = s["expect"]["default(10 reference deciles)"]
    n, m = (s["gen"]["n_ref"], s["gen"]["n_cur"]) if "gen" in s else (len(s["ref"]), len(s["cur"]))
    out["numeric"][name] = tests(counts(e["ref"], n), counts(e["cur"], m), e["psi"])
for name, s in golden["categorical"].items():
    out["categorical"][name] = tests(s["ref"], s["cur"], s["default(union of categories)"]["psi"])
print(json.dumps(out, indent=0))
