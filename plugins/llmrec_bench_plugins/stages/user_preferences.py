"""KAR's preference reasoning: a language model explains what a user likes, as to the factors that decide interest."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from llmrec_bench import Prompt, PromptFile
from llmrec_bench_plugins.stages.answers_about_users import AnswersAboutUsers
from llmrec_bench_plugins.stages.scenario_factors import FactorsName, factors, factors_file
from llmrec_bench_plugins.stages.wording import preference_prompt, wording


class UserPreferences(AnswersAboutUsers):
    """A language model analyses a user's preferences on given factors, from the titles of the history (KAR).

    KAR shows the first half of a history, at most 15 or 30 items, with their ratings, and takes no sample from that
    half: here the cut-off `first_half`, without ratings. With `earliest` the latest items before all that a text serves
    are shown. Knowledge comes before what it helps to find either way.
    """

    name: ClassVar[str] = "user-preferences"
    version: ClassVar[str] = "1"
    wanted: ClassVar[str] = "text on their preferences"

    kind: Literal["preferences"] = "preferences"
    """What a language model says of the user's preferences."""
    factors: FactorsName | None = None
    """What the preferences are about: `films`, `games`, `shop`, or the path of a text file like theirs; null: `films`
    for movies, `shop` for products."""

    def prompt_files(self) -> Sequence[PromptFile]:
        """The wording that the domain chooses, and the factors."""
        return [wording("preference", self.domain), factors_file(self.factors, self.domain)]

    def identity(self) -> dict[str, Any]:
        """What the factors say, which is among the wordings, and not where they stand."""
        return {option: value for option, value in super().identity().items() if option != "factors"}

    def prompt(self, items: Sequence[str], titles: Sequence[str]) -> Prompt:
        """KAR's request."""
        about = factors(factors_file(self.factors, self.domain), "preference")
        return preference_prompt(self.domain, items, titles, about, self.products)
