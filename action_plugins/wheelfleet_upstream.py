"""What M(wheelfleet_upstream) does: ask pip on the controller."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.engine.controller_action import ControllerAction
from ansible.module_utils.wheelfleet.engine.controller_options import UPSTREAM_OPTIONS
from ansible.module_utils.wheelfleet.upstream.pip_config import (
    PipConfigError,
    pip_credentials,
    pip_settings,
    split_userinfo,
)


class ActionModule(ControllerAction):
    """Take index, credentials and how to reach it apart."""

    OPTIONS = UPSTREAM_OPTIONS
    REFUSALS = (PipConfigError,)

    def work(self):
        settings = pip_settings()
        url = (self.options["url"] or settings.index_url or "").strip()
        index_url, _ = split_userinfo(url)
        options = {
            "cert": settings.cert,
            "client_cert": settings.client_cert,
            "proxy": settings.proxy,
            "trusted_host": list(settings.trusted_hosts),
        }
        return {
            "changed": False,
            "index_url": index_url,
            "credentials": pip_credentials(url),
            "pip_options": {name: value for name, value in options.items() if value},
        }
