INSERT INTO people VALUES (1, 'equal', 10), (3, 'older', 30), (50, 'nobody''s', 1);
