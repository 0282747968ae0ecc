"""The definitions of mise's tasks, as a person may override them.

`definitions` makes them and merges them into a file of a person's. It runs nothing.
"""
