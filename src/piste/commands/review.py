"""`piste review`: a review of a branch or pull request alone, in change-review.md.

What changed since REV is packed: the diff, the changed files, what these import, and the
specification, if there is one. Then it is the task change_review: what was reviewed is not paid
for again. It packs and hands over; what is asked is the template's.
"""

import os
from collections.abc import Sequence

from piste.bundle import history
from piste.commands import common
from piste.engine import change_target, gate, project
from piste.system import git_whose, screen


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("review", f"{_ABOUT} {_MORE}", codes=_CODES, json_too=False)
    what = "a branch, tag or commit to compare with; without it, the main branch"
    parser.add_argument("--since", metavar="REV", default="", help=what)
    args, more = parser.parse_known_args(argv)
    world = project.here()
    if not gate.allowed(world):
        git_whose.require_own_history(world.root)
    since = args.since or history.main_line(os.fspath(world.root))
    screen.say(change_target.pack(world, since))
    from piste.doit_graph import command_line

    return command_line.main(["change_review", *more], ())


_ABOUT = "A review of a branch or pull request alone, in change-review.md."
_MORE = "Options of a task may follow: --again, --model M, --budget B."
_CODES = "0 done, 1 the model's reply was no result, 2 something you can mend, 3 over the budget"
