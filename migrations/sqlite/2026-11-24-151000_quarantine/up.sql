-- What was found damaged and is not whole again yet: versions as `Patient/1/_history/2`, documents as
-- `document/` and their SHA-256. Nothing damaged is served, whether it stands here or not.
CREATE TABLE quarantine (
    what  TEXT   NOT NULL PRIMARY KEY,
    found BIGINT NOT NULL
);
