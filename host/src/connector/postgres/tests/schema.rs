//! What the catalogs say, and schema files.

use super::*;
use crate::connector::TargetError;
use crate::record::ColumnType;
use crate::record::ForeignKey;
use crate::record::Unique;

#[tokio::test]
async fn chinook_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/chinook/Chinook_PostgreSql.sql");
    let Ok(script) = std::fs::read_to_string(path) else { return skipped(&"no Chinook script") };
    // The databases of the script and psql's own command are not for a target.
    let script: String = script
        .lines()
        .filter(|line| !["DROP DATABASE", "CREATE DATABASE", "\\c"].iter().any(|start| line.starts_with(start)))
        .map(|line| format!("{line}\n"))
        .collect();
    in_database(move |url| async move {
        let target = PostgresTarget::open(&url, Mode::ReadOnly).await.unwrap();
        let names = ["track", "playlist_track", "public.employee", "nothing"].map(str::to_owned);
        let tried = target.tables_of_script(&script, &names).await.unwrap();
        assert!(tried[3].is_none());
        assert!(target.table("track").await.unwrap().is_none(), "a script that is tried out leaves nothing");
        let track = tried[0].clone().unwrap().schema;
        assert_eq!(track.primary_key, [0]);
        let kinds: Vec<_> =
            track.columns.iter().map(|column| (column.name.as_str(), column.kind.clone(), column.nullable)).collect();
        assert_eq!(kinds[1], ("name", ColumnType::Text { chars_max: Some(200), padded: false }, false));
        assert_eq!(kinds[5], ("composer", ColumnType::Text { chars_max: Some(220), padded: false }, true));
        assert_eq!(kinds[8], ("unit_price", ColumnType::Decimal { limits: Some((10, 2)), inexact: false }, false));
        let parents: Vec<_> = track.foreign_keys.iter().map(|key| (key.parent.as_str(), key.columns[0])).collect();
        assert_eq!(parents, [("album", 2), ("genre", 4), ("media_type", 3)]);
        assert_eq!(tried[1].clone().unwrap().schema.primary_key, [0, 1]);
        let employee = tried[2].clone().unwrap().schema;
        assert_eq!(employee.name, "employee");
        assert_eq!(employee.foreign_keys[0].parent, "employee");
        assert_eq!(employee.columns[5].kind, ColumnType::LocalTimestamp);

        assert!(matches!(target.apply_schema("CREATE TABLE x (a int)").await, Err(TargetError::Permission { .. })));
        let target = open(&url, &script).await;
        assert_eq!(target.table("track").await.unwrap().unwrap(), track);
        assert_eq!(texts(&url, "SELECT count(*)::text FROM track").await, [Some("3503".to_owned())]);
    })
    .await;
}

const ALL: &str = r#"
CREATE EXTENSION citext;
CREATE SCHEMA crm;
CREATE TYPE crm."Status" AS ENUM ('ACTIVE', 'IN ACTIVE');
CREATE DOMAIN zip AS char(5) CHECK (VALUE <> '00000');
CREATE DOMAIN strict_zip AS zip NOT NULL;
CREATE TABLE crm."Order Items" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "createdAt" timestamp(3) with time zone NOT NULL DEFAULT now(),
    dropped int,
    status crm."Status",
    email citext UNIQUE,
    zip zip, strict strict_zip,
    small int2, amount numeric(12,4), any_amount numeric, ratio real,
    doubled bigint GENERATED ALWAYS AS (small * 2) STORED,
    tags varchar(8)[], numbers int[], doc json, docb jsonb, at time, "on" date, local timestamp,
    raw bytea, ref uuid, flag boolean, span interval,
    UNIQUE NULLS NOT DISTINCT (small, amount),
    CHECK (amount > 0),
    EXCLUDE (ref WITH =)
);
ALTER TABLE crm."Order Items" DROP COLUMN dropped;
CREATE UNIQUE INDEX partial ON crm."Order Items" (ratio) WHERE ratio > 0;
CREATE UNIQUE INDEX plain ON crm."Order Items" (flag) INCLUDE (at);
CREATE TABLE child (a int, b bigint REFERENCES crm."Order Items" (id), "dotted.name" int, PRIMARY KEY (b, a));
CREATE TABLE "a.b" (id int PRIMARY KEY);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER checks BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION nothing();
"#;

