"""Text that is safe to draw and to print, and numbers with their units."""

import math
import unicodedata

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, direction marks, surrogates, unassigned


def clean(value, limit=80):
    """`value` as one line of at most `limit` characters without control characters."""
    out = []
    for char in str(value)[: 4 * limit]:
        out.append(" " if char.isspace() else "\ufffd" if unicodedata.category(char) in UNSAFE else char)
    line = " ".join("".join(out).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def legend_label(text, limit=48):
    """A label that the legend shows; matplotlib drops those that begin with `_`."""
    line = clean(text, limit)
    return " " + line if line.startswith("_") else line


def significant(value, digits=3):
    """`value` with `digits` significant digits, without exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")  # first, since rounding may add a digit: 0.9999 -> 1.00
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def scaled(value, steps, unit=""):
    """`value` in the largest of `steps` (factor, prefix) that it reaches."""
    if not math.isfinite(value):
        return "unknown"
    for factor, prefix in steps:
        if abs(value) >= factor * 0.9995:
            break
    return f"{significant(value / factor)} {prefix}{unit}".rstrip()


def seconds(value):
    """0.412 -> `412 ms`."""
    if value == 0:
        return "0 s"
    return scaled(value, [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")], "s")


def rate(value):
    """9880 -> `9.88 k` (decimal)."""
    return scaled(value, [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")])


def yes(value):
    """A switch as files have it: 1 or "yes"."""
    return value in (1, "1", "yes", "true")


def size(value):
    """1048576 -> `1 MiB` (binary)."""
    for factor, unit in [(2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")]:
        if abs(value) >= factor:
            return f"{value / factor:.4g} {unit}"
    return f"{value:g} B"


def plural(count, noun):
    """1, `rank` -> `1 rank`; 2 -> `2 ranks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listing(items, most=6):
    """`a, b, c`, cut with the number of what is left out."""
    items = [str(item) for item in items]
    rest = len(items) - most
    return ", ".join(items) if rest <= 0 else ", ".join(items[:most]) + f" and {rest} more"
