"""Find the origins that a cache of upstream has to fetch from."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_cache
short_description: Work out what a cache of upstream has to fetch from
description:
  - Says from which hosts a cache in front of the upstream has to fetch, the index itself and those its pages and the
    catalog name for files.
  - Fails with a sentence where a web server cannot ask the upstream as pip does.
attributes:
  check_mode:
    description: Asks all the same, for it changes nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog, which need not be there yet.
    type: path
    required: true
  crates_index:
    description: A sparse crate index that it has to fetch from too; empty means none.
    type: str
    default: ''
extends_documentation_fragment: [wheelfleet.upstream, wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Work out what the cache fetches from
  wheelfleet_cache:
    index_url: "{{ controller_upstream.index_url }}"
    credentials: "{{ controller_upstream.credentials }}"
    pip_options: "{{ controller_upstream.pip_options }}"
    state_dir: /srv/wheelfleet
  register: cache_origins
"""

RETURN = r"""
index:
  description: The index, with a slash at its end.
  returned: success
  type: str
origins:
  description: Scheme, host and port of all that the cache fetches from, the index first.
  returned: success
  type: list
  elements: str
crates:
  description: C(index), the crate index with a slash at its end, and C(origins), those that only crates come from.
  returned: success
  type: dict
"""
