-- Tables, columns and indexes are named for what they hold. Rows stay as they are.

ALTER TABLE wanted RENAME TO release_target;
ALTER TABLE offer RENAME TO builder_target;
ALTER TABLE serves RENAME TO wheel_target;
ALTER TABLE shown RENAME TO site_release;
ALTER TABLE page RENAME TO site_project;
ALTER TABLE page_news RENAME TO dirty_page;
ALTER TABLE total RENAME TO counter;
ALTER TABLE witness RENAME TO rebuild;
ALTER TABLE owner RENAME TO provider;
ALTER TABLE blocked RENAME TO blocked_by_class;
ALTER TABLE unblocked RENAME TO blocked_by_package;

ALTER TABLE builder RENAME COLUMN hungry_at TO idle_since;
ALTER TABLE builder RENAME COLUMN vouched TO cleared_failures;
ALTER TABLE builder RENAME COLUMN trial_at TO canary_since;
ALTER TABLE builder RENAME COLUMN doubted_at TO suspect_after;
ALTER TABLE builder RENAME COLUMN set_aside TO suspended;

ALTER TABLE attempt RENAME COLUMN class TO failure_class;
ALTER TABLE attempt RENAME COLUMN forgiven TO superseded;
ALTER TABLE attempt RENAME COLUMN remedy TO advice;
ALTER TABLE attempt RENAME COLUMN lacks TO missing_kind;
ALTER TABLE attempt RENAME COLUMN try_with TO retry_with;
ALTER TABLE attempt RENAME COLUMN again TO retry_on;
ALTER TABLE attempt RENAME COLUMN depended TO depended_on;

ALTER TABLE wheel RENAME COLUMN apt TO apt_packages;
ALTER TABLE wheel RENAME COLUMN built TO built_as;
ALTER TABLE wheel RENAME COLUMN rebuild TO rebuild_requested;

ALTER TABLE site_release RENAME COLUMN class TO failure_class;
ALTER TABLE site_release RENAME COLUMN at TO finished_at;
ALTER TABLE site_project RENAME COLUMN as_a_whole TO project_status;
ALTER TABLE blocked_by_class RENAME COLUMN class TO failure_class;
ALTER TABLE provider RENAME COLUMN lacks TO missing_kind;
ALTER TABLE provider RENAME COLUMN asked_at TO looked_up_at;
ALTER TABLE remedy_use RENAME COLUMN tried TO applied;

DROP INDEX wanted_now;
DROP INDEX wanted_later;
DROP INDEX shown_project;
DROP INDEX shown_status;
DROP INDEX page_listed;
DROP INDEX page_best;
DROP INDEX page_as_a_whole;
DROP INDEX blocked_lookups;
DROP INDEX blocked_project;
DROP INDEX unblocked_lookups;
DROP INDEX unblocked_project;
DROP INDEX witness_run;
DROP INDEX witness_unfinished;
DROP INDEX attempt_lacks;

CREATE INDEX release_target_now ON release_target (target_id, predicted_seconds DESC, release_id) WHERE need = 'now';
CREATE INDEX release_target_later ON release_target (release_id) WHERE need = 'later';
CREATE INDEX site_release_project ON site_release (project_id, failure_class, finished_at);
CREATE INDEX site_release_status ON site_release (status, finished_at);
CREATE INDEX site_project_listed ON site_project (name) WHERE listed;
CREATE INDEX site_project_best ON site_project (status, length(name), name);
CREATE INDEX site_project_project_status ON site_project (project_status, name) WHERE project_status IS NOT NULL;
CREATE INDEX blocked_by_class_lookups ON blocked_by_class (failure_class, lookups DESC, project_id);
CREATE INDEX blocked_by_class_project ON blocked_by_class (project_id);
CREATE INDEX blocked_by_package_lookups ON blocked_by_package (package, lookups DESC, project_id);
CREATE INDEX blocked_by_package_project ON blocked_by_package (project_id);
CREATE INDEX rebuild_run ON rebuild (run);
CREATE INDEX rebuild_unfinished ON rebuild (host) WHERE verdict IS NULL;
CREATE INDEX attempt_missing ON attempt (missing_kind, subject) WHERE missing_kind IS NOT NULL;

-- The inputs of the last plan name the policy's largest number of attempts as the operator's variable does.
UPDATE meta SET value = json_set(
        json_remove(value, '$.policy.tries'), '$.policy.max_attempts', json_extract(value, '$.policy.tries'))
    WHERE key = 'plan' AND json_extract(value, '$.policy.tries') IS NOT NULL;
