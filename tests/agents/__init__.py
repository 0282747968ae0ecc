"""One test module an agent; a package, since `aider` and the like are names of others' modules."""
