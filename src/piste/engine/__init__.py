"""The engine: rules, settings, freshness, making, receipts, store.

Others come for `project.here` (the `World` that decisions look at), `makers.decide` (is a target
as it should be) and `makers.make` (bring it up to date). It knows neither doit nor the steps of a
plan, and talks to a person only through `system.screen`.
"""
