"""The controller's half of M(wheelfleet_batch): one call is one session with one builder.

The decisions are in wheelfleet.engine, the connection and its faults in wheelfleet_ansible.builder_link.
"""

from __future__ import annotations

import os
import time
from dataclasses import fields
from functools import partial
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.engine.batch_options import BATCH_OPTIONS, BatchOptions
from wheelfleet.engine.connected_builder import ConnectedBuilder
from wheelfleet.engine.context import Context
from wheelfleet.engine.rebuild_session import RebuildSession
from wheelfleet.engine.session import BuilderSession
from wheelfleet.engine.stdout import is_taken
from wheelfleet_ansible.builder_link import BuilderLink, ControllerGone

display = Display()


class ActionModule(ActionBase):
    """Have the host build one batch, or rebuild what is due for it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Do one batch; `drained` in the result ends the loop around this task."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(BATCH_OPTIONS)
        if self._task.check_mode:
            # What would be built is what the plan said; nothing of it is in the catalog yet.
            return {"changed": False, "drained": True}
        given["state_dir"] = Path(given["state_dir"])
        options = BatchOptions(**{field.name: given[field.name] for field in fields(BatchOptions)})
        try:
            with Catalog(options.state_dir / "catalog.sqlite") as catalog:
                builder = ConnectedBuilder(
                    Context(catalog, task_vars["inventory_hostname"], options),
                    lambda events: BuilderLink(self, task_vars, given, events),
                    partial(_print, task_vars["inventory_hostname"]),
                )
                session = RebuildSession(builder) if options.witness_percent > 0 else BuilderSession(builder)
                return session.work()
        except CatalogError as error:
            return {"failed": True, "drained": True, "msg": str(error)}
        except OSError as error:
            return {
                "failed": True,
                "drained": True,
                "msg": f"The controller cannot keep results in {options.state_dir} ({error}); see to it, then run "
                "build.yml again: what the builders finished waits there.",
            }
        except ControllerGone:
            os._exit(0)


def _print(host, text, *, begins=False):
    # Where there is a live view, what begins is on the screen.
    if not (begins and os.environ.get("WHEELFLEET_LIVE")):
        display.display(f"{time.strftime('%H:%M:%S')} {host} {text}", stderr=is_taken())
