"""Speed of POD's trunk: training beside transformers' Trainer, and its search in a tree of items beside a free search.

    python benchmarks/t5_speed.py [--width 128] [--layers 2] [--batches 40] [--users 200] [--items 12000]

A T5 from scratch on a CPU with one thread. Histories are made up, 20 random items of 12,000 for each user. Both
trainers get the same batches, weights and optimizer; both searches the same trained weights and encoder outputs, and 20
beams.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from llmrec_bench_plugins.blocks.item_search import best_items
from llmrec_bench_plugins.blocks.item_trie import item_trie
from llmrec_bench_plugins.blocks.prompted_t5 import PromptedT5, TextBatch
from llmrec_bench_plugins.blocks.small_t5 import small_t5, word_tokenizer
from llmrec_bench_plugins.blocks.text_to_text_training import TextToTextOptions, train_text_to_text
from llmrec_bench_plugins.rdrec.id_tokens import IdTokenizer, padded
from llmrec_bench_plugins.rdrec.templates import SEQUENTIAL, number

BATCH_SIZE, HISTORY_LENGTH, BEAMS, LONGEST = 64, 20, 20, 50
LEARNING_RATE = 3e-3


class ForTrainer(nn.Module):
    """The model as Trainer calls it."""

    def __init__(self, model: PromptedT5) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, words: Tensor, mask: Tensor, tasks: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss of a batch."""
        return {"loss": self.model.loss(TextBatch(tokens, words, mask, tasks), labels)}


def texts_of(ids: IdTokenizer, n_texts: int, n_items: int, rng: np.random.Generator) -> TextBatch:
    """Users with random histories, in the bare wording."""
    drawn = rng.integers(n_items, size=(n_texts, HISTORY_LENGTH)).tolist()
    parts = ids.encode([SEQUENTIAL.bare(user, items) for user, items in enumerate(drawn)])
    return TextBatch(*map(torch.from_numpy, parts), torch.zeros(n_texts, dtype=torch.int64))


def labels_of(ids: IdTokenizer, n_texts: int, n_items: int, rng: np.random.Generator) -> Tensor:
    """Random items."""
    rows = ids.targets([number(item) for item in rng.integers(n_items, size=n_texts).tolist()])
    return torch.from_numpy(padded(rows, -100))


def seconds_of_trainer(model: PromptedT5, batches: Sequence[tuple[TextBatch, Tensor]]) -> float:
    """Of one epoch, without setting up."""
    rows: Any = [vars(batch) | {"labels": labels} for batch, labels in batches]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=1,  # what is a row to Trainer is a batch
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            remove_unused_columns=False,
        )
        trainer = Trainer(ForTrainer(model), arguments, train_dataset=rows, data_collator=lambda some: some[0])
        return float(trainer.train().metrics["train_runtime"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--items", type=int, default=12_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    ids = IdTokenizer(word_tokenizer([], digits=2), whole_words=512)
    trunk = small_t5(len(ids.tokenizer), options.width, options.layers, 4, 4 * options.width, 0.1)
    model = PromptedT5(trunk, 1, 3, 512)
    batches = [
        (texts_of(ids, BATCH_SIZE, options.items, rng), labels_of(ids, BATCH_SIZE, options.items, rng))
        for _ in range(options.batches)
    ]
    tokens = sum(int(batch.mask.sum()) + int((labels >= 0).sum()) for batch, labels in batches)
    size = sum(weight.numel() for weight in model.parameters())
    print(f"T5 from scratch, {size:,} parameters, one thread, torch {torch.__version__}", end=", ")
    print(f"transformers {transformers.__version__}")

    twin = copy.deepcopy(model)
    training = TextToTextOptions(1, LEARNING_RATE, 0.01, None, "consecutive", "tokens", None, None)
    begin = time.perf_counter()
    train_text_to_text(model, lambda: batches, len(batches), [], training, lambda line: None)
    ours = time.perf_counter() - begin
    theirs = seconds_of_trainer(twin, batches)
    print(f"training  {options.batches} batches of {BATCH_SIZE} texts, {tokens:,} tokens")
    print(f"  ours     {ours:6.1f} s  {tokens / ours:8,.0f} tokens a second")
    print(f"  Trainer  {theirs:6.1f} s  {tokens / theirs:8,.0f} tokens a second   Trainer/ours {theirs / ours:.2f}")

    asked = texts_of(ids, options.users, options.items, rng)
    trie = item_trie(ids.targets([number(item) for item in range(options.items)]))
    tree, free = 0.0, 0.0
    named = 0
    with torch.inference_mode():
        for rows in torch.arange(options.users).split(BATCH_SIZE):
            encoded = model.encode(TextBatch(*(part[rows] for part in vars(asked).values())))
            begin = time.perf_counter()
            items, _ = best_items(model, encoded, trie, BEAMS)
            tree += time.perf_counter() - begin
            assert bool((items >= 0).all())
            begin = time.perf_counter()
            written, _ = model.generate(encoded, BEAMS, BEAMS, LONGEST)
            free += time.perf_counter() - begin
            texts = ids.tokenizer.batch_decode(written.flatten(0, 1), skip_special_tokens=True)
            named += sum(text.isdigit() and 0 < int(text) <= options.items for text in texts)
    print(f"searching  {options.users} users, {options.items:,} items, {BEAMS} beams")
    print(f"  tree     {tree:6.1f} s, every text an item")
    share = named / (options.users * BEAMS)
    print(f"  free     {free:6.1f} s, {share:.1%} of the texts an item   free/tree {free / tree:.2f}")


if __name__ == "__main__":
    main()
