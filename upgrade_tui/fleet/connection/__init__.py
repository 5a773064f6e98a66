"""A host's connection: dialled as the plan and ssh_config want it, supervised, begun again when it is lost."""
