INSERT INTO countries (id, code, name) VALUES (5, 'ch', 'Helvetia'), (9, 'fr', 'France');
INSERT INTO cities (code, name, country) VALUES ('be', 'Berne', 5), ('pa', 'Paris', 9);