#[tokio::test]
async fn every_type_constraint_and_name_is_read() {
    in_database(move |url| async move {
        let target = open(&url, ALL).await;
        let items = table(&target, "crm.Order Items").await;
        assert_eq!(items.name, "crm.Order Items");
        let kind = |name: &str| items.columns[items.column(name).unwrap()].kind.clone();
        let column = |name: &str| items.columns[items.column(name).unwrap()].clone();
        assert_eq!(kind("id"), ColumnType::Integer { bits: 64 });
        assert!(column("id").has_default && !column("id").generated && !column("id").nullable);
        assert!(column("doubled").generated);
        assert_eq!(kind("createdAt"), ColumnType::Timestamp);
        assert_eq!(column("createdAt").declared, "timestamp(3) with time zone");
        assert_eq!(kind("status"), ColumnType::Enum { labels: vec!["ACTIVE".into(), "IN ACTIVE".into()] });
        assert_eq!(kind("email"), ColumnType::Text { chars_max: None, padded: false });
        assert_eq!(kind("zip"), ColumnType::Text { chars_max: Some(5), padded: true });
        assert!(column("zip").nullable && !column("strict").nullable);
        assert_eq!(kind("strict"), kind("zip"));
        assert_eq!(kind("small"), ColumnType::Integer { bits: 16 });
        assert_eq!(kind("amount"), ColumnType::Decimal { limits: Some((12, 4)), inexact: false });
        assert_eq!(kind("any_amount"), ColumnType::Decimal { limits: None, inexact: false });
        assert_eq!(kind("ratio"), ColumnType::Float { bits: 32 });
        let array = |element| ColumnType::Array { element: Box::new(element) };
        assert_eq!(kind("tags"), array(ColumnType::Text { chars_max: Some(8), padded: false }));
        assert_eq!(kind("numbers"), array(ColumnType::Integer { bits: 32 }));
        assert_eq!(kind("span"), ColumnType::Textual);
        assert_eq!(kind("doc"), ColumnType::Json { binary: false });
        assert_eq!(kind("docb"), ColumnType::Json { binary: true });
        assert_eq!(
            [kind("at"), kind("on"), kind("local")],
            [ColumnType::Time, ColumnType::Date, ColumnType::LocalTimestamp]
        );
        assert_eq!([kind("raw"), kind("ref"), kind("flag")], [ColumnType::Bytes, ColumnType::Uuid, ColumnType::Bool]);
        assert_eq!(items.primary_key, [0]);
        let place = |name: &str| items.column(name).unwrap();
        assert_eq!(
            items.uniques,
            [
                Unique { name: "Order Items_email_key".into(), columns: vec![place("email")], nulls_equal: false },
                Unique {
                    name: "Order Items_small_amount_key".into(),
                    columns: vec![place("small"), place("amount")],
                    nulls_equal: true
                },
                Unique { name: "plain".into(), columns: vec![place("flag")], nulls_equal: false },
            ]
        );
        let unpredicted = items.not_predicted.join("\n");
        for word in
            ["partial", "exclusion", "CHECK ((amount", "domain of `zip`", "domain of `strict`", "`email`", "(3)"]
        {
            assert!(unpredicted.contains(word), "{word} in {unpredicted}");
        }

        let child = table(&target, "public.child").await;
        assert_eq!(child.name, "child");
        assert_eq!(child.primary_key, [1, 0]);
        assert_eq!(
            child.foreign_keys,
            [ForeignKey {
                name: "child_b_fkey".into(),
                columns: vec![1],
                parent: "crm.Order Items".into(),
                parent_columns: vec!["id".into()]
            }]
        );
        assert_eq!(child.not_predicted, ["trigger `checks`"]);
        assert!(target.table("a.b").await.unwrap().is_none());
        assert_eq!(table(&target, "\"a.b\"").await.name, "\"a.b\"");
        assert!(target.table("Child").await.unwrap().is_none(), "letters keep their case");
    })
    .await;
}

