-- Histories are read newest first by time, which rises with the sequence from write to write (FHIR R4,
-- http.html#history). Unique, as the sequence was: no two versions are of the same moment.
CREATE UNIQUE INDEX resource_time ON resource (last_updated);
CREATE UNIQUE INDEX history_time ON history (last_updated);
DROP INDEX resource_seq;
DROP INDEX history_seq;
