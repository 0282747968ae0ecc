"""Carrying a plan out: one step, one agent, tests in between, one commit.

Others come for `progress.chain` (what is done, what is next) and `runner.carry_out` (one step, from
where it stands to its end). `agents/` holds the programs that do the work. It does not know how the
plan was made.
"""
