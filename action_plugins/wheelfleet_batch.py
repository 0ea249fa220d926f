"""The controller's half of M(wheelfleet_batch): one call is session after session with one builder.

Decisions are in wheelfleet.engine; the connection and its errors are in wheelfleet_ansible.builder_link.
"""

from __future__ import annotations

import dataclasses
from functools import partial

from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.engine.batch_options import BatchOptions
from wheelfleet.engine.connected_builder import ConnectedBuilder
from wheelfleet.engine.context import Context
from wheelfleet.engine.progress import Total
from wheelfleet.engine.rebuild_session import RebuildSession
from wheelfleet.engine.session import BuilderSession
from wheelfleet.engine.terminal import terminal
from wheelfleet_ansible.builder_link import BuilderLink
from wheelfleet_ansible.controller_action import Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction


class ActionModule(NodeAction):
    """Have the builder build batch after batch, or rebuild a sample."""

    OPTIONS = documented_options("wheelfleet_batch")

    def work(self) -> Result:
        """Work until nothing is left for this builder in this run.

        The loop is here and not around the task, because Ansible keeps the results of all turns of a loop.
        """
        if self.check_mode:
            # The plan lists the builds; the catalog does not have them yet.
            return {"changed": False}
        names = {field.name for field in dataclasses.fields(BatchOptions)} - {"state_dir"}
        options = BatchOptions(state_dir=self.state_dir, **{name: self.options[name] for name in names})
        total = Total()
        try:
            while not total.drained:
                with Catalog(self.catalog_path) as catalog:
                    builder = ConnectedBuilder(
                        Context(catalog, self.host, options), partial(BuilderLink, self), self._print
                    )
                    session = RebuildSession(builder) if options.rebuild_percent > 0 else BuilderSession(builder)
                    total.add(session.work())
        except CatalogError as error:
            return {**total.answer(), "failed": True, "msg": str(error)}
        except OSError as error:
            return {
                **total.answer(),
                "failed": True,
                "msg": f"The controller cannot keep results in {self.state_dir} ({error}); see to it, then run "
                "build.yml again: what the builders finished waits there.",
            }
        return total.answer()

    def _print(self, text: str, *, begins: bool = False) -> None:
        # A live view shows the builds that begin.
        if not (begins and terminal.has_live_view):
            self.say(self.host, text)
