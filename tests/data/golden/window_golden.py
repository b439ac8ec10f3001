"""Writes window_golden.json: what the window functions must give.

Needs Python 3.11, river 0.26.0, scipy 1.17.1, statsmodels 0.15.0, pandas 3.1.1, numpy 2.4.6.
Run: python window_golden.py

Streams are made of segments from splitmix64, so that the tests make them again bit for bit and only indices are stored.
"""
import csv
import json
import math
import random
from fractions import Fraction
from pathlib import Path

# river subscripts this class, which Python 3.11 cannot
csv.DictReader.__class_getitem__ = classmethod(lambda kind, _: kind)

import numpy as np
import pandas as pd
from river import drift
from scipy import stats
from statsmodels.robust import mad
from statsmodels.stats.multitest import multipletests

MASK = (1 << 64) - 1


def uniforms(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield ((z ^ (z >> 31)) >> 11) * 2.0**-53


def segment(seed, n, kind, offset, scale, slope=0.0):
    """kind: sum = offset + scale (u + u + u) + slope i; bits = u < scale; levels = offset + floor(scale u)."""
    u = uniforms(seed)
    values = []
    for i in range(n):
        if kind == "sum":
            values.append(offset + scale * (next(u) + next(u) + next(u)) + slope * i)
        elif kind == "bits":
            values.append(1.0 if next(u) < scale else 0.0)
        else:
            values.append(offset + math.floor(scale * next(u)))
    return values


STREAMS = {
    "mean_shift": [(1, 2000, "sum", 0.0, 1.0), (2, 2000, "sum", 0.5, 1.0), (3, 2000, "sum", 0.0, 1.0)],
    "small_shift": [(4, 5000, "sum", 0.0, 1.0), (5, 5000, "sum", 0.1, 1.0)],
    "spread": [(6, 3000, "sum", -1.5, 1.0), (7, 3000, "sum", -4.5, 3.0), (8, 3000, "sum", -1.5, 1.0)],
    "gradual": [(9, 3000, "sum", 0.0, 1.0), (10, 3000, "sum", 0.0, 1.0, 0.0005)],
    "large": [(11, 20000, "sum", 0.0, 1000.0), (12, 10000, "sum", 300.0, 1000.0), (13, 20000, "sum", -200.0, 1000.0)],
    "offset": [(14, 2000, "sum", 1e9, 1.0), (15, 2000, "sum", 1e9 + 2.0, 1.0)],
    "constant": [(16, 1000, "sum", 7.25, 0.0), (17, 1000, "sum", 7.5, 0.0), (18, 200, "sum", -100.0, 0.0)],
    "levels": [(19, 1000, "levels", 0.0, 2.0), (20, 1000, "levels", 4.0, 4.0), (21, 1000, "levels", 3.0, 4.0)],
    "early": [(30, 10, "sum", 0.0, 0.0), (31, 60, "sum", 100.0, 0.0)],
    "still": [(22, 20000, "sum", 0.0, 1.0)],
    "errors": [(23, 3000, "bits", 0.0, 0.1), (24, 2000, "bits", 0.0, 0.3), (25, 3000, "bits", 0.0, 0.05)],
    "rare_errors": [(26, 20000, "bits", 0.0, 0.002), (27, 5000, "bits", 0.0, 0.01)],
    "all_right": [(28, 500, "bits", 0.0, 0.0), (29, 500, "bits", 0.0, 1.0)],
}
BITS = ["errors", "rare_errors", "all_right"]

ADWIN = [
    {},
    {"delta": 0.05},
    {"delta": 0.1, "clock": 1},
    {"clock": 7, "max_buckets": 2, "min_window_length": 1, "grace_period": 0},
    {"max_buckets": 9, "min_window_length": 50, "grace_period": 300},
    {"clock": 1, "min_window_length": 2, "grace_period": 20},
]
PAGE_HINKLEY = [
    {},
    {"threshold": 10.0, "delta": 0.05},
    {"min_instances": 5, "threshold": 2.0, "mode": "up"},
    {"threshold": 5.0, "alpha": 0.99, "mode": "down"},
]
KSWIN = [
    {"seed": 42},
    {"seed": 0, "alpha": 0.0001},
    {"seed": 12345678901234567890, "alpha": 0.05, "window_size": 60, "stat_size": 30},
    {"seed": 3, "alpha": 0.02, "window_size": 1000, "stat_size": 5},
    {"seed": 7, "alpha": 0.001, "window_size": 1500, "stat_size": 100},
]
DDM = [{}, {"warm_start": 100, "warning_threshold": 1.5, "drift_threshold": 2.5}]
DETECTORS = {
    "adwin": (drift.ADWIN, ADWIN, list(STREAMS)),
    "page_hinkley": (drift.PageHinkley, PAGE_HINKLEY, list(STREAMS)),
    "kswin": (drift.KSWIN, KSWIN, [name for name in STREAMS if name not in ("large", "still", "rare_errors")]),
    "ddm": (drift.binary.DDM, DDM, BITS),
}


def spans(rows):
    """Row numbers as [first, length] of each run."""
    runs = []
    for row in rows:
        if runs and runs[-1][0] + runs[-1][1] == row:
            runs[-1][1] += 1
        else:
            runs.append([row, 1])
    return runs


def detections():
    made = []
    for name, (kind, settings, streams) in DETECTORS.items():
        for stream in streams:
            values = [value for part in STREAMS[stream] for value in segment(*part)]
            for options in settings:
                detector, drifts, warnings = kind(**options), [], []
                for row, value in enumerate(values):
                    detector.update(value)
                    if detector.drift_detected:
                        drifts.append(row)
                    if name == "ddm" and detector.warning_detected:
                        warnings.append(row)
                entry = {"detector": name, "stream": stream, "options": options, "drifts": drifts}
                if name == "ddm":
                    entry["warnings"] = spans(warnings)
                made.append(entry)
    return made


def samples():
    made = []
    for seed in (0, 1, 42, 2**32, 12345678901234567890):
        for n, k in ((70, 30), (1, 1), (5, 5), (995, 5), (1400, 100), (277, 30), (278, 30)):
            rng = random.Random(seed)
            made.append({"seed": str(seed), "n": n, "k": k, "first": rng.sample(range(n), k), "second": rng.sample(range(n), k)})
    return made


def with_gaps(values):
    """Every seventh and a run of values missing."""
    return [None if i % 7 == 3 or 20 <= i < 25 else v for i, v in enumerate(values)]


def clean(values):
    return [None if v is None or not math.isfinite(v) else float(v) for v in values]


def p_adjusted():
    u = uniforms(100)
    sets = {
        "mixed": [next(u) ** 3 for _ in range(40)],
        "ties": [0.01, 0.04, 0.01, 0.5, 0.04, 0.01, 1.0, 0.0],
        "one": [0.03],
        "large": [next(u) for _ in range(150)] + [next(u) * 1e-4 for _ in range(20)],
        "tiny": [1e-300, 5e-324, 0.0, 1e-10, 0.9],
    }
    made = []
    for name, p in sets.items():
        adjusted = {
            ours: multipletests(p, method=theirs)[1].tolist()
            for ours, theirs in (("bh", "fdr_bh"), ("by", "fdr_by"), ("holm", "holm"), ("bonferroni", "bonferroni"))
        }
        for method in ("bh", "by"):
            assert np.allclose(stats.false_discovery_control(p, method=method), adjusted[method], rtol=1e-12, atol=1e-300)
        made.append({"name": name, "p": p, "adjusted": adjusted})
    return made


EWMA = [
    ("alpha=0.1", {"alpha": 0.1}),
    ("alpha=0.3, adjust=false", {"alpha": 0.3, "adjust": False}),
    ("half_life=4", {"halflife": 4}),
    ("half_life=2.5, ignore_na=true", {"halflife": 2.5, "ignore_na": True}),
    ("span=9, adjust=false, ignore_na=true", {"span": 9, "adjust": False, "ignore_na": True}),
    ("alpha=1", {"alpha": 1.0}),
]


def averages():
    made = []
    for name in ("sum", "gaps", "late", "constant"):
        values = segment(200, 60, "sum", -1.0, 2.0)
        if name == "gaps":
            values = with_gaps(values)
        if name == "late":
            values = [None] * 4 + values[:20] + [None] * 3
        if name == "constant":
            values = [0.1] * 30
        series = pd.Series([math.nan if v is None else v for v in values])
        made.append({
            "name": name,
            "values": values,
            "expect": {text: clean(series.ewm(**options).mean().tolist()) for text, options in EWMA},
        })
    return made


def exact_zscore(x, frame, ddof):
    """By fractions, rounded once at the end: the reference must not lose the digits that it is to check."""
    if x is None or len(frame) <= ddof:
        return None
    values = [Fraction(value) for value in frame.tolist()]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - ddof)
    return float(Fraction(x) - mean) / math.sqrt(variance) if variance > 0 else None


