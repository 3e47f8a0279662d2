//! What runs when rows are inserted, and what the server's own sifting says of rows that it has changed.

use super::*;
use crate::connector::target::Records;
use crate::connector::target::Rows;
use crate::connector::target::Sifted;
use crate::connector::target::Triggers;

const TABLES: &str = r#"
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES plain DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE updated (id int PRIMARY KEY);
CREATE TRIGGER u BEFORE UPDATE ON updated FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE off (id int PRIMARY KEY);
CREATE TRIGGER i BEFORE INSERT ON off FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE off DISABLE TRIGGER i;
CREATE TABLE "before It's" (id int PRIMARY KEY);
CREATE TRIGGER i BEFORE INSERT ON "before It's" FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE behind (id int PRIMARY KEY);
CREATE TRIGGER i AFTER INSERT ON behind FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TABLE late (id int PRIMARY KEY);
CREATE CONSTRAINT TRIGGER i AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9);
CREATE TRIGGER i BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE r AS ON INSERT TO ruled DO ALSO NOTIFY ruled;
"#;

#[tokio::test]
async fn whatever_runs_on_insert_is_known() {
    in_database(move |url| async move {
        let target = open(&url, TABLES).await;
        for (name, expected) in [
            ("plain", Triggers::None),
            ("child", Triggers::None),
            ("updated", Triggers::None),
            ("off", Triggers::None),
            ("before It's", Triggers::AtOnce),
            ("behind", Triggers::AtOnce),
            ("late", Triggers::Deferred),
            ("parted", Triggers::AtOnce),
            ("ruled", Triggers::AtOnce),
        ] {
            let table = table(&target, name).await;
            let mut tx = target.begin().await.unwrap();
            assert_eq!(tx.insert_triggers(&table).await.unwrap(), expected, "{name}");
            let row = [Value::Integer(1)];
            let rows = Rows { table: &table, columns: &[0], key: &[0], rows: &[&row] };
            tx.insert(rows).await.unwrap();
            assert_eq!(tx.insert_triggers(&table).await.unwrap(), expected, "{name}, behind an insert");
            tx.rollback().await.unwrap();
        }
    })
    .await;
}

/// A column of a type, what a trigger puts there, what the row is given, and how both are shown.
const REWRITES: &[(&str, &str, Value, &str)] = &[
    ("int", "7", Value::Integer(1), "put `7` into `v` while the row was inserted, expected `1`"),
    ("int", "NULL", Value::Integer(1), "put `NULL` into `v` while the row was inserted, expected `1`"),
    ("int", "7", Value::Null, "put `7` into `v` while the row was inserted, expected `NULL`"),
    ("float8", "0.5", Value::Float(1.0), "put `0.5` into `v` while the row was inserted, expected `1`"),
    ("timestamptz", "'2024-01-02 03:04:05.6Z'", Value::Timestamp(0), "put `2024-01-02T03:04:05.6Z` into `v`"),
    ("bytea", r"'\xff'", Value::Bytes(Vec::new()), "into `v` while the row was inserted"),
    ("boolean", "false", Value::Bool(true), "into `v` while the row was inserted"),
    ("int[]", "'{1,NULL}'", Value::Array(Vec::new()), "into `v` while the row was inserted"),
];

#[tokio::test]
async fn rows_that_a_trigger_changes_are_sifted_out() {
    for (kind, put, given, expected) in REWRITES {
        in_database(move |url| async move {
            let sql = format!(
                "CREATE TABLE t (id int PRIMARY KEY, v {kind});
                 CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     IF NEW.id % 3 = 1 THEN NEW.v := {put}; END IF; RETURN NEW; END $$;
                 CREATE TRIGGER put BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION put();"
            );
            let target = open(&url, &sql).await;
            let table = table(&target, "t").await;
            let rows: Vec<[Value; 2]> = (0..20).map(|id| [Value::Integer(id), given.clone()]).collect();
            let rows: Vec<&[Value]> = rows.iter().map(<[Value; 2]>::as_slice).collect();
            let calls = [Rows { table: &table, columns: &[0, 1], key: &[0], rows: &rows }];
            let records = Records { tables: &calls, of: &[(0..20).collect()], count: 20 };
            let mut tx = target.begin().await.unwrap();
            let sifted = tx.sift(&records).await.unwrap().unwrap();
            for (id, answer) in sifted.iter().enumerate() {
                match answer {
                    Sifted::New => assert_ne!(id % 3, 1, "{kind}"),
                    Sifted::Refused(refusal) => {
                        assert_eq!((refusal.code, refusal.column.as_deref(), id % 3), ("trigger", Some("v"), 1));
                        assert!(refusal.message.contains(expected), "{kind}: {}", refusal.message);
                    }
                    Sifted::Conflict => panic!("{kind}: {id}"),
                }
            }
            let left = tx.query("SELECT count(*) FROM t", &[]).await.unwrap();
            assert_eq!(left, [[Value::Integer(13)]], "{kind}");
        })
        .await;
    }
}

/// What differs to the server alone, or is changed only when constraints are checked, is for others to judge.
#[tokio::test]
async fn what_the_server_cannot_judge_is_not_sifted() {
    in_database(move |url| async move {
        let sql = "CREATE TABLE j (id int PRIMARY KEY, v json);
            CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := '{\"a\":  1}'; RETURN NEW; END $$;
            CREATE TRIGGER same BEFORE INSERT ON j FOR EACH ROW EXECUTE FUNCTION same();
            CREATE TABLE n (id int PRIMARY KEY, v numeric);
            CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := round(NEW.v, 4); RETURN NEW; END';
            CREATE TRIGGER more BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION more();
            CREATE TABLE late (id int PRIMARY KEY, v int);
            CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION nothing();";
        let target = open(&url, sql).await;
        let decimal = Value::Decimal(crate::record::decimal::Decimal::parse("1.5").unwrap());
        let json = Value::Json("{\"a\": 1}".to_owned());
        for (name, value, is_sifted) in [("j", json, false), ("n", decimal, true), ("late", Value::Integer(1), false)] {
            let table = table(&target, name).await;
            let row = [Value::Integer(1), value];
            let calls = [Rows { table: &table, columns: &[0, 1], key: &[0], rows: &[&row] }];
            let mut tx = target.begin().await.unwrap();
            let sifted = tx.sift(&Records { tables: &calls, of: &[vec![0]], count: 1 }).await.unwrap();
            assert_eq!(sifted, is_sifted.then(|| vec![Sifted::New]), "{name}");
        }
    })
    .await;
}
