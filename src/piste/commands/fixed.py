"""`piste fixed`: this finding has been mended; it is taken out of the documents.

A model that still sees the defect reports it again, under another id. The word is a small file in
git, as that of `piste decline` is.
"""

from collections.abc import Sequence

from piste.commands import common, decline
from piste.engine import deciding, decisions, project


def main(argv: Sequence[str]) -> int:
    """Run the verb; return the exit code."""
    parser = common.parser("fixed", __doc__)
    parser.add_argument("id", metavar="ID", help="of the finding, as its heading has it: F12")
    parser.add_argument("why", metavar="HOW", nargs="?", default="", help="in a few words")
    args = parser.parse_args(argv)
    done = deciding.decide(project.here(), decisions.FIXED, args.id, args.why)
    decline.say(done, args.json)
    return 0