def frame_scores():
    """Scores of each row against the rows from row - before to row + after; None before or after is unbounded."""
    columns = {
        "sum": segment(300, 80, "sum", 5.0, 2.0),
        "gaps": with_gaps(segment(301, 80, "sum", -5.0, 0.5)),
        "offset": segment(302, 60, "sum", 1e9, 1.0),
        "levels": segment(303, 60, "levels", 0.0, 3.0),
        "outlier": segment(304, 40, "sum", 0.0, 1.0) + [1e15] + segment(305, 40, "sum", 0.0, 1.0),
    }
    # so many digits every reader of JSON reads alike
    columns = {name: [v if v is None else round(v, 6) for v in values] for name, values in columns.items()}
    made = []
    for name, values in columns.items():
        for before, after in ((None, None), (None, 0), (10, 0), (10, -1), (4, 4), (0, None)):
            scores = {"ddof=0": [], "ddof=1": [], "mad": []}
            for row, x in enumerate(values):
                first = 0 if before is None else max(0, row - before)
                end = len(values) if after is None else min(len(values), row + after + 1)
                frame = np.array([v for v in values[first:max(first, end)] if v is not None])
                for ddof in (0, 1):
                    scores[f"ddof={ddof}"].append(exact_zscore(x, frame, ddof))
                spread = mad(frame, c=0.6745) if len(frame) else math.nan
                scores["mad"].append((x - np.median(frame)) / spread if x is not None and spread > 0 else None)
            made.append({
                "column": name,
                "before": before,
                "after": after,
                **{key: clean(score) for key, score in scores.items()},
            })
        whole = np.array([v for v in values if v is not None])
        whole_scores = [v for v in made[-6]["ddof=0"] if v is not None]
        assert np.allclose(stats.zscore(whole), whole_scores, rtol=1e-6, atol=1e-6), name
    return {"columns": columns, "frames": made}


