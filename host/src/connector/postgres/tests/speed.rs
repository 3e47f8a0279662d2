//! How fast rows are written, next to COPY of bytes that are ready. Run with `--ignored --nocapture`.

use std::time::Duration;
use std::time::Instant;

use uuid::Uuid;

use super::super::copy;
use super::*;
use crate::connector::target::Rows;
use crate::record::decimal::Decimal;

const TRANSACTIONS: u64 = 20;
const ROWS: u64 = 5_000;
const COLUMNS: &str = "(id uuid PRIMARY KEY, owner uuid, name text NOT NULL, email varchar(120), city text, street text, \
    status text, amount numeric(12,2), ratio float8, age int, visits bigint, active bool, created timestamptz, seen timestamptz, \
    birth date, doc jsonb)";

fn row(number: u64) -> Vec<Value> {
    let id = |salt: u64| Value::Uuid(Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number ^ salt));
    let signed = i64::try_from(number).unwrap();
    vec![
        id(0),
        id(1),
        Value::Text(format!("Person number {number}").into()),
        Value::Text(format!("person.{number}@example.org").into()),
        text("Brno"),
        Value::Text(format!("Long street name {}", number % 977).into()),
        text("ACTIVE"),
        Value::Decimal(Decimal::parse(&format!("{}.{:02}", number % 10_000, number % 100)).unwrap()),
        Value::Float(f64::from(u32::try_from(number % 1_000).unwrap()) / 7.0),
        Value::Integer(signed % 90),
        Value::Integer(signed * 1_000),
        Value::Bool(number.is_multiple_of(2)),
        Value::Timestamp(1_700_000_000_000_000 + signed * 1_000_003),
        Value::Timestamp(1_710_000_000_000_000 + signed),
        Value::Date(i32::try_from(number % 20_000).unwrap()),
        Value::Json(format!("{{\"tags\": [\"a\", \"b\"], \"n\": {number}}}")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement is printed")]
async fn insert_is_nearly_as_fast_as_a_bare_copy() {
    in_database(move |url| async move {
        let target = open(&url, &format!("CREATE TABLE bare {COLUMNS}; CREATE TABLE full_path {COLUMNS}")).await;
        let table = table(&target, "full_path").await;
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let (mut bare, mut full, mut again) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for transaction in 0..TRANSACTIONS {
            let rows: Vec<_> = (transaction * ROWS..(transaction + 1) * ROWS).map(row).collect();
            let mut bytes = copy::HEADER.to_vec();
            for row in &rows {
                copy::begin_row(row.len(), &mut bytes).unwrap();
                for (column, value) in table.columns.iter().zip(row) {
                    copy::encode(column, value, &mut bytes).unwrap();
                }
            }
            bytes.extend_from_slice(copy::TRAILER);
            let started = Instant::now();
            run(&mut connection, "BEGIN").await;
            let mut copy = connection.copy_in_raw("COPY bare FROM STDIN WITH (FORMAT binary)").await.unwrap();
            for chunk in bytes.chunks(128 * 1024) {
                copy.send(chunk).await.unwrap();
            }
            copy.finish().await.unwrap();
            run(&mut connection, "COMMIT").await;
            bare += started.elapsed();

            let slices: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
            let started = Instant::now();
            let mut tx = target.begin().await.unwrap();
            tx.insert(Rows { table: &table, columns: &columns, key: &[0], rows: &slices }).await.unwrap();
            tx.commit().await.unwrap();
            full += started.elapsed();

            let keys: Vec<_> = rows.iter().map(|row| row[..1].to_vec()).collect();
            let started = Instant::now();
            let mut tx = target.begin().await.unwrap();
            assert_eq!(tx.find(&table, &[0], &keys, &[2]).await.unwrap().len(), rows.len());
            tx.commit().await.unwrap();
            again += started.elapsed();
        }
        let rate = |spent: Duration| f64::from(u32::try_from(TRANSACTIONS * ROWS).unwrap()) / spent.as_secs_f64();
        println!("bare COPY {:.0}, insert {:.0}, find {:.0} rows/s", rate(bare), rate(full), rate(again));
        assert!(rate(full) > 0.75 * rate(bare));
    })
    .await;
}
