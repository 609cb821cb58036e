DROP TABLE indexed;
ALTER TABLE counter DROP COLUMN edition;
