"""Trials under fire: killed anywhere, run twice, disk full, hostile replies.

Each trial drives the whole command and judges it from the stand-in server's log and from the
files, never from what piste says. `world` is the harness; `python -m tests.fire.long` runs the
long form of every trial and prints a table.
"""
