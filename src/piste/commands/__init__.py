"""The verbs of the `piste` command: one module each, named after the verb."""
