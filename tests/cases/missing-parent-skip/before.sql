INSERT INTO shelves VALUES (1, 'stands here before, and no entity feeds it');
