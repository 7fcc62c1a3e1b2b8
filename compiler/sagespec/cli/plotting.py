"""Draw metrics as a picture; the only module that imports matplotlib."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from sagespec.executor.metrics import Series


def draw(series: Series, title: str, form: str) -> bytes:
    """Draw one panel for each metric over the steps.

    `form` is pdf, png or svg. Returns the file's content.
    """
    figure = Figure(figsize=(8, 2.2 * len(series.metrics) + 0.6), layout="constrained")
    figure.suptitle(title, parse_math=False)
    panels = figure.subplots(len(series.metrics), 1, sharex=True, squeeze=False)
    for (panel,), metric in zip(panels, series.metrics, strict=True):
        points = [(step, values[metric]) for step, values in series.rows.items() if metric in values]
        panel.plot([step for step, _ in points], [value for _, value in points], marker=".")
        panel.set_ylabel(metric)
        panel.grid(alpha=0.3)
    panels[-1][0].set_xlabel("step")
    picture = io.BytesIO()
    figure.savefig(picture, format=form)
    return picture.getvalue()
