"""Explanations as texts that a model writes about pairs of a user and an item."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from llmrec_bench import Config
from llmrec_bench_plugins.rdrec.item_ranking import ItemWriter


class ExplanationSearch(Config):
    """How explanations are searched for: by diverse beam search (Vijayakumar et al., AAAI 2018). POD's and RDRec's code
    has 21 beams in 3 groups, and a penalty of 0, so that its groups all write the same."""

    beams: int = Field(default=21, ge=1)
    """Texts pursued at once."""
    groups: int = Field(default=3, ge=1)
    """Groups among them; divides `beams`."""
    penalty: float = Field(default=0.5, ge=0)
    """What a token loses for each beam of an earlier group that writes it at the same step. The best text of all groups
    is kept, whatever the group."""
    shortest: int = Field(default=10, ge=0)
    """Tokens of a text, without its end, at least."""
    longest: int = Field(default=20, ge=1)
    """Tokens of a text, its end included, at most; more are not learned with `text_tokens: 20`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.beams % self.groups:
            raise ValueError(f"beams {self.beams} is no multiple of groups {self.groups}")
        if self.shortest > self.longest:
            raise ValueError(f"shortest {self.shortest} is above longest {self.longest}")
        return self


def written_explanations(
    writer: ItemWriter, prompts: Sequence[str], options: ExplanationSearch, at_once: int
) -> list[str]:
    """The best text for each prompt of the task explanation. A text holds no special token and no unknown word."""
    import torch

    from llmrec_bench_plugins.blocks.text_search import TextSearch, best_texts

    search = TextSearch(options.beams, options.groups, options.penalty, options.shortest, options.longest)
    ids, texts = writer.ids, []
    # Weights may have vectors for more tokens than the tokenizer has, as T5's do.
    banned = torch.ones(writer.model.t5.config.vocab_size, dtype=torch.bool)
    banned[: len(ids.wordless)] = torch.from_numpy(ids.wordless)
    with torch.inference_mode():
        for start in range(0, len(prompts), at_once):
            block = prompts[start : start + at_once]
            encoded = writer.model.encode(writer.batch(block, ["explanation"] * len(block)))
            tokens, _ = best_texts(writer.model, encoded, search, banned.to(writer.device))
            texts += ids.tokenizer.batch_decode(tokens[:, 0], skip_special_tokens=True)
    return [text.strip() for text in texts]
