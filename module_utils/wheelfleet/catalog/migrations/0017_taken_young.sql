-- A young release that upstream takes away may do harm.
ALTER TABLE release ADD COLUMN taken_young INTEGER NOT NULL DEFAULT 0;
