"""Arithmetic on character ranges: (start, end) in code points, end exclusive."""


def merged(ranges):
    """The same characters as ascending ranges that do not touch."""
    result = []
    for start, end in sorted(r[:2] for r in ranges):
        if result and start <= result[-1][1]:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([start, end])
    return [tuple(r) for r in result]


def covers(ranges, start, end):
    """Whether every character of start..end lies in `ranges`."""
    return any(s <= start and end <= e for s, e in merged(ranges))


def touches(ranges, start, end):
    """Whether any character of start..end lies in `ranges`."""
    return any(r[0] < end and start < r[1] for r in ranges)


def size(ranges):
    """How many characters the ranges hold."""
    return sum(end - start for start, end in merged(ranges))


def without(ranges, holes):
    """`ranges` less the characters of `holes`."""
    result = []
    holes = merged(holes)
    for start, end in merged(ranges):
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                result.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            result.append((start, end))
    return result
