"""What the catalog knows of upstream where upstream itself does not say."""

UPSTREAM_FACTS = """
    -- When the fleet first saw the file, with these bytes: a cool-down counts from it where upstream states no time.
    ALTER TABLE upstream_file ADD COLUMN first_seen REAL;
    UPDATE upstream_file SET first_seen =
        (SELECT p.read_at FROM release r JOIN project p ON p.id = r.project_id WHERE r.id = upstream_file.release_id);

    -- want_serial is NULL where upstream announces nothing about a project: then its page has to be asked itself.
    DROP INDEX project_behind;
    CREATE INDEX project_behind ON project (id) WHERE in_scope AND
        (have_serial IS NULL OR want_serial IS NULL OR have_serial < want_serial OR problem IS NOT NULL);
"""
