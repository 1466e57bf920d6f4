"""What `python -m benchmarks.compare` prints about two sessions, without holding them."""

from __future__ import annotations

from benchmarks.comparison import Cost, Run, Step, missed, table, verdicts


def run(side: str, *steps: Step) -> Run:
    return Run(side, connecting=Cost(0, 10, 20, 30), catalogue=Cost(0, 5, 4_000, 60), steps=list(steps))


OURS = run("we", Step("open", Cost(1, 300, 700, 50), {"seen": True}), Step("run", Cost(1, 200, 800, 50), {"ran": True}))
OTHER = run("they", Step("open", Cost(1, 400, 600, 9), {"seen": True}), Step("run", Cost(3, 500, 6_500, 9)))


def test_a_line_tells_both_sides_of_a_step_and_the_total_is_their_sum() -> None:
    lines = {line[:24].strip(): line[24:].split() for line in table(OURS, OTHER).splitlines()}
    assert lines["open"] == ["1", "1", "300", "400", "700", "600", "1,000", "1,000", "yes", "yes"]
    assert lines["run"] == ["1", "3", "200", "500", "800", "6,500", "1,000", "7,000", "yes", "yes"]
    assert lines["total"] == ["2", "4", "500", "900", "1,500", "7,100", "2,000", "8,000"]


def test_connecting_the_catalogue_and_the_heads_are_told_apart() -> None:
    told = table(OURS, OTHER)
    lines = {line[:24].strip(): line[24:].split() for line in told.splitlines()}
    assert lines["apart: connecting"][-2:] == ["30", "30"]
    assert lines["apart: tools/list"][-2:] == ["4,005", "4,005"]
    assert told.endswith("replies 100 and 18")


def test_a_target_is_met_at_its_limit_and_not_beyond() -> None:
    calls, size = verdicts(OURS, OTHER)
    assert calls == "met      calls: 2 of 4, 0.500 of the other's (target: at most 0.5)"
    assert size == "met      bytes: 2,000 of 8,000, 0.250 of the other's (target: at most 0.25)"
    calls, size = verdicts(OTHER, OURS)
    assert calls.startswith("NOT met  calls: 4 of 2, 2.000")
    assert size.startswith("NOT met  bytes: 8,000 of 2,000, 4.000")


def test_a_session_without_a_target_gets_no_verdict() -> None:
    assert not any("met" in line for line in verdicts(OURS, OTHER, aimed=False))


def test_a_missed_goal_is_named_and_meets_no_target() -> None:
    short = run(
        "they", Step("open", Cost(1, 1, 1, 1), {"seen": True}), Step("run", Cost(9, 1, 9_999, 1), {"ran": False})
    )
    assert missed(short) == ["NOT reached by they, run: ran"]
    assert missed(OURS) == []
    assert next(line for line in table(OURS, short).splitlines() if line.startswith("run")).endswith("yes  NO")
    assert all(line.startswith("NOT met") for line in verdicts(short, run("we", Step("all", Cost(99, 99_999)))))
    assert all(line.endswith("the other did not reach all goals") for line in verdicts(OURS, short))
