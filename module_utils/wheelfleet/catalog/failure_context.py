"""What decides which remedy can cure a failure, besides what the log says."""

from __future__ import annotations

FAILURE_CONTEXT = """
    ALTER TABLE attempt ADD COLUMN phase TEXT;     -- how far it came (builder/protocol); NULL: its builder did not say
    ALTER TABLE attempt ADD COLUMN backend TEXT;   -- the build backend, as PEP 517 has it; NULL: it is not known
    ALTER TABLE attempt ADD COLUMN declared TEXT;  -- of a missing module, the project that the sdist itself declares

    -- Module names were once taken for projects'. What a project's last wheel got so is asked for again by
    -- today's rules; planner/retries.py passes over the rest.
    """
