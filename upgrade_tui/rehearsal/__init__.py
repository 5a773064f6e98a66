"""The simulated world: virtual time, hosts, links, a machine for a conductor. Everything in one thread, from one seed.

The conductor that runs in it is the real one. Tests stand on this, and so can a rehearsal of a plan.
"""
