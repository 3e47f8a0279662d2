INSERT INTO staff VALUES (4, 'stands as it is wanted, no boss', NULL), (1, 'stands without the boss who comes later', NULL),
    (2, 'stands as it is wanted', 4), (5, 'stands with another boss', 4);
