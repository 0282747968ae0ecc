"""Helpers of many tests: the stand-in of a model server, a repository with a plan, a terminal."""
