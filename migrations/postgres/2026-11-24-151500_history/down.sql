CREATE UNIQUE INDEX resource_seq ON resource (seq);
CREATE UNIQUE INDEX history_seq ON history (seq);
DROP INDEX resource_time;
DROP INDEX history_time;
