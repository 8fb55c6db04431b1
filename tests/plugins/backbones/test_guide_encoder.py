"""The encoder and the settings in the guide for plugins are what the code does."""

import re
from pathlib import Path

import yaml

from llmrec_bench.search_space import declared_space
from llmrec_bench_plugins.backbones.gru4rec import GRU4Rec
from llmrec_bench_plugins.backbones.sasrec import SASRec

GUIDE = (Path(__file__).parents[3] / "plugins/README.md").read_text(encoding="utf-8")


def test_the_encoder_in_the_guide_learns_order_in_under_a_hundred_lines(make_training, make_queries, make_run):
    [code] = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL) if "my_encoder" in block]
    assert code.count("\n") < 100
    space: dict = {}
    exec(compile(code, "plugins/README.md", "exec"), space)
    [kind] = space["register_methods"]()
    rows = [[(start + step) % 10 for step in range(length)] for start in range(10) for length in (3, 5, 9)]
    train = make_training(rows, n_items=10, targets=[(row[-1] + 1) % 10 for row in rows])
    options = {
        "width": 16,
        "history_length": 6,
        "batch_size": 32,
        "learning_rate": 0.01,
        "epochs": 40,
        "patience": None,
    }
    method = kind(kind.Config(reach=2, **options))
    method.fit(train, make_run(train))
    scores = method.score(make_queries([[3, 4, 5], [8, 9], [0]]))
    assert scores.argmax(axis=1).tolist() == [6, 0, 1]


def test_the_settings_in_the_guide_are_the_methods_own():
    [suite] = [block for block in re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL) if "paper" in block]
    row = yaml.safe_load(suite)["methods"]["sasrec-paper"]
    config = SASRec.Config(**SASRec.settings[row["settings"]])
    assert row["method"] == "sasrec"
    assert (config.loss, config.blocks, config.heads, config.patience) == ("bce", 2, 1, None)
    [code] = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL) if "settings:" in block]
    assert str(GRU4Rec.settings).replace("'", '"') in code
    space = declared_space(GRU4Rec.Config)
    for option in ("hidden", "dropout"):
        assert f"{option}: Annotated[{GRU4Rec.Config.model_fields[option].annotation.__name__}, " in code
        assert re.sub(r"[a-z]+=", "", repr(space[option])).replace(", False", "") in code
