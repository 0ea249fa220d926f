"""The work of M(wheelfleet_inventory): only the controller has the variables of all hosts."""

from __future__ import annotations

import stat
from pathlib import Path

import ansible.constants as constants
import ansible.context as context
import yaml
from wheelfleet.engine.inventory import READERS, Inventory, check_groups_for, check_names
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options

CHECKOUT = Path(__file__).resolve().parents[1]
ROLES = CHECKOUT / "roles"


class ActionModule(ControllerAction):
    """Refuse variables and groups that nothing reads, before anything is done."""

    OPTIONS = documented_options("wheelfleet_inventory")

    def work(self) -> Result:
        names = self.options["names"]
        groups = self.task_vars["groups"]
        inventory = Inventory(
            # Untemplated: only names are needed, and values may not be known yet.
            {host: list(self.task_vars["hostvars"].raw_get(host)) if names else [] for host in groups["all"]},
            {group: list(hosts) for group, hosts in groups.items() if group not in ("all", "ungrouped")},
            group_files=self._files("group_vars") - {"all", "ungrouped"},
            host_files=self._files("host_vars"),
            given=list(self._task.get_variable_manager().extra_vars),
        )
        taking_part = self.task_vars["ansible_play_hosts_all"]
        refusals = check_groups_for(inventory, self.options["needs"], taking_part, why_no_inventory())
        if names:
            found = check_names(inventory, known_variables())
            refusals = found.refusals + refusals
            self.warnings += found.warnings
        if (forks := context.CLIARGS["forks"]) < len(taking_part):
            self.warnings.append(
                f"{len(taking_part)} hosts take part, and Ansible works on {forks} at once, so that builders wait for "
                f"each other; ansible.cfg of the checkout says forks = 100, or add --forks {len(taking_part)}."
            )
        if refusals:
            raise Refused("\n".join(refusals))
        return {"changed": False}

    def _files(self, folder: str) -> set[str]:
        """The names of groups or hosts that have a file or folder of variables beside the inventory."""
        sources = [Path(source) for source in self.task_vars.get("ansible_inventory_sources", []) if "," not in source]
        bases = {source if source.is_dir() else source.parent for source in sources}
        paths = [path for base in bases if (base / folder).is_dir() for path in (base / folder).iterdir()]
        return {
            path.name.removesuffix(path.suffix) if path.suffix in (".yml", ".yaml", ".json") else path.name
            for path in paths
            if not path.name.startswith(".") and not path.name.endswith("~")
        }


def known_variables() -> dict[str, list[str]]:
    """The variables of each role, from its defaults."""
    return {role: list(yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())) for role in READERS}


def why_no_inventory() -> str:
    """The cure for a missing inventory, as the end of a sentence: our ansible.cfg, which names one, was perhaps not
    read."""
    config = constants.CONFIG_FILE
    if config and Path(config).resolve() == CHECKOUT / "ansible.cfg":
        return f"{config} names one that is not there or empty; correct it, or give yours with -i."
    if Path.cwd() == CHECKOUT and CHECKOUT.stat().st_mode & stat.S_IWOTH:
        return (
            f"Ansible does not read ansible.cfg here, because anybody may write to this folder; "
            f"chmod o-w {CHECKOUT}, or give your inventory with -i."
        )
    return f"start ansible-playbook in {CHECKOUT}, where ansible.cfg names one, or give yours with -i."
