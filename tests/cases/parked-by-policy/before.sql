INSERT INTO countries VALUES ('SE');
