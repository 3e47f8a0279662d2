INSERT INTO people VALUES (3, 'three'), (5, 'stands');
