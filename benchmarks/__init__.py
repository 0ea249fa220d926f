"""The measurements, run by one command: `make bench`."""

import sys
from pathlib import Path

# As for the tests (pyproject.toml): the folder of the package, which Ansible finds by its own setting.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))
