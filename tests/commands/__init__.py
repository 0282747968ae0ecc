"""One test module a verb; a package, since some verbs are named like modules of the engine."""
