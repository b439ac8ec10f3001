"""Writes psi_ci_golden.json: what psi_ci must give.

Needs Python 3.11 or later, numpy 2.4.6.
Run: python psi_ci_golden.py

The recipe, which the documentation of psi_ci promises: bins at the reference's deciles (numpy's default quantiles, at exact positions; one that
repeats is an atom with a bin of its own), outer bins open. Clusters of either side in the order of their ids. One SplitMix64 sequence from
the seed; each resample draws as many clusters of the reference as there are, then as many current ones, draw = (next * clusters) >> 64. PSI of the summed
counts; the interval are numpy's default quantiles of the resampled PSIs, or those mirrored at PSI.
"""
import json
from pathlib import Path

import numpy as np

assert np.__version__ == "2.4.6"
MASK = (1 << 64) - 1


def splitmix64(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def psi(r, c, eps):
    p, q = np.maximum(r / r.sum(), eps), np.maximum(c / c.sum(), eps)
    return float(np.sum((q - p) * np.log(q / p)))


def quantile(values, part, parts):
    """numpy's default quantile at the exact position: 3 / 10, and not 0.1 * 3."""
    below, rest = divmod((len(values) - 1) * part, parts)
    low, high, t = values[below], values[min(below + 1, len(values) - 1)], rest / parts
    return low + (high - low) * t if t < 0.5 else high - (high - low) * (1 - t)


def bins_of(value, cur, bins):
    if isinstance(value[0], str):
        return np.unique(value, return_inverse=True)[1]
    reference = value[~cur]
    quantiles, repeats = np.unique([quantile(np.sort(reference), i, bins) for i in range(1, bins)], return_counts=True)
    edges = np.unique(np.r_[quantiles, np.nextafter(quantiles[repeats > 1], np.inf)])
    return np.searchsorted(edges, value, "right")


def psi_ci(value, cur, cluster, bins=10, eps=1e-4, resamples=1000, level=0.95, seed=42, interval="percentile"):
    bin_of = bins_of(value, cur, bins)
    width = int(bin_of.max()) + 1

    def side(rows):
        # text by its UTF-8 bytes, integers by value
        key = (lambda id: id.encode()) if isinstance(cluster[0], str) else int
        ids = sorted(set(cluster[rows].tolist()), key=key)
        at = {id: i for i, id in enumerate(ids)}
        counts = np.zeros((len(ids), width), dtype=np.int64)
        for id, b in zip(cluster[rows].tolist(), bin_of[rows]):
            counts[at[id], b] += 1
        return counts

    r, c = side(~cur), side(cur)
    used = (r.sum(0) + c.sum(0)) > 0
    r, c = r[:, used], c[:, used]
    whole = psi(r.sum(0), c.sum(0), eps)
    random = splitmix64(seed)
    resampled = []
    for _ in range(resamples):
        drawn = [[(next(random) * len(s)) >> 64 for _ in range(len(s))] for s in (r, c)]
        resampled.append(psi(r[drawn[0]].sum(0), c[drawn[1]].sum(0), eps))
    tail = (1 - level) / 2
    lo, hi = (float(q) for q in np.quantile(resampled, [tail, 1 - tail]))
    if interval == "basic":
        lo, hi = max(2 * whole - hi, 0.0), max(2 * whole - lo, 0.0)
    return dict(psi=whole, lo=lo, hi=hi, n_clusters_ref=len(r), n_clusters_cur=len(c), n_ref=int(r.sum()), n_cur=int(c.sum()))


random = np.random.default_rng(20260801)


def conversations(count, shift):
    turns = random.integers(1, 8, count)
    own = random.normal(shift, 0.9, count)
    value = np.repeat(own, turns) + random.normal(0, 0.4, turns.sum())
    return value.round(6), np.repeat(np.arange(count), turns)


def together(sides, ids):
    value = np.concatenate([side[0] for side in sides])
    cur = np.concatenate([np.full(len(side[0]), i == 1) for i, side in enumerate(sides)])
    cluster = np.concatenate([[ids(i, c) for c in side[1]] for i, side in enumerate(sides)])
    order = random.permutation(len(value))
    return value[order], cur[order], cluster[order]


sets = {
    "texts": together((conversations(60, 0.0), conversations(45, 0.5)), lambda side, c: f"{'cé'[side]}-{c * 7919 % 61}"),
    # negative ids, and clusters that are on both sides
    "integers": together((conversations(40, 0.0), conversations(50, 0.0)), lambda side, c: (c - 20) * 1_000_003),
    "single_rows": together((conversations(30, 0.0), conversations(30, 1.0)), lambda side, c: c),
}
value, cur, cluster = sets["texts"]
sets["zero_inflated"] = (np.where(value < 0.4, 0.0, value), cur, cluster)
sets["categories"] = (np.array([["low", "mid", "high", "ß"][min(max(int(v * 2 + 1), 0), 3)] for v in value]), cur, cluster)
value, cur, _ = sets["single_rows"]
sets["single_rows"] = (value, cur, np.arange(len(value)))

CALLS = [
    {},
    dict(resamples=200, level=0.8, seed=7),
    dict(resamples=150, bins=4, eps=0.01, seed=(1 << 64) - 1),
    dict(resamples=300, level=0.9, interval="basic"),
]
out = {}
for name, (value, cur, cluster) in sets.items():
    calls = [call for call in CALLS if name != "categories" or "bins" not in call]
    out[name] = dict(
        value=value.tolist(),
        cur=cur.tolist(),
        cluster=cluster.tolist(),
        expect=[
            dict(options=", ".join(f"{k}={v}" for k, v in call.items()), **psi_ci(value, cur, cluster, **call)) for call in calls
        ],
    )
Path(__file__).with_name("psi_ci_golden.json").write_text(json.dumps(out, indent=0, ensure_ascii=False) + "\n")
