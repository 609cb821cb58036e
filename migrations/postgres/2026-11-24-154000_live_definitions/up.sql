-- Search parameters that come and go while the server runs. FHIR R4, SearchParameter and Search.
-- How the columns are used: docs/storage.md.

-- The edition of the definitions: raised by each commit that changes what is defined.
ALTER TABLE counter ADD COLUMN edition BIGINT NOT NULL DEFAULT 0;

-- The parameters whose index rows are there for every resource, and the hash of the definition they were
-- made by.
CREATE TABLE indexed (
    param      BIGINT NOT NULL PRIMARY KEY,
    definition BIGINT NOT NULL
);
