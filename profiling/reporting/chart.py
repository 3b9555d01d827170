"""A chart of a measurement as SVG, against the columns, a panel per type: above, how much of the memory's ceiling every operation
reaches; below, how many times faster than the best peer it is."""
import math

from measurements import share_of_ceiling, title
from table import best_peer, rows_of

COLOURS = ["#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#000000", "#8c564b"]
WIDTH, HEIGHT, LEFT, TOP, GAP, BETWEEN, LEGEND = 330, 270, 56, 64, 24, 108, 60  # of a panel; around panels; between the two rows of them


class Shares:
    """The upper panels' axis: per cent."""
    heading = "Share of the memory's ceiling"
    marked = (0, 100)

    @staticmethod
    def of(measurements, row):
        share = share_of_ceiling(measurements, row)
        return None if share is None else 100 * share

    def __init__(self, drawn):
        self.highest = 20 * math.ceil(max(100, *drawn) / 20)
        self.ticks = [(share, f"{share} %") for share in range(0, self.highest + 1, 20)]

    def height_of(self, share):
        return share / self.highest


class Ratios:
    """The lower panels' axis: powers of two."""
    heading = "The best peer's time / smx's"
    marked = (1,)

    @staticmethod
    def of(measurements, row):
        return best_peer(measurements, row)[1]

    def __init__(self, drawn):
        self.low, self.high = math.floor(math.log2(min(1, *drawn))), math.ceil(math.log2(max(2, *drawn)))
        self.ticks = [(2.0**power, f"{2.0**power:g}") for power in range(self.low, self.high + 1)]

    def height_of(self, ratio):
        return (math.log2(ratio) - self.low) / (self.high - self.low)


def points(measurements, axis, operation, dtype):
    found, on_gpu = {}, "gpu" in measurements["machine"]
    for row in rows_of(measurements, "smx"):
        if (row["operation"], row["dtype"]) != (operation, dtype):
            continue
        if on_gpu and (row["bytes"] < 64 << 20 or row["inner"] > 1):  # few rows have no place on an axis of columns
            continue
        value = axis.of(measurements, row)
        if value is not None:
            found.setdefault(row["cols"], value)
    return sorted(found.items())


def text(x, y, what, anchor="middle", size=12, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {extra}>{what}</text>'


def line(x1, y1, x2, y2, colour, width=1.0, extra=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}" {extra}/>'


def escaped(what):
    return what.replace("&", "&amp;").replace("<", "&lt;")


def panel(left, top, dtype, curves, columns, axis, first):
    """Axes and lines of one type. `columns`: the range of the x axis; `first`: with the numbers of the y axis."""
    low, high = (math.log10(c) for c in columns)

    def at(cols, value):
        return left + (math.log10(cols) - low) / (high - low) * WIDTH, top + (1 - axis.height_of(value)) * HEIGHT

    parts = [text(left + WIDTH / 2, top - 10, dtype, size=14, extra='font-weight="bold"')]
    for value, label in axis.ticks:
        y = at(columns[0], value)[1]
        parts.append(line(left, y, left + WIDTH, y, "#555555" if value in axis.marked else "#dddddd"))
        if first:
            parts.append(text(left - 6, y + 4, label, "end"))
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = at(10**power, 1)[0]
        parts += [line(x, top, x, top + HEIGHT, "#dddddd"), text(x, top + HEIGHT + 18, f"{10**power:,}".replace(",", " "))]
    parts.append(text(left + WIDTH / 2, top + HEIGHT + 36, "columns"))
    for (colour, dashes), curve in curves:
        placed = [at(cols, value) for cols, value in curve]
        if len(placed) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" {dashes}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
    return parts


def svg(measurements):
    rows = rows_of(measurements, "smx")
    operations = list(dict.fromkeys(row["operation"] for row in rows))
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    styles = {operation: (COLOURS[i % len(COLOURS)], "" if i < len(COLOURS) else 'stroke-dasharray="5 3"')
              for i, operation in enumerate(operations)}
    bands = []  # (axis, curves by type) of the rows of panels that have something to show
    for kind in (Shares, Ratios):
        curves = {dtype: [(styles[operation], points(measurements, kind, operation, dtype)) for operation in operations]
                  for dtype in dtypes}
        drawn = [value for panels in curves.values() for _, curve in panels for _, value in curve]
        if drawn:
            bands.append((kind(drawn), curves))
    if not bands:
        return None
    cols = [at for _, curves in bands for panels in curves.values() for _, curve in panels for at, _ in curve]
    columns = (min(cols) / 1.3, max(cols) * 1.3)

    width = LEFT + len(dtypes) * (WIDTH + GAP)
    legend = TOP + len(bands) * HEIGHT + (len(bands) - 1) * BETWEEN + LEGEND
    height = legend + -(-len(operations) // 4) * 18
    heading = f"{escaped(title(measurements))}, commit {escaped(measurements['commit'])}, {measurements['date'][:10]}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
             'font-family="sans-serif" fill="#222222">', f"<title>{heading}</title>",
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for band, (axis, curves) in enumerate(bands):
        top = TOP + band * (HEIGHT + BETWEEN)
        parts.append(text(LEFT, top - 40, f"{axis.heading}: {heading}" if band == 0 else axis.heading, "start", 15))
        for i, dtype in enumerate(dtypes):
            parts += panel(LEFT + i * (WIDTH + GAP), top, dtype, curves[dtype], columns, axis, i == 0)
    step = (width - LEFT) / 4
    for i, operation in enumerate(operations):
        x, y = LEFT + i % 4 * step, legend + i // 4 * 18
        parts += [line(x, y - 4, x + 22, y - 4, styles[operation][0], 3, styles[operation][1]), text(x + 28, y, operation, "start")]
    return "\n".join(parts + ["</svg>"]) + "\n"
