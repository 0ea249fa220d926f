-- What the installation of a package would add, and what only the budget refused.
ALTER TABLE provider ADD COLUMN cost TEXT;
ALTER TABLE apt_package ADD COLUMN over_budget INTEGER;
