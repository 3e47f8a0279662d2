INSERT INTO staff VALUES (1, 'another name', NULL, 7), (2, 'equal', NULL, 20), (3, 'another name', NULL, 7);
INSERT INTO rooms VALUES (1, 'another name', 4), (2, 'equal', 4);
