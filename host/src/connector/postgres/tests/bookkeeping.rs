//! whimbrel's own tables.

use super::*;
use crate::connector::TargetError;

#[tokio::test]
async fn own_tables_are_created_once_by_many() {
    in_database(move |url| async move {
        let target = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        assert!(!target.has_own_tables().await.unwrap());
        let other = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        let (one, two, three) =
            tokio::join!(target.create_own_tables(), other.create_own_tables(), target.create_own_tables());
        one.and(two).and(three).unwrap();
        assert!(other.has_own_tables().await.unwrap());
        let reader = PostgresTarget::open(&url, Mode::ReadOnly).await.unwrap();
        assert!(reader.has_own_tables().await.unwrap());
        let mut tx = reader.begin().await.unwrap();
        let failed = tx.execute("DELETE FROM whimbrel.run", &[]).await.unwrap_err();
        assert!(matches!(failed, TargetError::Permission { .. }));
    })
    .await;
}

#[tokio::test]
async fn statements_take_and_give_plain_values() {
    in_database(move |url| async move {
        let target = PostgresTarget::open(&url, Mode::ReadWrite).await.unwrap();
        target.create_own_tables().await.unwrap();
        assert_eq!(target.own_table("run"), "whimbrel.run");
        let mut tx = target.begin().await.unwrap();
        let insert = "INSERT INTO whimbrel.dead_letter (migration, entity, run, provisional, document, position, key, stage, code, \
             message, attempts, format, original, at, state, refused) \
             VALUES ($1, $1, $2, $3, $4, $2, $5, $2, $2, $2, $3, $2, $6, $2, 'dead', '{}')";
        for (key, document) in [(Value::Null, i64::MAX), (text("ž"), 2)] {
            let parameters =
                [text("crm"), text("r"), Value::Integer(1), Value::Integer(document), key, Value::Bytes(vec![0, 255])];
            assert_eq!(tx.execute(insert, &parameters).await.unwrap(), 1);
        }
        let rows = tx
            .query(
                "SELECT id, key, original, document, attempts = 1, 1.5::float8 FROM whimbrel.dead_letter WHERE migration = $1 ORDER BY id",
                &[text("crm")],
            )
            .await
            .unwrap();
        let row = |id, key, document| {
            vec![Value::Integer(id), key, Value::Bytes(vec![0, 255]), Value::Integer(document), Value::Integer(1), Value::Float(1.5)]
        };
        assert_eq!(rows, [row(1, Value::Null, i64::MAX), row(2, text("ž"), 2)]);
        let sums = tx.query("SELECT sum(attempts), sum(-document - 123456789), count(*), sum(id - 1) * 0 FROM whimbrel.dead_letter WHERE document = 2", &[]).await.unwrap();
        assert_eq!(sums, [[1, -123_456_791, 1, 0].map(Value::Integer)]);
        assert!(tx.query("SELECT now()", &[]).await.is_err());

        // Refused before it is sent, so that the transaction lives on.
        let failed = tx.execute("UPDATE whimbrel.dead_letter SET message = $1", &[text("a\0b")]).await.unwrap_err();
        assert!(matches!(failed, TargetError::Database { .. }));
        assert_eq!(tx.execute("UPDATE whimbrel.dead_letter SET key = $1", &[Value::Null]).await.unwrap(), 2);
        tx.commit().await.unwrap();
    })
    .await;
}
