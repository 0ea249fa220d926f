"""The work of M(wheelfleet_upstream): it reads the settings of pip on the controller."""

from __future__ import annotations

from wheelfleet.upstream.pip_config import (
    PipConfigError,
    pip_credentials,
    pip_settings,
    split_userinfo,
)
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Return the index's URL, its credentials, and pip's options to reach it, each on its own."""

    OPTIONS = documented_options("wheelfleet_upstream")
    REFUSALS = (Refused, PipConfigError)

    def work(self) -> Result:
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
            "credentials": pip_credentials(url, keyring=settings.keyring),
            "pip_options": {name: value for name, value in options.items() if value},
        }
