INSERT INTO orders VALUES (1, 'theirs'), (2, 'other'), (3, 'all equal');
INSERT INTO lines VALUES (1, 0, 'other'), (2, 0, 'b'), (3, 0, 'd');
