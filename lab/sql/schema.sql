-- The lab's database: actors and their films, made up by arithmetic.
CREATE DATABASE lab;
USE lab;
CREATE TABLE actor (
    actor_id SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
    first_name VARCHAR(45) NOT NULL,
    last_name VARCHAR(45) NOT NULL,
    last_update TIMESTAMP NOT NULL,
    KEY (last_name)
) ENGINE = InnoDB;
CREATE TABLE film (
    film_id SMALLINT UNSIGNED NOT NULL PRIMARY KEY,
    title VARCHAR(128) NOT NULL,
    year SMALLINT NOT NULL
) ENGINE = InnoDB;
CREATE TABLE film_actor (
    actor_id SMALLINT UNSIGNED NOT NULL,
    film_id SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (actor_id, film_id)
) ENGINE = InnoDB;
INSERT INTO actor
    SELECT seq, ELT(1 + seq MOD 10, 'ADA', 'BORIS', 'CLARA', 'DAVID', 'EDITH', 'FELIX', 'GRETA', 'HUGO', 'IDA', 'JONAS'),
        CONCAT(ELT(1 + seq MOD 7, 'AUER', 'BRANDT', 'CURIE', 'DUVAL', 'ENGEL', 'FISCHER', 'GARNIER'), '-', seq),
        '2024-02-15 04:34:33'
    FROM seq_1_to_200;
INSERT INTO film SELECT seq, CONCAT('FILM NUMBER ', seq), 1950 + seq MOD 70 FROM seq_1_to_1000;
INSERT INTO film_actor SELECT DISTINCT a.seq, 1 + (a.seq * 37 + f.seq * 53) MOD 1000 FROM seq_1_to_200 a, seq_1_to_20 f;
FLUSH PRIVILEGES;
CREATE USER 'lab'@'localhost' IDENTIFIED BY 'lab';
GRANT SELECT ON lab.* TO 'lab'@'localhost';
