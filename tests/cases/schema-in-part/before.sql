INSERT INTO people VALUES (9, 'nine');
