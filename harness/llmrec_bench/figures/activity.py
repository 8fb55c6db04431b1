"""A metric by how active users are."""

import numpy as np
import pandas as pd

from llmrec_bench.figures.curves import build_curves
from llmrec_bench.figures.figure import Curves, Part
from llmrec_bench.figures.scene import Scene
from llmrec_bench.suite_figures import ActivityEntry
from llmrec_bench.tables.slices import activity_groups


def build_activity(scene: Scene, entry: ActivityEntry) -> Curves:
    """The mean of the stored per-user values in each group, over seeds."""
    data = scene.prepared
    measured = [trial for trial in scene.finished if entry.metric in scene.records[trial.id].metrics]
    columns = ("user", entry.metric)
    stored = {t.id: scene.store.per_user(t.id, columns).set_index("user")[entry.metric] for t in measured}
    tokens = pd.Index(data.dataset.users.astype("str"))
    # A candidate file may ask for fewer users than the split.
    asked = tokens.get_indexer(stored[measured[0].id].index) if measured else data.split.test.users
    users = np.sort(asked)
    lengths = data.split.train.lengths[users]
    groups = activity_groups(lengths, entry.groups)
    values = {}
    for trial, of_users in stored.items():
        in_order = of_users.reindex(tokens[users])
        # A mean over the users that count, NaN where there is none.
        values[trial] = np.array([in_order.iloc[group].mean() for group in groups], dtype=np.float64)
    parts = [Part.of(f"G{number}", lengths[group]) for number, group in enumerate(groups, 1)]
    own = [
        f"{entry.metric}, the mean over each group of users. Users are sorted by training interactions, ties by user "
        "code, and cut into groups of equal size.",
        f"Training interactions: {'; '.join(part.describe('users') for part in parts)}.",
    ]
    return build_curves(scene, entry.metric, parts, values, scene.notes(own, {entry.metric}))
