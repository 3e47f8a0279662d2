//! What the server refuses, and how a run is told.

use super::insert::insert;
use super::*;
use crate::connector::TargetError;
use crate::connector::target::Inserted;
use crate::connector::target::Refusal;
use crate::connector::target::Rows;

const TABLES: &str = "
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TYPE status AS ENUM ('A');
CREATE TABLE t (id int PRIMARY KEY, name varchar(5) NOT NULL UNIQUE, amount int CONSTRAINT positive CHECK (amount > 0),
    parent int REFERENCES parent, later int REFERENCES parent DEFERRABLE INITIALLY DEFERRED, s status, at timestamptz(0));
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.name = 'no' THEN RAISE EXCEPTION 'names are not so' USING DETAIL = 'really'; END IF;
    IF NEW.name = 'own' THEN RAISE EXCEPTION 'own code' USING ERRCODE = 'AB123'; END IF;
    IF NEW.name = 'gone' THEN RETURN NULL; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER guard BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION guard();
CREATE TABLE e (id int PRIMARY KEY, EXCLUDE (id WITH =));
";

fn row(id: i64, name: &str) -> Vec<Value> {
    let mut row = vec![Value::Integer(id), text(name)];
    row.resize(7, Value::Null);
    row
}

fn with(mut row: Vec<Value>, column: usize, value: Value) -> Vec<Value> {
    row[column] = value;
    row
}

#[tokio::test]
async fn every_refusal_names_its_constraint_and_row() {
    in_database(move |url| async move {
        let target = open(&url, TABLES).await;
        let table = table(&target, "t").await;
        let refused = async |bad: Vec<Value>| -> Refusal {
            let mut tx = target.begin().await.unwrap();
            tx.savepoint("before it").await.unwrap();
            let refused = insert(&mut tx, &table, &[0], &[row(1, "a"), row(2, "b"), bad, row(4, "d")]).await;
            tx.rollback_to("before it").await.unwrap();
            tx.release("before it").await.unwrap();
            assert_eq!(insert(&mut tx, &table, &[0], &[row(1, "a")]).await.unwrap(), [Inserted::New]);
            match refused {
                Err(TargetError::Refused(refusal)) => refusal,
                other => panic!("{other:?}"),
            }
        };
        let summary =
            |refusal: &Refusal| (refusal.code, refusal.constraint.clone(), refusal.column.clone(), refusal.row);
        let some = |text: &str| Some(text.to_owned());
        let unique = refused(row(3, "a")).await;
        assert_eq!(summary(&unique), ("unique", some("t_name_key"), None, Some(2)));
        assert_eq!(
            unique.message,
            "duplicate key value violates unique constraint \"t_name_key\": Key (name)=(a) already exists."
        );
        let check = refused(with(row(3, "c"), 2, Value::Integer(0))).await;
        assert_eq!(summary(&check), ("check", some("positive"), None, Some(2)));
        let null = refused(with(row(3, "c"), 1, Value::Null)).await;
        assert_eq!(summary(&null), ("not-null", None, some("name"), Some(2)));
        let parent = refused(with(row(3, "c"), 3, Value::Integer(9))).await;
        assert_eq!((parent.code, parent.constraint.as_deref()), ("foreign-key", Some("t_parent_fkey")));
        let long = refused(row(3, "sixsix")).await;
        assert_eq!((long.code, long.row), ("value", Some(2)));
        let label = refused(with(row(3, "c"), 5, text("B"))).await;
        assert_eq!((label.code, label.row), ("value", Some(2)));
        let nul = refused(row(3, "a\0b")).await;
        assert_eq!((nul.code, nul.row), ("value", Some(2)));
        let trigger = refused(row(3, "no")).await;
        assert_eq!(summary(&trigger), ("trigger", None, None, Some(2)));
        assert_eq!(trigger.message, "names are not so: really");
        assert_eq!(summary(&refused(row(3, "own")).await), ("trigger", None, None, Some(2)));
        assert_eq!(refused(row(3, "gone")).await.code, "trigger");
        // What no server has to say: nothing is rounded, cut or converted.
        let rounded = refused(with(row(3, "c"), 6, Value::Timestamp(1))).await;
        assert_eq!(summary(&rounded), ("value", None, some("at"), Some(2)));
        assert_eq!(rounded.message, "column `at`: expected at most 0 digits of a second, found more");
        let beyond = refused(with(row(3, "c"), 2, Value::Integer(i64::MAX))).await;
        assert_eq!((beyond.code, beyond.column.as_deref()), ("value", Some("amount")));
        assert_eq!(
            refused(with(row(3, "c"), 2, text("1"))).await.message,
            "column `amount`: expected integer, found text"
        );
    })
    .await;
}

#[tokio::test]
async fn an_update_that_a_trigger_swallows_is_refused() {
    in_database(move |url| async move {
        let sql = "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'a'), (2, 'b');
            CREATE FUNCTION mute() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.name = 'mute' THEN RETURN NULL; END IF; RETURN NEW; END $$;
            CREATE TRIGGER mute BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION mute();";
        let target = open(&url, sql).await;
        let table = table(&target, "t").await;
        let (good, mute) = ([Value::Integer(1), text("c")], [Value::Integer(2), text("mute")]);
        let gone = [Value::Integer(3), text("c")];
        let mut tx = target.begin().await.unwrap();
        let mut update = async |rows: &[&[Value]]| {
            tx.update(Rows { table: &table, columns: &[0, 1], key: &[0], rows }).await.unwrap_err()
        };
        for (rows, row) in [(&[&good[..], &mute[..]][..], None), (&[&mute[..]][..], Some(0))] {
            match update(rows).await {
                TargetError::Refused(refusal) => assert_eq!((refusal.code, refusal.row), ("trigger", row)),
                other => panic!("{other:?}"),
            }
        }
        for rows in [&[&gone[..]][..], &[&gone[..], &mute[..]][..]] {
            assert!(matches!(update(rows).await, TargetError::Database { .. }));
        }
    })
    .await;
}

