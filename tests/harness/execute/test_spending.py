"""Runs with a budget: they stop before it, keep what they paid for, and go on where they stopped."""

import pytest

BOUND = (61 + 32) * 0.001 + 10 * 0.01
"""USD that one note may cost: a prompt of 61 bytes, some overhead, an answer of 10 tokens."""


def paid(office) -> float:
    """USD for the answers that are recorded; all the clerk's calls are."""
    return sum(0.05 + 0.001 * {"note": 16, "greeting": 9, "next": 11}[call.split()[0]] for call in office.calls())


def test_a_run_stops_before_it_passes_its_budget_and_goes_on_later(office, finished, clerk_suite):
    suite = office.write(clerk_suite)
    run = office.bench("run", suite, "--budget", "1usd")
    assert run.returncode == 1
    assert "Traceback" not in run.stderr + run.stdout
    spent = paid(office)
    assert 1 - BOUND < spent <= 1
    assert f"Spent on language models in this run: {spent:.4f} USD." in run.stdout
    assert "Stopped before passing the budget of 1 USD; the answers so far are recorded: run again" in run.stdout
    assert "left for another run in stage notes (BudgetReached: the budget of 1 USD: " in run.stderr
    assert {key for key, record in office.records().items() if record["status"] == "finished"} >= {
        ("popularity", 1),
        ("popularity", 2),
    }
    assert {record["status"] for record in office.records().values()} == {"finished"}
    assert run.stdout.count("not run: lane ") == 8 - len(office.records())
    assert office.artifacts() == []
    asked = office.calls()
    again = office.bench("run", suite, "--budget", "5usd")
    assert again.returncode == 0, again.stderr
    assert "Stopped" not in again.stdout
    assert office.calls()[: len(asked)] == asked
    assert sorted(office.calls()) == sorted(finished.calls())
    assert f"{paid(office) - spent:.4f} USD" in again.stdout
    assert office.metrics() == finished.metrics()
    [notes] = office.manifest("notes")["spending"]
    assert 0 < notes["recorded_calls"] < notes["calls"] == len(office.calls("note"))
    assert notes["billed_usd"] == pytest.approx(sum(0.05 + 0.016 for _ in office.calls("note")))
    assert not list(office.results.glob("artifacts/.bills-*"))
    idle = office.bench("run", suite, "--budget", "0usd")
    assert idle.returncode == 0
    assert "Spent on language models in this run: 0.0000 USD." in idle.stdout


def test_the_processes_of_a_run_share_its_budget(office, clerk_suite):
    run = office.apart("run", office.write(clerk_suite), "--budget", "0.9 USD", "--workers", "2")
    assert run.returncode == 1, run.stderr
    assert 0 < paid(office) <= 0.9
    assert f"Spent on language models in this run: {paid(office):.4f} USD." in run.stdout
    assert {record["status"] for record in office.records().values()} == {"finished"}


def test_a_failure_of_before_is_not_told_again_when_the_budget_stops_it(office, clerk_suite):
    suite = office.write(clerk_suite)
    assert office.bench("run", suite, "--only", "skimmer", CLERK_STAGE="raise notes").returncode == 1
    run = office.bench("run", suite, "--only", "skimmer", "--budget", "0.1usd")
    assert run.returncode == 1
    assert "left for another run" in run.stderr
    assert office.calls() == []


@pytest.mark.parametrize("amount", ["5", "5eur", "usd", "-1usd", "1e9usd", "nanusd", "infusd"])
def test_what_is_no_amount_is_refused(office, clerk_suite, amount):
    run = office.bench("run", office.write(clerk_suite), f"--budget={amount}")
    assert run.returncode == 2
    assert f"'{amount}' is not an amount such as 5usd or 0.5usd" in " ".join(run.stderr.split())
    assert office.calls() == []


def test_models_that_a_budget_cannot_bound_are_refused_together_before_anything_runs(office, clerk_suite):
    text = clerk_suite.replace(
        "skimmer: {config: {notes: {writer: {provider: clerk, model: quill",
        "skimmer: {config: {notes: {writer: {provider: clerk, model: goose",
    )
    asker = "  asker: {config: {writer: {provider: clerk, model: quill"
    text = text.replace(asker + ", max_tokens: 10", asker)
    free = "  free: {method: asker, config: {writer: {provider: volunteer, model: any}}}\n"
    suite = office.write(text.replace("seeds:", free + "seeds:"))
    run = office.bench("run", suite, "--budget", "5usd")
    assert run.returncode == 2
    one, two = run.stderr.splitlines()
    assert one.startswith("bench: lane stage notes ")
    assert one.endswith(": --budget: no price is known for 'goose'; give one in a file named by llm.prices")
    assert two == (
        "bench: lane asker, 2 seeds: --budget: the answers of 'quill' have no greatest length; set its max_tokens"
    )
    assert office.records() == {}
    assert office.calls() == []
    assert office.bench("run", suite, "--budget", "5usd", "--only", "free").returncode == 0


def test_prices_that_cannot_be_read_are_one_line(office, clerk_suite):
    suite = office.write(clerk_suite)
    (office.folder / "prices.yaml").write_text(
        "- {model: quill, date: 2024-01-01, prompt: -1, completion: 1, source: x}"
    )
    run = office.bench("run", suite)
    assert run.returncode == 2
    [line] = run.stderr.splitlines()
    assert line.startswith(f"bench: {office.folder / 'prices.yaml'}: entry 1 (quill): prompt should be greater than")
