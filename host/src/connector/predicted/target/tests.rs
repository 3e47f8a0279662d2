//! The prediction against what a real target does.

use proptest::prelude::*;

use super::*;
use crate::connector::target::Rows;
use crate::record::Value;

const SCHEMA: &str = "CREATE TABLE p (id INT PRIMARY KEY);
    CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL, b INT UNIQUE, p INT REFERENCES p, t INT REFERENCES t, UNIQUE (a, p));
    INSERT INTO p VALUES (1), (2); INSERT INTO t VALUES (1, 1, 1, NULL, NULL), (2, 2, NULL, 2, 1);";

/// What a target answered to each step: the rows' fates, or the refusal's code.
async fn answers(target: &dyn Target, steps: &[(bool, Vec<Value>)]) -> Result<Vec<String>, TargetError> {
    let mut answers = Vec::new();
    let tables = [target.table("p").await?, target.table("t").await?].map(|table| table.expect("the table is there"));
    for part in steps.chunks(5) {
        let mut transaction = target.begin().await?;
        for (is_parent, values) in part {
            let table = &tables[usize::from(!is_parent)];
            let columns: Vec<usize> = (0..table.columns.len()).collect();
            let rows: [&[Value]; 1] = [&values[..columns.len()]];
            let rows = Rows { table, columns: &columns, key: &[0], rows: &rows };
            transaction.savepoint("s").await?;
            let answer = match transaction.insert(rows).await {
                // Every conflict is answered with an update, as under that policy.
                Ok(inserted) if inserted != [crate::connector::target::Inserted::New] => {
                    let updated = transaction.update(rows).await;
                    format!("{inserted:?} {:?}", code(updated.map(|()| String::new()))?)
                }
                other => code(other.map(|inserted| format!("{inserted:?}")))?,
            };
            if answer.contains('!') {
                transaction.rollback_to("s").await?;
            }
            transaction.release("s").await?;
            let found = transaction.find(table, &[0], &[vec![values[0].clone()]], &columns).await?;
            answers.push(format!("{answer} {found:?}"));
        }
        transaction.commit().await?;
    }
    Ok(answers)
}

fn code(answer: Result<String, TargetError>) -> Result<String, TargetError> {
    match answer {
        Err(TargetError::Refused(refusal)) => Ok(format!("!{} {:?}", refusal.code, refusal.row)),
        other => other,
    }
}

fn small() -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 5 => (1..6_i64).prop_map(Value::Integer)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_begins_while_the_target_is_being_read() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    SqliteTarget::open("t.db", folder.path(), Mode::ReadWriteCreate)?.apply_schema(SCHEMA).await?;
    let inner: Arc<dyn Target> = Arc::new(SqliteTarget::open("t.db", folder.path(), Mode::ReadOnly)?);
    let predicted = PredictedTarget::new(Arc::clone(&inner), Vec::new()).await?;
    let reading = inner.begin().await?;
    let writing = tokio::time::timeout(std::time::Duration::from_secs(20), predicted.begin()).await??;
    writing.commit().await?;
    reading.rollback().await?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn answers_as_the_target_does(
        steps in prop::collection::vec((prop::bool::weighted(0.2), prop::collection::vec(small(), 5)), 1..30)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (real, predicted) = runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let open = |mode| SqliteTarget::open("t.db", folder.path(), mode);
            let target = open(Mode::ReadWriteCreate)?;
            target.apply_schema(SCHEMA).await?;
            let predicted = PredictedTarget::new(Arc::new(open(Mode::ReadOnly)?), Vec::new()).await?;
            let foreseen = answers(&predicted, &steps).await?;
            Ok::<_, TargetError>((answers(&target, &steps).await?, foreseen))
        }).expect("both answer");
        prop_assert_eq!(real, predicted);
    }
}
