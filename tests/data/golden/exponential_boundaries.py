"""Writes exponential_boundaries.json: the least mantissas beyond bucket boundaries, and the roots of two in the kernel.

Python 3.11, standard library only: integers of any length, so every digit is exact.
"""
import json
from math import isqrt
from pathlib import Path

SCALE = 20
GUARD_BITS = 200

def roots(fraction_bits):
    """2^(2^-j) for j = 1..20, rounded down to fraction_bits."""
    bits = fraction_bits + GUARD_BITS
    value, out = 2 << bits, []
    for _ in range(SCALE):
        value = isqrt(value << bits)
        out.append(value)
    return out, bits

def power(k, fraction_bits):
    """floor(2^(k / 2^20) * 2^fraction_bits)"""
    values, bits = roots(fraction_bits)
    product = 1 << bits
    for j, root in enumerate(values):
        if k >> (SCALE - 1 - j) & 1:
            product = product * root >> bits
    return product >> GUARD_BITS

ks = sorted({1, 2, 3, 5, 1 << 19, (1 << 19) - 1, (1 << 19) + 1, (1 << 20) - 1, (1 << 20) - 2}
            | {1 << bit for bit in range(20)} | {(k * 7919 * 65537 + 12345) % (1 << 20) or 1 for k in range(200)})
golden = {
    # [k, the least mantissa M (of 2^52 to 2^53) with M / 2^52 > 2^(k / 2^20)]
    "boundaries": [[k, power(k, 52) + 1] for k in ks],
    "roots": [f"{root >> GUARD_BITS:032x}" for root in roots(126)[0]],
}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden) + "\n")
