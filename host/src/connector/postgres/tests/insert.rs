//! What becomes of rows whose keys are there already, or come twice.

use sqlx::Executor;

use super::*;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::target::Inserted;
use crate::connector::target::Rows;
use crate::record::value;

/// Inserts rows of all columns.
pub(super) async fn insert(
    tx: &mut Box<dyn Transaction>,
    table: &TableSchema,
    key: &[usize],
    rows: &[Vec<Value>],
) -> Result<Vec<Inserted>, TargetError> {
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
    tx.insert(Rows { table, columns: &columns, key, rows: &rows }).await
}

fn row(id: i64, name: &str) -> Vec<Value> {
    vec![Value::Integer(id), text(name)]
}

#[tokio::test]
async fn known_and_repeated_keys_conflict() {
    in_database(move |url| async move {
        let target = open(&url, "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE)").await;
        let table = table(&target, "t").await;
        let mut tx = target.begin().await.unwrap();
        insert(&mut tx, &table, &[0], &[row(1, "one"), row(2, "two")]).await.unwrap();
        let rows = [row(3, "three"), row(1, "uno"), row(3, "drei"), row(4, "four"), row(1, "eins")];
        let answers = insert(&mut tx, &table, &[0], &rows).await.unwrap();
        let conflict = |id, name| Inserted::Conflict(row(id, name));
        assert_eq!(
            answers,
            [Inserted::New, conflict(1, "one"), conflict(3, "three"), Inserted::New, conflict(1, "one")]
        );
        // By another unique key, and with a key that is NULL.
        let rows = [row(9, "two"), vec![Value::Integer(10), Value::Null], vec![Value::Integer(11), Value::Null]];
        let answers = insert(&mut tx, &table, &[1], &rows).await.unwrap();
        assert_eq!(answers, [conflict(2, "two"), Inserted::New, Inserted::New]);
        tx.commit().await.unwrap();
        let rows = "SELECT string_agg(id || coalesce(name, '-'), ' ' ORDER BY id) FROM t";
        assert_eq!(texts(&url, rows).await, [Some("1one 2two 3three 4four 10- 11-".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn composite_keys_and_keys_without_an_index_are_found() {
    in_database(move |url| async move {
        let sql = "CREATE TABLE j (a uuid, b text, n int, PRIMARY KEY (b, a)); CREATE TABLE p (a int, b char(4))";
        let target = open(&url, sql).await;
        let table_j = table(&target, "j").await;
        let id = Value::Uuid(uuid::Uuid::from_u128(7));
        let make = |b: &str, n| vec![id.clone(), text(b), Value::Integer(n)];
        let mut tx = target.begin().await.unwrap();
        insert(&mut tx, &table_j, &[0, 1], &[make("x", 1), make("y", 2)]).await.unwrap();
        let answers = insert(&mut tx, &table_j, &[0, 1], &[make("y", 3), make("z", 4)]).await.unwrap();
        assert_eq!(answers, [Inserted::Conflict(make("y", 2)), Inserted::New]);
        let keys = [vec![text("y"), id.clone()], vec![text("none"), id.clone()], vec![Value::Null, id.clone()]];
        let found = tx.find(&table_j, &[1, 0], &keys, &[2]).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[&value::encode(&keys[0])], [Value::Integer(2)]);
        let found = tx.find(&table_j, &[1], &[vec![text("z")]], &[]).await.unwrap();
        assert_eq!(found[&value::encode(&[text("z")])], []);

        let plain = table(&target, "p").await;
        insert(&mut tx, &plain, &[1], &[row(1, "a"), row(2, "b   ")]).await.unwrap();
        let answers = insert(&mut tx, &plain, &[1], &[row(3, "b"), row(4, "c"), row(5, "c   ")]).await.unwrap();
        assert_eq!(answers, [Inserted::Conflict(row(2, "b   ")), Inserted::New, Inserted::Conflict(row(4, "c   "))]);
    })
    .await;
}

#[tokio::test]
async fn equal_nulls_conflict_where_the_constraint_says_so() {
    in_database(move |url| async move {
        let target = open(&url, "CREATE TABLE t (a int, b text, UNIQUE NULLS NOT DISTINCT (a, b))").await;
        let table = table(&target, "t").await;
        let half = vec![Value::Integer(1), Value::Null];
        let mut tx = target.begin().await.unwrap();
        let answers = insert(&mut tx, &table, &[0, 1], &[half.clone(), half.clone()]).await.unwrap();
        assert_eq!(answers, [Inserted::New, Inserted::Conflict(half.clone())]);
        let answers = insert(&mut tx, &table, &[0, 1], &[row(1, "x"), half.clone()]).await.unwrap();
        assert_eq!(answers, [Inserted::New, Inserted::Conflict(half)]);
    })
    .await;
}

#[tokio::test]
async fn equality_of_the_column_decides_and_identities_are_kept() {
    in_database(move |url| async move {
        let sql =
            "CREATE EXTENSION citext; CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, email citext PRIMARY KEY)";
        let target = open(&url, sql).await;
        let table = table(&target, "t").await;
        let mut tx = target.begin().await.unwrap();
        // Not equal as bytes, so that COPY meets the index and the INSERT decides.
        let answers = insert(&mut tx, &table, &[1], &[row(7, "A@x"), row(8, "a@X"), row(9, "b")]).await.unwrap();
        assert_eq!(answers, [Inserted::New, Inserted::Conflict(row(7, "A@x")), Inserted::New]);
        let answers = insert(&mut tx, &table, &[1], &[row(1, "a@x")]).await.unwrap();
        assert_eq!(answers, [Inserted::Conflict(row(7, "A@x"))]);
        tx.commit().await.unwrap();
        let rows = texts(&url, "SELECT id || email::text FROM t ORDER BY id").await;
        assert_eq!(rows, [Some("7A@x".to_owned()), Some("9b".to_owned())]);
    })
    .await;
}

#[tokio::test]
async fn another_writer_between_lookup_and_copy_is_noticed() {
    in_database(move |url| async move {
        let target = open(&url, "CREATE TABLE t (id int PRIMARY KEY, name text)").await;
        let schema = table(&target, "t").await;
        let mut other = PgConnection::connect(&url).await.unwrap();
        other.execute("BEGIN; INSERT INTO t VALUES (2, 'theirs')").await.unwrap();
        let mine = tokio::spawn(async move {
            let mut tx = target.begin().await.unwrap();
            let rows = [row(1, "mine"), row(2, "mine"), row(3, "mine")];
            let answers = insert(&mut tx, &schema, &[0], &rows).await.unwrap();
            tx.commit().await.unwrap();
            answers
        });
        // The lookup does not see the row; the COPY waits for its writer.
        let waiting = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'COPY%'";
        while texts(&url, waiting).await != [Some("1".to_owned())] {
            tokio::task::yield_now().await;
        }
        other.execute("COMMIT").await.unwrap();
        assert_eq!(
            mine.await.unwrap(),
            [Inserted::New, Inserted::Conflict(row(2, "theirs")), Inserted::New]
        );
        let rows = texts(&url, "SELECT id || name FROM t ORDER BY id").await;
        assert_eq!(rows, ["1mine", "2theirs", "3mine"].map(|row| Some(row.to_owned())));
    })
    .await;
}

#[tokio::test]
async fn a_lookup_reads_no_table_from_end_to_end() {
    in_database(move |url| async move {
        let sql = "CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t SELECT n, 'x' FROM generate_series(1, 30000) AS n";
        let target = open(&url, sql).await;
        let table = table(&target, "t").await;
        let mut tx = target.begin().await.unwrap();
        let rows: Vec<_> = (20_000..25_000).map(|id| row(id, "y")).collect();
        assert_eq!(insert(&mut tx, &table, &[0], &rows).await.unwrap()[0], Inserted::Conflict(row(20_000, "x")));
        let scans = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 't'";
        assert_eq!(tx.query(scans, &[]).await.unwrap(), [[Value::Integer(0)]]);
    })
    .await;
}

#[tokio::test]
async fn an_insert_that_is_given_up_leaves_nothing() {
    in_database(move |url| async move {
        let target = open(&url, "CREATE TABLE t (id int PRIMARY KEY, name text)").await;
        let schema = table(&target, "t").await;
        let mut other = PgConnection::connect(&url).await.unwrap();
        other.execute("BEGIN; INSERT INTO t VALUES (2, 'theirs')").await.unwrap();
        let mut tx = target.begin().await.unwrap();
        let rows = [row(1, "mine"), row(2, "mine")];
        let waiting = insert(&mut tx, &schema, &[0], &rows);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(200), waiting).await.is_err());
        drop(tx);
        other.execute("ROLLBACK").await.unwrap();
        // Whatever state the session was left in, none is handed out again that does not work.
        for _ in 0..20 {
            let mut tx = target.begin().await.unwrap();
            assert_eq!(insert(&mut tx, &schema, &[0], &rows).await.unwrap(), [Inserted::New, Inserted::New]);
            tx.rollback().await.unwrap();
        }
    })
    .await;
}
