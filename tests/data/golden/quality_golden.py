"""Writes quality_golden.json: what the functions of model quality must give.

Needs Python 3.11 or later, scikit-learn 1.7.2, scipy 1.17.1, numpy 2.4.6.
Run: python quality_golden.py
"""
import json
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve

assert sklearn.__version__ == "1.7.2"
warnings.filterwarnings("ignore")
random = np.random.default_rng(20260801)


def number(value):
    value = float(value)
    return None if np.isnan(value) else value


def bins_of(y, p, bins, strategy):
    """calibration_curve, with the rows of each bin by its own rule."""
    observed, predicted = calibration_curve(y, p, n_bins=bins, strategy=strategy)
    edges = np.linspace(0, 1, bins + 1)
    if strategy == "quantile":
        edges = np.percentile(p, edges * 100)
    counts = np.bincount(np.searchsorted(edges[1:-1], p), minlength=bins)
    counts = counts[counts > 0]
    assert len(counts) == len(observed)
    return {
        "count": counts.tolist(),
        "observed": observed.tolist(),
        "mean_predicted": predicted.tolist(),
        "ece": float(np.sum(counts / len(p) * np.abs(observed - predicted))),
    }


def scores():
    n = 250
    p = random.beta(0.6, 1.4, n)
    y = random.random(n) < p**1.3
    sets = {
        "skewed": (y, p),
        "ties": (random.random(n) < 0.4, np.round(random.random(n), 1)),
        "certain": (random.random(40) < 0.5, random.choice([0.0, 1.0, 1e-20, 1 - 2**-12, 0.5], 40)),
        "constant": (random.random(30) < 0.3, np.full(30, 0.3)),
        "two": (np.array([True, False]), np.array([0.9, 0.2])),
        "reversed": (np.array([True, False, True]), np.array([0.1, 0.9, 0.1])),
    }
    for name, (y, p) in sets.items():
        expect = {
            "roc_auc": number(metrics.roc_auc_score(y, p)),
            "log_loss": number(metrics.log_loss(y, p, labels=[False, True])),
            "brier": number(metrics.brier_score_loss(y, p, labels=[False, True], pos_label=True)),
        }
        for strategy in ["uniform", "quantile"]:
            for bins in [10, 4]:
                expect[f"bins={bins}, binning={strategy}"] = bins_of(y, p, bins, strategy)
        yield name, {"label": y.tolist(), "p": p.tolist(), "expect": expect}


def classes():
    words = np.array(["refund", "other", "login", "", "Zug"])
    label = words[random.choice(5, 200, p=[0.4, 0.3, 0.2, 0.05, 0.05])]
    said = np.where(random.random(200) < 0.7, label, words[random.integers(0, 5, 200)])
    sets = {
        "words": (label, said, ["refund", ""]),
        "numbers": (random.integers(-2, 4, 150), random.integers(-1, 5, 150), [-2, 3]),
        "never said": (np.array(["a", "b", "c", "a"]), np.array(["a", "a", "a", "a"]), ["b", "a"]),
        "never true": (np.array(["a", "a", "a"]), np.array(["a", "b", "c"]), ["b", "z"]),
        "all wrong": (np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0]), [1, 0]),
        "flags": (random.random(90) < 0.3, random.random(90) < 0.4, [True, False]),
    }
    measures = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    for name, (y, said, positives) in sets.items():
        found = metrics.confusion_matrix(y, said)
        names = np.unique(np.concatenate([y, said])).tolist()
        expect = {"accuracy": number(metrics.accuracy_score(y, said))}
        expect["confusion_matrix"] = [
            [a, b, int(found[i][j])] for i, a in enumerate(names) for j, b in enumerate(names) if found[i][j]
        ]
        for measure, score in measures.items():
            for average in ["micro", "macro", "weighted"]:
                expect[f"{measure} average={average}"] = number(score(y, said, average=average, zero_division=np.nan))
            for positive in positives:
                of_class = score(y == positive, said == positive, zero_division=np.nan)
                expect[f"{measure} positive={str(positive).lower() if isinstance(positive, bool) else positive}"] = number(of_class)
        yield name, {"label": y.tolist(), "prediction": said.tolist(), "expect": expect}


golden = {"scores": dict(scores()), "classes": dict(classes())}
Path(__file__).with_name("quality_golden.json").write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
