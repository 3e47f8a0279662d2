//! The target against real files.

use std::time::Instant;

use super::*;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;
use crate::record::Value;
use crate::record::value;

type Test = Result<(), Box<dyn std::error::Error>>;

struct Fixture {
    target: SqliteTarget,
    folder: tempfile::TempDir,
}

async fn fixture(sql: &str) -> Result<Fixture, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let target = SqliteTarget::open("sqlite:t.db", folder.path(), Mode::ReadWriteCreate)?;
    target.apply_schema(sql).await?;
    Ok(Fixture { target, folder })
}

async fn schema_of(target: &SqliteTarget, table: &str) -> Result<TableSchema, Box<dyn std::error::Error>> {
    Ok(target.table(table).await?.ok_or("no such table")?)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Inserts rows of all columns with the primary key as key.
async fn insert(
    transaction: &mut dyn Transaction,
    table: &TableSchema,
    rows: &[Vec<Value>],
) -> Result<Vec<Inserted>, TargetError> {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
    transaction.insert(Rows { table, columns: &columns, key: &table.primary_key, rows: &rows }).await
}

fn refusal(result: Result<Vec<Inserted>, TargetError>) -> Result<Refusal, Box<dyn std::error::Error>> {
    match result {
        Err(TargetError::Refused(refusal)) => Ok(refusal),
        other => Err(format!("expected a refusal, found {other:?}").into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_new_or_conflict_with_what_is_there() -> Test {
    let fixture = fixture("CREATE TABLE \"select\" (\"a b\" TEXT PRIMARY KEY, n INT)").await?;
    let table = schema_of(&fixture.target, "select").await?;
    let mut transaction = fixture.target.begin().await?;
    let rows = [vec![text("x"), Value::Integer(1)], vec![text("y"), Value::Null], vec![text("x"), Value::Integer(2)]];
    let answers = insert(&mut *transaction, &table, &rows).await?;
    assert_eq!(answers, [Inserted::New, Inserted::New, Inserted::Conflict(rows[0].clone())]);
    let (key, columns) = ([0], [0, 1]);
    let changed = [text("x"), Value::Integer(9)];
    transaction.update(Rows { table: &table, columns: &columns, key: &key, rows: &[&changed] }).await?;
    transaction.commit().await?;

    let mut transaction = fixture.target.begin().await?;
    let found = transaction.find(&table, &[0], &[vec![text("x")], vec![text("z")], vec![Value::Null]], &[1]).await?;
    assert_eq!(found, HashMap::from([(value::encode(&[text("x")]), vec![Value::Integer(9)])]));
    let gone = [text("z"), Value::Integer(9)];
    let missing = transaction.update(Rows { table: &table, columns: &columns, key: &key, rows: &[&gone] }).await;
    assert!(matches!(missing, Err(TargetError::Database { .. })), "{missing:?}");
    Ok(())
}

use std::collections::HashMap;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_what_refused() -> Test {
    let fixture = fixture(
        "CREATE TABLE p (id TEXT PRIMARY KEY);
         CREATE TABLE q (a INT, b INT, UNIQUE (a, b));
         CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, age INT CONSTRAINT grown CHECK (age > 17),
            one TEXT REFERENCES p, two TEXT REFERENCES p (id), self INT REFERENCES t);
         CREATE TRIGGER loud BEFORE INSERT ON t WHEN NEW.email = 'loud' BEGIN SELECT RAISE(ABORT, 'too loud'); END;
         CREATE TRIGGER mute BEFORE INSERT ON t WHEN NEW.email = 'mute' BEGIN SELECT RAISE(IGNORE); END;
         CREATE TABLE s (n INT) STRICT;
         INSERT INTO p VALUES ('here'); INSERT INTO t (id, email) VALUES (1, 'a@b');",
    )
    .await?;
    let table = schema_of(&fixture.target, "t").await?;
    let row = |id: i64, email: Value, age: i64, one: Value, two: Value, parent: Value| {
        vec![Value::Integer(id), email, Value::Integer(age), one, two, parent]
    };
    let (here, gone) = (|| text("here"), || text("gone"));
    let good = row(7, text("g"), 18, here(), here(), Value::Integer(7));
    let null = || Value::Null;
    for (bad, code, constraint, column) in [
        (row(8, text("a@b"), 20, null(), null(), null()), "unique", None, Some("email")),
        (row(8, text("c"), 17, null(), null(), null()), "check", Some("grown"), None),
        (row(8, null(), 20, null(), null(), null()), "not-null", None, Some("email")),
        (row(8, text("c"), 20, here(), gone(), null()), "foreign-key", Some("t(two) references p"), Some("two")),
        (
            row(8, text("c"), 20, here(), null(), Value::Integer(99)),
            "foreign-key",
            Some("t(self) references t"),
            Some("self"),
        ),
        (row(8, text("loud"), 20, null(), null(), null()), "trigger", None, None),
        (row(8, text("mute"), 20, null(), null(), null()), "trigger", None, None),
    ] {
        let mut transaction = fixture.target.begin().await?;
        transaction.savepoint("a \"b").await?;
        let found = refusal(insert(&mut *transaction, &table, &[good.clone(), bad.clone()]).await)?;
        assert_eq!(
            (found.code, found.constraint.as_deref(), found.column.as_deref(), found.row),
            (code, constraint, column, Some(1)),
            "{bad:?}"
        );
        transaction.rollback_to("a \"b").await?;
        assert_eq!(insert(&mut *transaction, &table, std::slice::from_ref(&good)).await?, [Inserted::New]);
        transaction.release("a \"b").await?;
        transaction.rollback().await?;
    }
    let pair = schema_of(&fixture.target, "q").await?;
    let mut transaction = fixture.target.begin().await?;
    let twice = vec![Value::Integer(1), Value::Integer(2)];
    let found = refusal(insert(&mut *transaction, &pair, &[twice.clone(), twice]).await)?;
    assert_eq!((found.constraint, found.column.as_deref()), (None, Some("a, b")));
    transaction.rollback().await?;
    let mut transaction = fixture.target.begin().await?;
    let nan = vec![text("x")];
    let strict = TableSchema { primary_key: Vec::new(), ..schema_of(&fixture.target, "s").await? };
    assert_eq!(refusal(insert(&mut *transaction, &strict, &[nan]).await)?.code, "value");
    assert_eq!(refusal(insert(&mut *transaction, &strict, &[vec![Value::Float(f64::NAN)]]).await)?.code, "value");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tables_own_conflict_clauses_neither_remove_nor_pass_over_rows() -> Test {
    let fixture = fixture(
        "CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, a TEXT UNIQUE ON CONFLICT REPLACE,
         b TEXT UNIQUE ON CONFLICT IGNORE, c TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'c');
         INSERT INTO t VALUES (1, 'a', 'b', 'c'), (2, 'other', 'other', 'c')",
    )
    .await?;
    let table = schema_of(&fixture.target, "t").await?;
    let row = |id: i64, a: &str, b: &str, c: Value| vec![Value::Integer(id), text(a), text(b), c];
    let mut transaction = fixture.target.begin().await?;
    for (refused, code) in [
        (row(3, "a", "new", text("c")), "unique"),
        (row(3, "new", "b", text("c")), "unique"),
        (row(3, "new", "new", Value::Null), "not-null"),
    ] {
        assert_eq!(refusal(insert(&mut *transaction, &table, &[refused]).await)?.code, code);
    }
    let standing = insert(&mut *transaction, &table, &[row(1, "x", "y", text("z"))]).await?;
    assert_eq!(standing, [Inserted::Conflict(row(1, "a", "b", text("c")))]);
    let columns = [0, 1, 2, 3];
    for (refused, code) in [(row(2, "a", "other", text("c")), "unique"), (row(2, "other", "b", text("c")), "unique")] {
        let rows = Rows { table: &table, columns: &columns, key: &[0], rows: &[refused.as_slice()] };
        let updated = transaction.update(rows).await;
        assert_eq!(refusal(updated.map(|()| Vec::new()))?.code, code);
    }
    let keys: Vec<Vec<Value>> = (1..=3).map(|id| vec![Value::Integer(id)]).collect();
    assert_eq!(transaction.find(&table, &[0], &keys, &columns).await?.len(), 2);
    Ok(transaction.rollback().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_a_trigger_swallows_is_refused() -> Test {
    let fixture = fixture(
        "CREATE TABLE t (id INT PRIMARY KEY, name TEXT);
         INSERT INTO t VALUES (1, 'a'), (2, 'b');
         CREATE TRIGGER mute BEFORE UPDATE ON t WHEN NEW.name = 'mute' BEGIN SELECT RAISE(IGNORE); END;",
    )
    .await?;
    let table = schema_of(&fixture.target, "t").await?;
    let mut transaction = fixture.target.begin().await?;
    let rows: [&[Value]; 2] = [&[Value::Integer(1), text("c")], &[Value::Integer(2), text("mute")]];
    let (key, columns) = ([0], [0, 1]);
    let update = transaction.update(Rows { table: &table, columns: &columns, key: &key, rows: &rows }).await;
    let found = refusal(update.map(|()| Vec::new()))?;
    assert_eq!((found.code, found.row), ("trigger", Some(1)));
    let gone: [&[Value]; 1] = [&[Value::Integer(3), text("c")]];
    let update = transaction.update(Rows { table: &table, columns: &columns, key: &key, rows: &gone }).await;
    assert!(matches!(update, Err(TargetError::Database { .. })), "{update:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_a_constraint_is_looked_up() -> Test {
    let fixture = fixture("CREATE TABLE t (a INT, b INT UNIQUE)").await?;
    let table = schema_of(&fixture.target, "t").await?;
    let mut transaction = fixture.target.begin().await?;
    let rows: [&[Value]; 3] = [
        &[Value::Integer(1), Value::Integer(1)],
        &[Value::Integer(1), Value::Integer(2)],
        &[Value::Null, Value::Integer(3)],
    ];
    let answers = transaction.insert(Rows { table: &table, columns: &[0, 1], key: &[0], rows: &rows }).await?;
    assert_eq!(answers, [Inserted::New, Inserted::Conflict(rows[0].to_vec()), Inserted::New]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deferred_foreign_keys_are_checked_before_the_commit() -> Test {
    let fixture = fixture(
        "CREATE TABLE p (id INT PRIMARY KEY);
         CREATE TABLE c (id INT PRIMARY KEY, p INT REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    )
    .await?;
    let (parent, child) = (schema_of(&fixture.target, "p").await?, schema_of(&fixture.target, "c").await?);
    let mut transaction = fixture.target.begin().await?;
    insert(&mut *transaction, &child, &[vec![Value::Integer(1), Value::Integer(5)]]).await?;
    let refused = transaction.check_constraints().await.map(|()| Vec::new());
    assert_eq!(refusal(refused)?.constraint.as_deref(), Some("c(p) references p"));
    insert(&mut *transaction, &parent, &[vec![Value::Integer(5)]]).await?;
    transaction.check_constraints().await?;
    transaction.commit().await?;

    let mut transaction = fixture.target.begin().await?;
    insert(&mut *transaction, &child, &[vec![Value::Integer(2), Value::Integer(6)]]).await?;
    assert_eq!(refusal(transaction.commit().await.map(|()| Vec::new()))?.code, "foreign-key");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_as_they_were() -> Test {
    let fixture = fixture(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a BOOLEAN, b REAL, c TEXT, d BLOB, e UUID, f TIMESTAMPTZ, g DATETIME, h DATE, \
         i TIME, j JSON)",
    )
    .await?;
    let table = schema_of(&fixture.target, "t").await?;
    let row = vec![
        Value::Integer(1),
        Value::Bool(true),
        Value::Float(3.0),
        text("0123\0é"),
        Value::Bytes(vec![0, 255]),
        Value::Uuid(uuid::Uuid::from_u128(0x1e10_0000)),
        Value::Timestamp(-1),
        Value::LocalTimestamp(1_500_000),
        Value::Date(-719_162),
        Value::Time(86_399_999_999),
        Value::Json("{\"a\": 1.0}".to_owned()),
    ];
    let mut transaction = fixture.target.begin().await?;
    insert(&mut *transaction, &table, std::slice::from_ref(&row)).await?;
    assert_eq!(insert(&mut *transaction, &table, std::slice::from_ref(&row)).await?, [Inserted::Conflict(row)]);
    let stored = transaction.query("SELECT e, f, g, h, i FROM t WHERE id = $1", &[Value::Integer(1)]).await?;
    let texts = [
        "00000000-0000-0000-0000-00001e100000",
        "1969-12-31 23:59:59.999999+00:00",
        "1970-01-01 00:00:01.500000",
        "0001-01-01",
        "23:59:59.999999",
    ];
    assert_eq!(stored, [texts.map(text).to_vec()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_creates_nothing() -> Test {
    let folder = tempfile::tempdir()?;
    let names = || -> std::io::Result<Vec<_>> {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path())?.map(|e| Ok(e?.file_name())).collect::<std::io::Result<_>>()?;
        names.sort();
        Ok(names)
    };
    let target = SqliteTarget::open("sqlite:none.db", folder.path(), Mode::ReadOnly)?;
    assert_eq!(target.table("t").await?, None);
    assert!(!target.has_own_tables().await?);
    let _lock = target.lock("m", "r", "me").await?;
    target.begin().await?.commit().await?;
    assert!(names()?.is_empty());

    let written = SqliteTarget::open("a b?#.db", folder.path(), Mode::ReadWriteCreate)?;
    written.create_own_tables().await?;
    written.create_own_tables().await?;
    assert!(written.has_own_tables().await?);
    drop(written);
    let before = names()?;
    let target = SqliteTarget::open("a b?#.db", folder.path(), Mode::ReadOnly)?;
    let mut transaction = target.begin().await?;
    assert!(target.has_own_tables().await?);
    let refused = transaction.execute("DELETE FROM whimbrel_run", &[]).await;
    assert!(matches!(refused, Err(TargetError::Permission { .. })), "{refused:?}");
    assert_eq!(names()?, before);
    assert_eq!(before.len(), 1, "{before:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_run_whole_or_not_at_all() -> Test {
    let fixture = fixture("CREATE TABLE old (id INT)").await?;
    let failed = fixture.target.apply_schema("CREATE TABLE a (id INT); CREATE TABLE old (id INT)").await;
    assert!(matches!(failed, Err(TargetError::Database { .. })));
    assert_eq!(fixture.target.table("a").await?, None);
    let names = ["a".to_owned(), "old".to_owned()];
    let tables = fixture.target.tables_of_script("CREATE TABLE a (id INT)", &names).await?;
    assert_eq!(tables.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true]);
    // What is there has its say.
    let both = "CREATE TABLE a (id INT REFERENCES old);\nCREATE TABLE old (id INT)";
    let failed = fixture.target.tables_of_script(both, &names).await.err().ok_or("expected a failure")?;
    let why = std::error::Error::source(&failed).map(ToString::to_string).unwrap_or_default();
    assert_eq!(
        (failed.to_string().as_str(), why.as_str()),
        ("apply the schema at line 2 failed", "table old already exists")
    );
    let mild = both.replace("TABLE old", "TABLE IF NOT EXISTS old");
    assert!(fixture.target.tables_of_script(&mild, &names).await?[0].is_some());
    assert_eq!(fixture.target.table("a").await?, None);
    let beside = fixture.folder.path().join("beside.db");
    let attach = format!("ATTACH '{}' AS x; CREATE TABLE x.t (a)", beside.display());
    assert!(fixture.target.tables_of_script(&attach, &names).await.is_err());
    assert!(!beside.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_leaves_nothing_and_frees_the_writer() -> Test {
    let fixture = fixture("CREATE TABLE t (id INT PRIMARY KEY)").await?;
    let table = schema_of(&fixture.target, "t").await?;
    let mut first = fixture.target.begin().await?;
    insert(&mut *first, &table, &[vec![Value::Integer(1)]]).await?;
    assert!(fixture.target.table("t").await?.is_some(), "schemas are read beside an open transaction");
    drop(first);
    let mut second = fixture.target.begin().await?;
    assert_eq!(insert(&mut *second, &table, &[vec![Value::Integer(1)]]).await?, [Inserted::New]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_ends_the_transaction_is_no_success() -> Test {
    let fixture = fixture(
        "CREATE TABLE t (id INT PRIMARY KEY);
         CREATE TRIGGER harsh BEFORE INSERT ON t WHEN NEW.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'all gone'); END",
    )
    .await?;
    let table = schema_of(&fixture.target, "t").await?;
    let mut transaction = fixture.target.begin().await?;
    let rows = [vec![Value::Integer(1)], vec![Value::Integer(2)]];
    assert_eq!(refusal(insert(&mut *transaction, &table, &rows).await)?.code, "trigger");
    assert!(insert(&mut *transaction, &table, &rows[..1]).await.is_err());
    assert!(transaction.commit().await.is_err());
    Ok(())
}

/// Run by hand in a release build: `cargo test --release -p whimbrel speed -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "a measurement is shown")]
async fn speed_against_a_bare_loop() -> Test {
    const ROWS: i64 = 200_000;
    const IN_TRANSACTION: usize = 5_000;
    let columns: Vec<String> = (0..15).map(|c| format!("c{c} {}", ["INT", "TEXT", "REAL"][c % 3])).collect();
    let sql = format!("CREATE TABLE t (id UUID PRIMARY KEY, {})", columns.join(", "));
    let rows: Vec<Vec<Value>> = (0..ROWS)
        .map(|n| {
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, &n.to_le_bytes());
            let other = (0..15).map(|c| match c % 3 {
                0 => Value::Integer(n * 1_000 + c),
                1 => Value::Text(format!("some text of row {n}").into()),
                #[expect(clippy::cast_precision_loss, reason = "any double will do")]
                _ => Value::Float(n as f64 / 7.0),
            });
            std::iter::once(Value::Uuid(id)).chain(other).collect()
        })
        .collect();
    for round in 0..3 {
        let bare = fixture(&sql).await?;
        let places: Vec<String> = (1..=16).map(|place| format!("?{place}")).collect();
        let started = Instant::now();
        for part in rows.chunks(IN_TRANSACTION) {
            let connection = bare.target.writer.lock().await;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let mut statement = connection.prepare_cached(&format!("INSERT INTO t VALUES ({})", places.join(",")))?;
            for row in part {
                for (place, value) in row.iter().enumerate() {
                    match value {
                        Value::Integer(value) => statement.raw_bind_parameter(place + 1, value)?,
                        Value::Float(value) => statement.raw_bind_parameter(place + 1, value)?,
                        Value::Text(value) => statement.raw_bind_parameter(place + 1, value.as_str())?,
                        Value::Uuid(value) => statement.raw_bind_parameter(place + 1, value.to_string())?,
                        _ => {}
                    }
                }
                statement.raw_execute()?;
            }
            drop(statement);
            connection.execute_batch("COMMIT")?;
        }
        let bare = started.elapsed();
        let ours = fixture(&sql).await?;
        let table = schema_of(&ours.target, "t").await?;
        let started = Instant::now();
        for part in rows.chunks(IN_TRANSACTION) {
            let mut transaction = ours.target.begin().await?;
            insert(&mut *transaction, &table, part).await?;
            transaction.commit().await?;
        }
        let ours = started.elapsed();
        let per_second = |elapsed: std::time::Duration| f64::from(200_000) / elapsed.as_secs_f64();
        eprintln!(
            "round {round}: bare {:.0}/s, insert {:.0}/s, {:.2}",
            per_second(bare),
            per_second(ours),
            bare.as_secs_f64() / ours.as_secs_f64()
        );
    }
    Ok(())
}
