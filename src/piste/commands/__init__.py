"""The verbs of the `piste` command: one module a verb, named after it, with `main(argv)`.

A verb reads its options, asks the rooms below, and prints; what others need of it is public.
"""