#[tokio::test]
async fn deferred_constraints_are_checked_when_asked() {
    in_database(move |url| async move {
        let target = open(&url, TABLES).await;
        let schema = table(&target, "t").await;
        for at_commit in [false, true] {
            let mut tx = target.begin().await.unwrap();
            insert(&mut tx, &schema, &[0], &[with(row(1, "a"), 4, Value::Integer(5))]).await.unwrap();
            let refused = if at_commit { tx.commit().await } else { tx.check_constraints().await };
            let Err(TargetError::Refused(refusal)) = refused else { panic!("{refused:?}") };
            assert_eq!((refusal.code, refusal.table.as_str()), ("foreign-key", "t"));
        }
        let mut tx = target.begin().await.unwrap();
        let exclusion = table(&target, "e").await;
        insert(&mut tx, &exclusion, &[], &[vec![Value::Integer(1)]]).await.unwrap();
        // A failed transaction says so when it is to be committed.
        let mut failed = target.begin().await.unwrap();
        assert!(failed.execute("SELECT 1 / 0", &[]).await.is_err());
        assert!(failed.commit().await.is_err());
        // A dropped transaction leaves nothing.
        drop(tx);
        assert_eq!(texts(&url, "SELECT count(*)::text FROM e").await, [Some("0".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn deadlocks_and_lost_connections_can_be_tried_again() {
    in_database(move |url| async move {
        let sql = "CREATE TABLE d (id int PRIMARY KEY, n int); INSERT INTO d VALUES (1, 0), (2, 0)";
        let target = open(&url, sql).await;
        let mut one = target.begin().await.unwrap();
        let mut other = target.begin().await.unwrap();
        let update = "UPDATE d SET n = n + 1 WHERE id = $1";
        one.execute(update, &[Value::Integer(1)]).await.unwrap();
        other.execute(update, &[Value::Integer(2)]).await.unwrap();
        let (first, second) = tokio::join!(
            async {
                one.execute(update, &[Value::Integer(2)]).await.err().or({
                    drop(one);
                    None
                })
            },
            async {
                other.execute(update, &[Value::Integer(1)]).await.err().or({
                    drop(other);
                    None
                })
            },
        );
        assert!(matches!(first.or(second), Some(TargetError::Transient { .. })));

        let mut tx = target.begin().await.unwrap();
        let Ok(rows) = tx.query("SELECT pg_backend_pid()", &[]).await else { panic!("no answer") };
        let Value::Integer(pid) = rows[0][0] else { panic!("{rows:?}") };
        texts(&url, &format!("SELECT pg_terminate_backend({pid})::text")).await;
        assert!(matches!(tx.query("SELECT 1", &[]).await, Err(TargetError::Transient { .. })));
        assert!(matches!(tx.commit().await, Err(TargetError::Transient { .. })));
        assert!(target.begin().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    in_database(move |url| async move {
        let role = format!("whimbrel_role_{}", std::process::id());
        let target = open(
            &url,
            &format!("CREATE ROLE {role} LOGIN; CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO {role}"),
        )
        .await;
        let poor = url.replace("postgres://postgres@", &format!("postgres://{role}@"));
        let tested = tokio::spawn(async move {
            let poor = PostgresTarget::open(&poor, Mode::ReadWrite).await.unwrap();
            let schema = table(&poor, "t").await;
            let mut tx = poor.begin().await.unwrap();
            let failed = insert(&mut tx, &schema, &[0], &[vec![Value::Integer(1)]]).await.unwrap_err();
            assert_eq!(failed.to_string(), "no permission to write to `t`");
            let failed = poor.create_own_tables().await.unwrap_err();
            assert_eq!(failed.to_string(), "no permission to create whimbrel's own tables in the schema `whimbrel`");
            let failed = poor.tables_of_script("CREATE TABLE x (a int)", &[]).await.unwrap_err();
            assert!(matches!(failed, TargetError::Permission { .. }), "{failed}");
            // What is there already needs no permission to be created.
            target.create_own_tables().await.unwrap();
            poor.create_own_tables().await.unwrap();
        })
        .await;
        let mut admin = PgConnection::connect(&url).await.unwrap();
        run(&mut admin, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
        tested.unwrap();
    })
    .await;
}

#[tokio::test]
async fn row_level_security_goes_around_copy() {
    in_database(move |url| async move {
        let role = format!("whimbrel_rls_{}", std::process::id());
        let sql = format!(
            "CREATE ROLE {role} LOGIN; CREATE TABLE t (id int PRIMARY KEY, name text); GRANT ALL ON t TO {role}; \
             ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON t USING (true) WITH CHECK (id > 0)"
        );
        open(&url, &sql).await;
        let poor = url.replace("postgres://postgres@", &format!("postgres://{role}@"));
        let tested = tokio::spawn(async move {
            let poor = PostgresTarget::open(&poor, Mode::ReadWrite).await.unwrap();
            let schema = table(&poor, "t").await;
            let mut tx = poor.begin().await.unwrap();
            let rows = [vec![Value::Integer(1), text("x")], vec![Value::Integer(2), Value::Null]];
            assert_eq!(insert(&mut tx, &schema, &[0], &rows).await.unwrap(), [Inserted::New, Inserted::New]);
        })
        .await;
        let mut admin = PgConnection::connect(&url).await.unwrap();
        run(&mut admin, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
        tested.unwrap();
    })
    .await;
}