def tabular_cusum(values, target, sigma, k, h):
    """Montgomery, Introduction to Statistical Quality Control, 9.1.2, in units of sigma; sums start over after a signal."""
    high = low = 0.0
    signals = []
    for row, x in enumerate(values):
        z = (x - target) / sigma
        high, low = max(0.0, z - k + high), max(0.0, -z - k + low)
        if high > h or low > h:
            signals.append(row)
            high = low = 0.0
    return signals


def cusums():
    made = []
    for stream in STREAMS:
        values = [value for part in STREAMS[stream] for value in segment(*part)]
        for k, h, warmup in ((0.5, 5.0, 100), (0.25, 8.0, 500)):
            learnt = np.array(values[:warmup])
            sigma = float(np.std(learnt - learnt[0], ddof=1))
            if sigma == 0.0:
                continue
            target = float(learnt[0] + np.mean(learnt - learnt[0]))
            signals = [warmup + row for row in tabular_cusum(values[warmup:], target, sigma, k, h)]
            made.append({"stream": stream, "options": {"k": k, "h": h, "warmup": warmup}, "first": signals[:20], "count": len(signals)})
    return made


golden = {
    "streams": {name: [list(part) for part in parts] for name, parts in STREAMS.items()},
    "sums": {name: [sum(segment(*part)[:50]) for part in parts] for name, parts in STREAMS.items()},
    "detections": detections(),
    "samples": samples(),
    "p_adjust": p_adjusted(),
    "ewma": averages(),
    "scores": frame_scores(),
    "cusum": cusums(),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
for entry in golden["detections"]:
    print(entry["detector"], entry["stream"], entry["options"], len(entry["drifts"]), entry["drifts"][:6])
for entry in golden["cusum"]:
    print("cusum", entry)
