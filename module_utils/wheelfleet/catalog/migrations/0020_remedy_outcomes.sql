-- Which remedies helped against which failure class, and in which project.
CREATE TABLE remedy_outcome (
    failure_class TEXT NOT NULL,
    name TEXT NOT NULL,
    project_id INTEGER NOT NULL
        REFERENCES project (id) ON DELETE CASCADE,
    applied INTEGER NOT NULL,
    helped INTEGER NOT NULL,
    PRIMARY KEY (failure_class, name, project_id)
) WITHOUT ROWID;
CREATE INDEX remedy_outcome_project ON remedy_outcome (project_id);
