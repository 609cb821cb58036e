DROP TABLE index_link;
DROP TABLE index_range;
DROP TABLE index_string;
DROP TABLE index_resource;
ALTER TABLE resource DROP COLUMN present;
