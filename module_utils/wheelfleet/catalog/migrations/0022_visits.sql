-- Visits of the site's pages by day.
CREATE TABLE visit_day (
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    visits INTEGER NOT NULL,
    PRIMARY KEY (day, kind)
) WITHOUT ROWID;
