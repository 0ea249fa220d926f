"""What the documentation of several modules shares."""

from __future__ import annotations


class ModuleDocFragment:
    """A module names a part of it in `extends_documentation_fragment`; its own words for an option come first."""

    #: wheelfleet.run: a task of a run.
    RUN = r"""
options:
  state_dir:
    description: The controller's folder with catalog, files and logs.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it.
    type: str
    required: true
"""

    #: wheelfleet.upstream: a task that reads the upstream index.
    UPSTREAM = r"""
options:
  index_url:
    description: The upstream index, without credentials, as M(wheelfleet_upstream) gave it.
    type: str
    required: true
  credentials:
    description: The credentials for it, as in a URL.
    type: str
    default: ''
  pip_options:
    description: More of pip's options that are needed to reach it, by their long names.
    type: dict
    default: {}
  timeout:
    description: Seconds one request may take.
    type: float
    default: 30.0
"""

    #: wheelfleet.no_diff: diff mode shows nothing.
    NO_DIFF = r"""
attributes:
  diff_mode:
    description: There is no text to compare.
    support: none
"""
