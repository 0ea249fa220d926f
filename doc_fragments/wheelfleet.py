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

    #: wheelfleet.order: an operator's order, kept in the catalog.
    ORDER = r"""
attributes:
  check_mode:
    description: Says what would happen, or why it is refused, and keeps nothing.
    support: full
  diff_mode:
    description: Shows which orders are in force before and after.
    support: full
options:
  reason:
    description:
      - Why, in a sentence for people. The site shows it, with who gave the order and when.
      - It may be empty only where an order takes nothing from anybody.
    type: str
    default: ''
  hours:
    description: After so many hours an order to pause, drain, skip or put first ends by itself. V(0) is never.
    type: float
    default: 0
  who:
    description: Who gives the order. By default the name under which you are logged in.
    type: str
    default: ''
  state_dir:
    description:
      - The controller's folder with the catalog. By default the C(controller_state_dir) of the inventory, or C(var/) of
        the checkout.
    type: path
"""

    #: wheelfleet.site: a task that publishes.
    SITE = r"""
options:
  site:
    description: How the site is published.
    type: dict
    required: true
    suboptions:
      site_dir:
        description: The published tree. Defaults to C(site) below O(state_dir).
        type: path
      templates:
        description: Folders with Jinja templates, the operator's before the shipped ones.
        type: list
        elements: path
        required: true
      url:
        description: Where people reach the site. Empty means its path.
        type: str
        default: ''
      title:
        description: What the site calls itself.
        type: str
        default: wheelfleet
      upstream_name:
        description: What readers know upstream by.
        type: str
        default: PyPI
      about:
        description: Who runs this fleet and for whom, in a sentence or two.
        type: str
        default: ''
      contact:
        description: Where readers ask, a mail address or one by http(s).
        type: str
        default: ''
      issues:
        description:
          - The address of an issue tracker. C({project}), C({version}), C({target}), C({class}), C({log}) and C({page})
            stand for what a report is about.
        type: str
        default: ''
      announcement:
        description: What all readers shall know now; the pages about many projects show it.
        type: str
        default: ''
      files_url:
        description: The address of the folder C(files) on another host. Empty means that files are on the site.
        type: str
        default: ''
      index_view:
        description:
          - What the pages of the index list. V(own) is the fleet's wheels; with V(full) the pages of projects the fleet
            has wheels of also list what upstream has, by upstream's own addresses, so that the index can be used alone.
        type: str
        choices: [own, full]
        default: own
      html_pages:
        description: Whether the pages that people read are made, and not the index alone.
        type: bool
        default: true
      grace_days:
        description:
          - For how many days the files of a release that upstream has deleted stay on the disk, on no page. V(-1) is
            for ever.
        type: float
        default: 30
      signing_key:
        description:
          - An OpenSSH private key of the type Ed25519, without a passphrase, on the controller. Documents of provenance
            are signed with it. Empty means unsigned.
        type: path
"""

    #: wheelfleet.no_diff: diff mode shows nothing.
    NO_DIFF = r"""
attributes:
  diff_mode:
    description: There is no text to compare.
    support: none
"""
