"""The graph as a user has it: all of it comes from piste, a project adds below."""

from piste.tasks import *  # noqa: F403
