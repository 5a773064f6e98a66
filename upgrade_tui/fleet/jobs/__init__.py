"""Durable jobs: commands that run detached on a host, started at most once, followed across any cut.

``docs/jobs.md`` describes what lies on the host's disk. The scripts (``*.sh``) are all that runs there.
"""

from upgrade_tui.fleet.jobs.deadman import Arming, HostDeadman
from upgrade_tui.fleet.jobs.manage import NotAnswered
from upgrade_tui.fleet.jobs.spec import JobSpec

__all__ = ["Arming", "HostDeadman", "JobSpec", "NotAnswered"]