#[tokio::test]
async fn scripts_are_one_transaction() {
    in_database(move |url| async move {
        let target = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let failed = target.apply_schema("CREATE TABLE a (x int);\n\nCREATE TABLE b (x nonsense);").await.unwrap_err();
        assert_eq!(failed.to_string(), "apply the schema at line 3 failed");
        assert!(target.table("a").await.unwrap().is_none());
        let failed = target.tables_of_script("CREATE TABLE a (x int); COMMIT;", &[]).await.unwrap_err();
        assert!(matches!(failed, TargetError::OwnTransaction { .. }), "{failed}");
        // What a dump begins with has no effect on later sessions.
        target
            .apply_schema("SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.a (x int);")
            .await
            .unwrap();
        assert_eq!(table(&target, "a").await.name, "a");
    })
    .await;
}

#[tokio::test]
async fn a_script_that_is_tried_out_leaves_nothing() {
    in_database(move |url| async move {
        let everything = "SELECT (SELECT count(*) FROM pg_class) || ' ' || (SELECT count(*) FROM pg_type) || ' ' || \
            (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%temp_%') || ' ' || (SELECT count(*) FROM pg_extension)";
        let target = open(&url, "CREATE TABLE parent (id int PRIMARY KEY)").await;
        let before = texts(&url, everything).await;
        for mode in [Mode::ReadOnly, Mode::ReadWrite] {
            let target = PostgresTarget::open(&url, mode).await.unwrap();
            let made = target.tables_of_script(ALL, &["crm.Order Items".to_owned()]).await.unwrap();
            assert!(made[0].is_some());
            // A script that tries to end the transaction does not get through with anything.
            for sql in ["CREATE TABLE a (x int); COMMIT;", "ROLLBACK; CREATE TABLE a (x int)", "COMMIT; CREATE TABLE a (x int)"] {
                target.tables_of_script(sql, &["a".to_owned()]).await.unwrap_err();
                assert_eq!(texts(&url, everything).await, before, "{sql}");
            }
        }
        // What is there has its say.
        let child = "CREATE TABLE child (id int REFERENCES parent);";
        let names = ["child".to_owned(), "parent".to_owned()];
        let failed = target.tables_of_script(&format!("{child} CREATE TABLE parent (id int)"), &names).await.unwrap_err();
        let why = std::error::Error::source(&failed).unwrap().to_string();
        assert_eq!(why, "relation \"parent\" already exists");
        let mild = format!("{child} CREATE TABLE IF NOT EXISTS parent (id int)");
        let made = target.tables_of_script(&mild, &names).await.unwrap();
        assert_eq!(made[0].as_ref().unwrap().schema.foreign_keys[0].parent, "parent");
        assert_eq!(texts(&url, everything).await, before);
    })
    .await;
}

#[tokio::test]
async fn missing_things_are_told_apart() {
    in_database(move |url| async move {
        let open = async |url: &str| PostgresTarget::open(url, Mode::ReadWrite).await.unwrap_err();
        assert!(matches!(open("postgres://127.0.0.1:1/x").await, TargetError::Unreachable { .. }));
        // In the server's words, without the lines of its source that the driver would add.
        match open(&url.replace("whimbrel_test", "no_such")).await {
            TargetError::NoDatabase { command, source, .. } => {
                let said = source.to_string();
                assert!(said.starts_with("database \"no_such_") && said.ends_with("\" does not exist"), "{said}");
                assert!(command.starts_with("createdb -h ") && command.contains(" no_such_"), "{command}");
            }
            other => panic!("{other:?}"),
        }
        let (before, after) = url.split_once("://").unwrap();
        let unknown = format!("{before}://whimbrel_nobody@{}", after.split_once('@').map_or(after, |(_, rest)| rest));
        match open(&unknown).await {
            TargetError::TurnedAway { source, .. } => assert!(!source.to_string().contains("at line"), "{source}"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(open("mysql://127.0.0.1/x").await, TargetError::Unknown { .. }));
    })
    .await;
}
