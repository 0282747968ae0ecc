"""`piste decline`: the team does not want this finding; it is not reported again.

The word is a small file in git, so that all have it. The finding is taken out of the review, its
issue out of the issues, its prompt out of the prompts, at no cost.
"""

from collections.abc import Sequence

from piste.commands import common
from piste.engine import deciding, decisions, project
from piste.engine.deciding import Decided
from piste.system import screen


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("decline", __doc__)
    parser.add_argument("id", metavar="ID", help="of the finding, as its heading has it: F12")
    parser.add_argument("why", metavar="WHY", help="in a few words; the model is told, too")
    args = parser.parse_args(argv)
    done = deciding.decide(project.here(), decisions.DECLINED, args.id, args.why)
    say(done, args.json)
    return 0


def say(done: Decided, as_json: bool) -> None:
    """Say what became of a word."""
    if as_json:
        about = {**done.decision._asdict(), "file": done.file, "taken_out_of": done.documents}
        common.print_json(about)
        return
    one = done.decision
    out = f"; taken out of {', '.join(done.documents)}" if done.documents else ""
    screen.out(screen.safe(f"{one.id} is {one.word}: {one.title}{out}"))
    screen.say(f"next: commit {done.file}; to delete it takes the word back")
