"""Draws what peers/run.py measured: how many times faster than tuned PyTorch, a bar of pno a configuration.

    chart.py JSON > chart.svg

Marks are the other programs on the same network (neuraloperator's is another). Readable on light and dark pages: text
has a middle tone, and the reader's preference refines it."""
import json
import math
import sys
from xml.sax.saxutils import escape, quoteattr

PANELS = (("train", 1, "Training, one core"), ("train", 2, "Training, two cores"), ("infer", 1, "Inference, one core"))
MARKS = {  # outline of a mark of half-width 1, colour
    "unfused": ("FFTW + OpenBLAS in C", "M-1,0 A1,1 0 1,0 1,0 A1,1 0 1,0 -1,0 Z", "#bc6c00"),
    "jax": ("JAX", "M0,-1.2 L1.2,0 L0,1.2 L-1.2,0 Z", "#8250df"),
    "torch": ("PyTorch as installed", "M0,-1.1 L1.1,0.9 L-1.1,0.9 Z", "#cf222e"),
}
WIDTH, PLOT, TOP, LEFT, GAP = 880, 190, 40, 30, 28
STYLE = """
  text { font: 11px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #6e7781 }
  .title { font-size: 13px; font-weight: 600 }
  .value { font-weight: 600; text-anchor: middle }
  .grid { stroke: #8c959f; stroke-opacity: .25 }
  .one { stroke: #8c959f; stroke-dasharray: 4 3 }
  .bar { fill: #2f81f7 }
  .mark { stroke: #ffffff; stroke-opacity: .7; stroke-width: .3 }
  @media (prefers-color-scheme: light) { text { fill: #424a53 } .bar { fill: #0969da } }
  @media (prefers-color-scheme: dark) { text { fill: #b1bac4 } .mark { stroke: #0d1117 } }
"""


def speedups(found, mode, cores):
    """{configuration: {peer: times faster than the reference}}; of pno the better of threads and ranks."""
    key, out = "over_" + found["reference"].replace("-", "_"), {}
    for r in found["results"]:
        if (r["mode"], r["cores"]) == (mode, cores) and key in r and "error" not in r:
            row = out.setdefault(r["config"], {})
            row[r["peer"]] = max(row.get(r["peer"], 0), r[key])
    return out


def ticks_of(most):
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100) if most / s <= 6)
    return [step * i for i in range(math.ceil(most / step) + 1)]


def panel(title, rows, x, width, ticks):
    def y(value):
        return TOP + PLOT * (1 - value / ticks[-1])

    yield f'<text class="title" x="{x}" y="{TOP - 20}">{escape(title)}</text>'
    for t in ticks:
        yield f'<line class="grid" x1="{x}" x2="{x + width}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        yield f'<text x="{x - 5}" y="{y(t) + 4:.1f}" text-anchor="end">{t:g}</text>'
    slot = width / max(1, len(rows))
    for i, (config, row) in enumerate(rows.items()):
        middle, half = x + slot * (i + 0.5), min(slot * 0.36, 16)
        yield f'<text x="{middle:.1f}" y="{TOP + PLOT + 16}" text-anchor="middle">{escape(config)}</text>'
        if "pno" in row:
            at = y(row["pno"])
            yield (f'<rect class="bar" x="{middle - half:.1f}" y="{at:.1f}" width="{2 * half:.1f}" '
                   f'height="{TOP + PLOT - at:.1f}" rx="1.5"><title>pno {row["pno"]:.2f}</title></rect>')
            highest = max(row.get(peer, 0) for peer in ("pno", *MARKS))
            yield f'<text class="value" x="{middle:.1f}" y="{y(highest) - 6:.1f}">{row["pno"]:.1f}</text>'
        for place, peer in enumerate(MARKS):
            if peer in row:
                yield mark(peer, middle + 8 * (place - 1), y(row[peer]), f"{MARKS[peer][0]} {row[peer]:.2f}")
    yield f'<line class="one" x1="{x}" x2="{x + width}" y1="{y(1):.1f}" y2="{y(1):.1f}"/>'


def mark(peer, x, y, title=""):
    _, outline, colour = MARKS[peer]
    return (f'<path class="mark" fill="{colour}" d="{outline}" transform="translate({x:.1f},{y:.1f}) scale(4)">'
            f'<title>{escape(title)}</title></path>')


def legend(y):
    x = LEFT
    yield f'<rect class="bar" x="{x}" y="{y - 9}" width="10" height="10" rx="1.5"/><text x="{x + 16}" y="{y}">pno</text>'
    x += 60
    for peer, (name, _, _) in MARKS.items():
        yield mark(peer, x, y - 4) + f'<text x="{x + 10}" y="{y}">{escape(name)}</text>'
        x += 34 + 6.3 * len(name)
    yield f'<line class="one" x1="{x}" x2="{x + 22}" y1="{y - 4}" y2="{y - 4}"/><text x="{x + 28}" y="{y}">tuned PyTorch = 1</text>'


def caption(found):
    torch = next((r["what"].split(",")[0] for r in found["results"] if r["peer"] == found["reference"] and r["what"]), "")
    m = found["machine"]
    return (f"Times faster than {torch}, tuned; medians of {found['repeats']} alternating steps.",
            f"{m['processor']}, {m['cores']} cores, {m['date'][:10]}, revision {m['revision']}.")


def chart(found):
    rows = [speedups(found, mode, cores) for mode, cores, _ in PANELS]
    shown = [(title, r) for (_, _, title), r in zip(PANELS, rows) if r]
    ticks = ticks_of(1.08 * max([1] + [v for r in rows for c in r.values() for p, v in c.items() if p in ("pno", *MARKS)]))
    width = (WIDTH - LEFT - GAP * (len(shown) - 1)) / max(1, len(shown)) - 4
    height = TOP + PLOT + 88
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           f'role="img" aria-label={quoteattr(caption(found)[0])}>')
    yield f"<style>{STYLE}</style>"
    for i, (title, r) in enumerate(shown):
        yield from panel(title, r, round(LEFT + i * (width + GAP), 1), round(width, 1), ticks)
    yield from legend(TOP + PLOT + 42)
    for i, line in enumerate(caption(found)):
        yield f'<text x="{LEFT}" y="{TOP + PLOT + 64 + 16 * i}">{escape(line)}</text>'
    yield "</svg>"


def main():
    if len(sys.argv) != 2:
        sys.exit("chart.py JSON > chart.svg")
    with open(sys.argv[1], encoding="utf-8") as f:
        print("\n".join(chart(json.load(f))))


if __name__ == "__main__":
    main()
