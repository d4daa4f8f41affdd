-- A migration that the page was not told of.
ALTER TABLE lab.actor RENAME COLUMN last_update TO updated_at;
