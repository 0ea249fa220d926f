"""Migration: what a failed attempt missed, as data, so that its package can be looked for."""

from __future__ import annotations

FAILURE_SUBJECTS = """
    ALTER TABLE attempt ADD COLUMN subject TEXT;  -- the missing header, library, program, module, or what is too new
    -- Which kind of thing is missing; NULL: nothing is, or the log does not say.
    ALTER TABLE attempt ADD COLUMN lacks TEXT CHECK (lacks IN ('header', 'library', 'tool', 'module', 'pkg-config'));
    CREATE INDEX attempt_lacks ON attempt (lacks, subject) WHERE lacks IS NOT NULL;
"""
