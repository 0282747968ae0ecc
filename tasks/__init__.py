"""The graph: task creators, one module a stage.

`from piste.tasks import *` is a whole dodo.py. A project may add tasks of its own
below it, change DOIT_CONFIG, or leave a stage out by importing from the modules.
"""

from piste.tasks.bundle import task_bundle, task_clean_bundles, task_copy_bundle
from piste.tasks.documents import task_documents
from piste.tasks.greenfield import task_greenfield, task_idea, task_line
from piste.tasks.reviews import task_reviews
from piste.tasks.steps import task_step

import gc

# Nothing becomes garbage while a graph is laid out; looking for it all the same costs
# a short build a few milliseconds and a large one a third. `graph.start` ends the rest.
gc.disable()

from piste.doit_graph.backend import Checker, Reporter
from piste.doit_graph.graph import LINE

DOIT_CONFIG = {
    "backend": "piste",
    "check_file_uptodate": Checker,
    "default_tasks": [LINE],
    "dep_file": ".piste/doit.db",  # of tasks that are not piste's; made when there are any
    "par_type": "thread",  # a call to a model is waiting, and processes lose what they hold
    "reporter": Reporter,
    "verbosity": 2,
}

__all__ = [
    "DOIT_CONFIG",
    "task_bundle",
    "task_clean_bundles",
    "task_copy_bundle",
    "task_documents",
    "task_greenfield",
    "task_idea",
    "task_line",
    "task_reviews",
    "task_step",
]
