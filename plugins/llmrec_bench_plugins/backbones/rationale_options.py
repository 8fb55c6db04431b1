"""What SLIM adds to any backbone, as options: a text about the user and texts of the items (Eq. 6)."""

from typing import Self

from pydantic import Field, model_validator

from llmrec_bench import Config
from llmrec_bench_plugins.stages.controls import Control
from llmrec_bench_plugins.stages.text_embeddings import TextEmbeddings
from llmrec_bench_plugins.stages.text_encoders import MiniLM
from llmrec_bench_plugins.stages.user_text_embeddings import UserTextEmbeddings


class RationaleOptions(Config):
    """What SLIM adds to a backbone."""

    user_text: UserTextEmbeddings
    """What is known of a user besides the items: rationales of a teacher (SLIM-minus) or of a student (SLIM), or plain
    titles."""
    control: Control = "none"
    """`shuffled` gives each user another user's text, `random` a random vector of the same mean and spread, drawn by
    the run's seed: the same model with vectors that say nothing of the user. The paper has no such control."""
    item_text: TextEmbeddings = TextEmbeddings(encoder=MiniLM())
    """Which texts of the items, and what encodes them."""
    share_fusion: bool = True
    """Whether users and items share g_l and g_f, as Eq. 6 writes them; the paper does not say whether they do."""
    text_width: int | None = Field(None, ge=1, le=8192)
    """Size a text vector is mapped to before it meets the item's or user's own; null: `width`, as in the paper."""

    @model_validator(mode="after")
    def _one_space(self) -> Self:
        users, items = self.user_text.encoder, self.item_text.encoder
        if self.share_fusion and (users != items or users.kind == "tfidf"):
            raise ValueError(
                f"share_fusion needs one encoder for users ({users.kind}) and items ({items.kind}), and not tfidf, "
                "which gives each its own space; set it to false or choose another encoder"
            )
        return self
