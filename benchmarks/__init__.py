"""What is measured, run by one command: `make bench`."""

import sys
from pathlib import Path

# As for the tests (pyproject.toml): the package that Ansible finds by its own setting.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))
