"""The work of M(wheelfleet_notify): it keeps the channels for the runs, and sends a test message."""

from __future__ import annotations

from wheelfleet.engine.channels import BadChannel, read_channels
from wheelfleet.engine.notices import test_message
from wheelfleet.engine.notifier import deliver_all
from wheelfleet.engine.notify_config import keep_config, read_config
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Check and keep the channels; with `send`, try them."""

    OPTIONS = documented_options("wheelfleet_notify")
    REFUSALS = (Refused, BadChannel)

    def work(self) -> Result:
        """Keep the channels, and tell each that this is a test."""
        p = self.options
        changed = False
        if p["channels"] is not None:
            read_channels(p["channels"])
            if not self.check_mode:
                changed = self._keep()
        if self.check_mode:
            would = read_channels(p["channels"]) if p["send"] and p["channels"] else []
            return {"changed": changed, "told": [channel.name for channel in would]}
        if not p["send"]:
            return {"changed": changed, "told": []}
        config = read_config(self.state_dir)
        if config is None:
            raise Refused("Nobody is to be told; name a command, a mail or a webhook in controller_notify.")
        outcomes = deliver_all(dict.fromkeys(config.channels, test_message(config.site_url)))
        failed = [f"{channel.name} {problem}" for channel, problem in outcomes.items() if problem is not None]
        told = [channel.name for channel, problem in outcomes.items() if problem is None]
        if failed:
            after = f" Told: {', '.join(told)}." if told else ""
            return {"failed": True, "msg": f"Not told: {'; '.join(failed)}.{after}", "told": told}
        return {"changed": changed, "told": told}

    def _keep(self) -> bool:
        p = self.options
        try:
            return keep_config(self.state_dir, p["channels"], site_url=p["site_url"], min_free=p["min_free"])
        except OSError as error:
            raise Refused(
                f"The channels cannot be kept in {self.state_dir} ({error.strerror}); make room there, or own the "
                "folder."
            ) from error
