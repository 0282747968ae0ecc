"""The conversation of `doit idea`: one question at a time, saved at each turn.

`conversation` leads it, `transcript` is the form of `brainstorm.md`. It knows no other rule.
"""
