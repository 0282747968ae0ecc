"""The engine shown to doit: our rules as tasks, our receipts as its state, its command line.

`graph` turns rules into tasks, `backend` answers doit's questions, `command_line` is doit's main
program under our name. It decides nothing itself: `engine` does.
"""
