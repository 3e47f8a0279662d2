INSERT INTO people VALUES (1, 'a', 10), (2, 'bob', 20), (3, 'c', 30), (5, 'e', 50);
