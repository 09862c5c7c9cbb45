"""National numbers: those with right check digits covered whole, those with wrong ones left alone."""

from collections import defaultdict

import ranges


def measure(right, right_found, wrong, wrong_found):
    numbers, misses = defaultdict(lambda: [0, 0, 0, 0]), []
    for samples, found, at in ((right, right_found, 0), (wrong, wrong_found, 2)):
        for sample, covered in zip(samples, found):
            start, end, _ = sample.spans[0]
            good = ranges.covers(covered, start, end) if at == 0 else not ranges.touches(covered, start, end)
            numbers[sample.note][at] += good
            numbers[sample.note][at + 1] += 1
            if not good:
                classes = sorted({c for s, e, c in covered if s < end and start < e})
                misses.append({"number": sample.note, "right": at == 0, "classes": classes, "shape": sample.shape, "text": sample.text})
    result = {"numbers": dict(sorted(numbers.items())), "misses": misses}
    for group in ("covered", "others"):
        rows = [counts for note, counts in numbers.items() if note.startswith(group)]
        result[group] = [sum(column) for column in zip(*rows)]
    return result
