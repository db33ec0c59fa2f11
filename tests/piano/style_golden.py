# SPDX-License-Identifier: MIT
"""The values that style.cpp expects: features, overlap and divergence, computed with numpy from their definitions.

Usage: style_golden.py; prints the table in style.cpp. Nothing is shared with the program but
the random numbers, a linear congruence, and the bounds of the classes of durations.
"""

import numpy as np

BOUNDS = [0.03, 0.05, 0.08, 0.125, 0.2, 0.3, 0.5, 0.8, 1.25, 2.0, 5.0]


def performance(seed, count, unit):
    """Notes as (start, end, pitch, velocity), sorted by onset, then pitch."""
    state = seed

    def below(n):
        nonlocal state
        state = (state * 1103515245 + 12345) % 2**31
        return (state >> 8) % n

    now, notes = 0.0, []
    for _ in range(count):
        now += below(8) * unit
        length = 0.1013 + below(20) * 0.0717
        pitch = 40 + below(40)
        notes.append((now, now + length, pitch, 20 + below(90)))
    return sorted(notes, key=lambda n: (n[0], n[2]))


def windows(notes, seconds):
    first = notes[0][0]
    of = [int((n[0] - first) // seconds) for n in notes]
    cut = [[n for n, w in zip(notes, of) if w == k] for k in sorted(set(of))]
    left = max(n[1] for n in notes) - (first + of[-1] * seconds)
    lengths = [seconds] * (len(cut) - 1) + [min(seconds, left)]
    return list(zip(cut, lengths))[: len(cut) - (left < seconds / 2)]


def entropy(counts):
    p = np.array(counts, float) / np.sum(counts)
    return float(-sum(x * np.log2(x) for x in p if x > 0))


def bars(notes, per_window):
    """Mean entropy of the pitch classes in so many consecutive bars of 2 s."""
    index = [int((n[0] - notes[0][0]) // 2) for n in notes]
    last = max(index)
    found = []
    for b in range(max(1, last + 2 - per_window)):
        inside = [n[2] % 12 for n, i in zip(notes, index) if b <= i < b + per_window]
        if inside:
            found.append(entropy(np.bincount(inside, minlength=12)))
    return np.mean(found)


def groove(notes):
    first = notes[0][0]
    bars = int((notes[-1][0] - first) // 2) + 1
    grid = np.zeros((bars, 64), bool)
    for n in notes:
        b = int((n[0] - first) // 2)
        grid[b, int((n[0] - (first + 2 * b)) / 2 * 64)] = True
    pairs = [1 - np.mean(grid[a] ^ grid[b]) for a in range(bars) for b in range(a + 1, bars)]
    return np.mean(pairs) if pairs else 1.0


def features(window):
    notes, seconds = window
    start, end, pitch, velocity = (np.array(c, float) for c in zip(*notes))
    pitch = pitch.astype(int)
    length = end - start
    kind = np.searchsorted(BOUNDS, length, side="right")
    # Covered time: on a grid of moments between all starts and ends.
    edges = np.unique(np.concatenate([start, end]))
    middle = (edges[1:] + edges[:-1]) / 2
    active = ((start[None] <= middle[:, None]) & (middle[:, None] < end[None])).sum(1)
    width = np.diff(edges)
    onsets = [start[0]]
    for s in start:
        if s - onsets[-1] > 0.035:
            onsets.append(s)
    gaps = np.diff(onsets)

    def matrix(a):
        m = np.zeros((12, 12))
        for x, y in zip(a[:-1], a[1:]):
            m[x, y] += 1 / (len(a) - 1)
        return m.ravel()

    return {
        "notes_per_second": len(notes) / seconds,
        "polyphony": (active * width).sum() / width[active > 0].sum(),
        "velocity": velocity.mean(),
        "velocity_std": velocity.std(),
        "duration": length.mean(),
        "durations": np.bincount(kind, minlength=12) / len(notes),
        "duration_transitions": matrix(kind),
        "onset_interval": gaps.mean(),
        "onset_intervals": np.bincount(np.searchsorted(BOUNDS, gaps, side="right"), minlength=12) / len(gaps),
        "pitch_count": len(set(pitch)),
        "pitch_range": pitch.max() - pitch.min(),
        "pitch_step": np.abs(np.diff(pitch)).mean(),
        "pitch_classes": np.bincount(pitch % 12, minlength=12) / len(notes),
        "pitch_class_transitions": matrix(pitch % 12),
        "bar_entropy": bars(notes, 1),
        "four_bar_entropy": bars(notes, 4),
        "groove_similarity": groove(notes),
    }


def density(samples, width, t):
    return np.exp(-0.5 * ((t[:, None] - samples[None]) / width) ** 2).mean(1) / (width * np.sqrt(2 * np.pi))


def compare(within, between):
    within, between = np.array(within), np.array(between)
    low, high = min(within.min(), between.min()), max(within.max(), between.max())
    least = 0.01 * (high - low)
    w, v = (max(least, s.std(ddof=1) * len(s) ** -0.2) for s in (within, between))
    t = np.linspace(low - 8 * max(w, v), high + 8 * max(w, v), 4001)
    p, q = density(within, w, t), density(between, v, t)
    dt = t[1] - t[0]
    kl = np.where(p > 0, p * np.log(np.maximum(p, 1e-320) / np.maximum(q, 1e-300)), 0)
    return np.minimum(p, q).sum() * dt, kl.sum() * dt


def main():
    def described(seeds, unit):
        return [features(w) for s in seeds for w in windows(performance(s, 150, unit), 10.0)]

    style, outputs = described([1, 2, 3], 0.0507), described([11, 12], 0.0811)
    print(f"// {len(style)} windows of style, {len(outputs)} of outputs")
    for name in style[0]:
        a, b = ([np.atleast_1d(f[name]) for f in s] for s in (outputs, style))
        within = [np.linalg.norm(b[i] - b[j]) for i in range(len(b)) for j in range(i + 1, len(b))]
        between = [np.linalg.norm(x - y) for x in a for y in b]
        overlap, kl = compare(within, between)
        mean = f"{np.mean([x[0] for x in a]):.6f}, {np.mean([x[0] for x in b]):.6f}"
        print(f'    {{"{name}", {overlap:.4f}, {kl:.4f}, {mean}}},')


if __name__ == "__main__":
    main()
