"""What a team would use instead, installed on demand into an environment of the benchmarks' own."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from platformdirs import user_cache_path

PACKAGES = ("ansible-core", "clustershell", "pyinfra")
PATIENCE = 600.0  # seconds for an installation


def programs() -> Path | str:
    """The directory of their programs, installed if need be; a word on why not where that does not work."""
    home = user_cache_path("upgrade-tui") / f"bench-peers-{sys.version_info.major}.{sys.version_info.minor}"
    done = home / "installed"
    if not done.exists():
        print(f"installing {', '.join(PACKAGES)} into {home} ...", file=sys.stderr)
        try:
            venv.create(home, with_pip=True, clear=True)
            subprocess.run(
                (home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES),
                check=True, capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
            return f"not installed: {said[-1][:120] if said else error}"
        done.write_text("\n".join(PACKAGES) + "\n")
    return home / "bin"
