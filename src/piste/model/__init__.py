"""Asking a model through `llm`, and what a reply cost.

Others come for `asking.ask` (one call, its limits and what can go wrong), `prices` and `tokens`.
It knows no rules, no files of a project and no budget.
"""
