"""Whether two methods differ and by how much: tests with their intervals, corrections of families, and power.

U is the number of users, S that of seeds, T that of tests, R that of random draws. Everything takes and gives plain
numbers: nothing here knows of records or tables. A test over users asks whether the difference would be found with
other users of the kind; a test over seeds, whether it would be found if the same users were served by methods trained
again. Neither answers the other's question.
"""

from llmrec_bench.stats.comparison import (
    TESTS,
    Finding,
    PairedDifference,
    SeedTest,
    UserTest,
    compare,
    paired_difference,
)
from llmrec_bench.stats.corrections import (
    CORRECTIONS,
    SIGNIFICANT,
    benjamini_hochberg,
    bonferroni,
    corrected,
    holm,
    uncorrected,
)
from llmrec_bench.stats.differences import (
    ROUNDING,
    Values,
    effect_size,
    mean_interval,
    paired_t_test,
    user_differences,
)
from llmrec_bench.stats.power import POWER, VarianceSplit, minimum_detectable_effect, variance_split
from llmrec_bench.stats.resampling import (
    bootstrap_interval,
    bootstrap_means,
    bootstrap_test,
    percentile_interval,
    percentile_p,
    randomisation_test,
    resampled_means,
)
from llmrec_bench.stats.runs import runs_interval_unpaired, runs_t_test, runs_t_test_unpaired
from llmrec_bench.stats.signed_ranks import wilcoxon

__all__ = [
    "CORRECTIONS",
    "POWER",
    "ROUNDING",
    "SIGNIFICANT",
    "TESTS",
    "Finding",
    "PairedDifference",
    "SeedTest",
    "UserTest",
    "Values",
    "VarianceSplit",
    "benjamini_hochberg",
    "bonferroni",
    "bootstrap_interval",
    "bootstrap_means",
    "bootstrap_test",
    "compare",
    "corrected",
    "effect_size",
    "holm",
    "mean_interval",
    "minimum_detectable_effect",
    "paired_difference",
    "paired_t_test",
    "percentile_interval",
    "percentile_p",
    "randomisation_test",
    "resampled_means",
    "runs_interval_unpaired",
    "runs_t_test",
    "runs_t_test_unpaired",
    "uncorrected",
    "user_differences",
    "variance_split",
    "wilcoxon",
]
