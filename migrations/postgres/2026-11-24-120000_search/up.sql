-- What string, date, number, quantity and composite parameters find, and what chains and includes follow.
-- FHIR R4, Search (search.html). How the tables are used: docs/storage.md.

-- The parameters whose elements are there, for :missing.
ALTER TABLE resource ADD COLUMN present TEXT NOT NULL DEFAULT '';

-- What searches need of each living resource, without its body. sort: minus the clinical date, as in
-- index_value. link: the hash that references to the resource bear.
CREATE TABLE index_resource (
    pk   BIGINT NOT NULL,
    type BIGINT NOT NULL,
    sort BIGINT NOT NULL,
    link BIGINT NOT NULL,
    PRIMARY KEY (pk, type, sort, link)
);
CREATE INDEX index_resource_link ON index_resource (link);

-- Folded text, cut to a bounded length; exact is the hash of the text as it was written.
CREATE TABLE index_string (
    param BIGINT NOT NULL,
    value TEXT   COLLATE "C" NOT NULL,
    exact BIGINT NOT NULL,
    pk    BIGINT NOT NULL,
    PRIMARY KEY (param, value, exact, pk)
);
CREATE INDEX index_string_pk ON index_string (pk, param);

-- Closed intervals. class: for dates how long the interval is at most, for quantities the hash of the unit.
CREATE TABLE index_range (
    param BIGINT NOT NULL,
    class BIGINT NOT NULL,
    low   BIGINT NOT NULL,
    high  BIGINT NOT NULL,
    pk    BIGINT NOT NULL,
    PRIMARY KEY (param, class, low, high, pk)
);
CREATE INDEX index_range_pk ON index_range (pk, param);

-- References from resource to resource, from their source: index_resource.link of the target.
CREATE TABLE index_link (
    pk    BIGINT NOT NULL,
    param BIGINT NOT NULL,
    link  BIGINT NOT NULL,
    PRIMARY KEY (pk, param, link)
);
