"""piste: a build system for the files that a language model writes.

The package itself holds the version and nothing else: every module is imported
where it is used, so that a run that makes nothing pays for nothing.
"""

__version__ = "0.1.0"
