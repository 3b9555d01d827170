"""A chart of a measurement as SVG: how much of the memory's ceiling every operation reaches, against the columns; a panel per type."""
import math

from measurements import share_of_ceiling, title
from table import rows_of

COLOURS = ["#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#000000", "#8c564b"]
WIDTH, HEIGHT, LEFT, TOP, GAP, BOTTOM = 330, 270, 56, 64, 24, 94  # of a panel; around them


def points(measurements, operation, dtype):
    found, on_gpu = {}, "gpu" in measurements["machine"]
    for row in rows_of(measurements, "smx"):
        if (row["operation"], row["dtype"]) != (operation, dtype):
            continue
        if on_gpu and (row["bytes"] < 64 << 20 or row["inner"] > 1):  # few rows have no place on an axis of columns
            continue
        share = share_of_ceiling(measurements, row)
        if share is not None:
            found[row["cols"]] = 100 * share
    return sorted(found.items())


def text(x, y, what, anchor="middle", size=12, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {extra}>{what}</text>'


def line(x1, y1, x2, y2, colour, width=1.0):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def escaped(what):
    return what.replace("&", "&amp;").replace("<", "&lt;")


def panel(left, dtype, curves, columns, highest, first):
    """Axes and lines of one type. `columns`: the range of the x axis; `first`: with the numbers of the y axis."""
    low, high = (math.log10(c) for c in columns)

    def at(cols, share):
        return left + (math.log10(cols) - low) / (high - low) * WIDTH, TOP + (1 - share / highest) * HEIGHT

    parts = [text(left + WIDTH / 2, TOP - 10, dtype, size=14, extra='font-weight="bold"')]
    for share in range(0, highest + 1, 20):
        y = at(columns[0], share)[1]
        parts.append(line(left, y, left + WIDTH, y, "#555555" if share in (0, 100) else "#dddddd"))
        if first:
            parts.append(text(left - 6, y + 4, f"{share} %", "end"))
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = at(10**power, 0)[0]
        parts += [line(x, TOP, x, TOP + HEIGHT, "#dddddd"), text(x, TOP + HEIGHT + 18, f"{10**power:,}".replace(",", " "))]
    parts.append(text(left + WIDTH / 2, TOP + HEIGHT + 36, "columns"))
    for colour, curve in curves:
        placed = [at(cols, share) for cols, share in curve]
        if len(placed) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
    return parts


def svg(measurements):
    rows = rows_of(measurements, "smx")
    operations = list(dict.fromkeys(row["operation"] for row in rows))
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    curves = {dtype: [(COLOURS[i % len(COLOURS)], points(measurements, operation, dtype)) for i, operation in enumerate(operations)]
              for dtype in dtypes}
    drawn = [point for panels in curves.values() for _, curve in panels for point in curve]
    if not drawn:
        return None
    highest = 20 * math.ceil(max(100, max(share for _, share in drawn)) / 20)
    columns = (min(cols for cols, _ in drawn) / 1.3, max(cols for cols, _ in drawn) * 1.3)

    width, height = LEFT + len(dtypes) * (WIDTH + GAP), TOP + HEIGHT + BOTTOM
    heading = (f"Share of the memory's ceiling: {escaped(title(measurements))}, "
               f"commit {escaped(measurements['commit'])}, {measurements['date'][:10]}")
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" fill="#222222">', f"<title>{heading}</title>",
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>', text(LEFT, 24, heading, "start", 15)]
    for i, dtype in enumerate(dtypes):
        parts += panel(LEFT + i * (WIDTH + GAP), dtype, curves[dtype], columns, highest, i == 0)
    step = (width - LEFT) / 4
    for i, operation in enumerate(operations):
        x, y = LEFT + i % 4 * step, height - 34 + i // 4 * 18
        parts += [line(x, y - 4, x + 22, y - 4, COLOURS[i % len(COLOURS)], 3), text(x + 28, y, operation, "start")]
    return "\n".join(parts + ["</svg>"]) + "\n"
