-- Resources, their older versions, what they are found by, and what happened to them.
-- Times are microseconds UTC since 1970. Why the tables look as they do: docs/storage.md.

-- Facts about this database itself: its stamp (dev or not) and the keys that its processes share.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The one commit sequence and the latest commit time; reading this row opens every commit.
CREATE TABLE counter (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL,
    stamp BIGINT NOT NULL
);
INSERT INTO counter (name, value, stamp) VALUES ('seq', 0, 0);

-- Small numbers for names that would otherwise stand in each row.
CREATE TABLE dictionary (
    id   INTEGER NOT NULL PRIMARY KEY,
    kind TEXT    NOT NULL,
    text TEXT    NOT NULL,
    UNIQUE (kind, text)
);

-- The current version of each resource; a deleted one stays, without a body.
CREATE TABLE resource (
    pk           INTEGER NOT NULL PRIMARY KEY,
    type         BIGINT  NOT NULL,
    id           TEXT    NOT NULL,
    version      BIGINT  NOT NULL,
    seq          BIGINT  NOT NULL,
    last_updated BIGINT  NOT NULL,
    method       BIGINT  NOT NULL,
    deleted      BOOLEAN NOT NULL,
    body         BLOB    NOT NULL,
    blob         BLOB,
    index_rows   BLOB    NOT NULL
);
CREATE UNIQUE INDEX resource_key ON resource (type, id);
CREATE UNIQUE INDEX resource_seq ON resource (seq);
CREATE INDEX resource_updated ON resource (type, last_updated);

-- Older versions, moved here by the write that replaced them.
CREATE TABLE history (
    pk           BIGINT  NOT NULL,
    version      BIGINT  NOT NULL,
    type         BIGINT  NOT NULL,
    seq          BIGINT  NOT NULL,
    last_updated BIGINT  NOT NULL,
    method       BIGINT  NOT NULL,
    deleted      BOOLEAN NOT NULL,
    body         BLOB    NOT NULL,
    blob         BLOB,
    PRIMARY KEY (pk, version)
);
CREATE UNIQUE INDEX history_seq ON history (seq);
CREATE INDEX history_updated ON history (type, last_updated);

-- Covering rows for token, reference and uri parameters. patient 0 is the whole population.
CREATE TABLE index_value (
    patient BIGINT NOT NULL,
    param   BIGINT NOT NULL,
    value   BIGINT NOT NULL,
    sort    BIGINT NOT NULL,
    pk      BIGINT NOT NULL,
    PRIMARY KEY (patient, param, value, sort, pk)
) WITHOUT ROWID;

-- Which resource a conditional create has claimed; the unique key decides races.
CREATE TABLE claim (
    hash BLOB   NOT NULL PRIMARY KEY,
    pk   BIGINT NOT NULL
) WITHOUT ROWID;

-- Answers to requests with an Idempotency-Key, kept for a day.
CREATE TABLE idempotency (
    hash    BLOB   NOT NULL PRIMARY KEY,
    body    BLOB   NOT NULL,
    created BIGINT NOT NULL,
    answer  BLOB   NOT NULL
);
CREATE INDEX idempotency_created ON idempotency (created);

-- What happened; only ever appended to.
CREATE TABLE audit_record (
    seq      INTEGER NOT NULL PRIMARY KEY,
    recorded BIGINT  NOT NULL,
    content  TEXT    NOT NULL,
    salt     BLOB    NOT NULL,
    leaf     BLOB    NOT NULL
);
CREATE TRIGGER audit_record_no_update BEFORE UPDATE ON audit_record
BEGIN SELECT RAISE(ABORT, 'audit records are never changed'); END;
CREATE TRIGGER audit_record_no_delete BEFORE DELETE ON audit_record
BEGIN SELECT RAISE(ABORT, 'audit records are never deleted'); END;
-- INSERT OR REPLACE deletes without asking the trigger for deletions.
CREATE TRIGGER audit_record_no_replace BEFORE INSERT ON audit_record
WHEN EXISTS (SELECT 1 FROM audit_record WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'audit records are never replaced'); END;

-- Work that outlives its request.
CREATE TABLE job (
    id          INTEGER NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    payload     TEXT    NOT NULL,
    run_after   BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL,
    attempts    BIGINT  NOT NULL
);
CREATE INDEX job_due ON job (run_after);

-- Document bytes by SHA-256; in chunks where no file system is shared, else in files.
CREATE TABLE blob (
    sha256  BLOB   NOT NULL PRIMARY KEY,
    size    BIGINT NOT NULL,
    created BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE blob_chunk (
    sha256 BLOB   NOT NULL,
    part   BIGINT NOT NULL,
    bytes  BLOB   NOT NULL,
    PRIMARY KEY (sha256, part)
);

-- FHIR packages added at run time.
CREATE TABLE package (
    name     TEXT   NOT NULL,
    version  TEXT   NOT NULL,
    sha256   TEXT   NOT NULL,
    added    BIGINT NOT NULL,
    archive  BLOB   NOT NULL,
    PRIMARY KEY (name, version)
);
