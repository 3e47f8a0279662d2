//! Values of every type come back as they were written.

use uuid::Uuid;

use super::*;
use crate::connector::TargetError;
use crate::connector::target::Inserted;
use crate::connector::target::Rows;
use crate::record::decimal::Decimal;
use crate::record::value;

const TABLE: &str = r#"
CREATE EXTENSION citext;
CREATE TYPE "Status" AS ENUM ('A', 'b c', 'ž');
CREATE TYPE "Pair" AS (a int, b text);
CREATE DOMAIN zip AS char(5) CHECK (VALUE <> '00000');
CREATE TABLE "All Types" (
    "Id" int PRIMARY KEY, flag bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8,
    n numeric, n2 numeric(12,4), n3 numeric(3,-2), n4 numeric(3,5), t text, v varchar(10), c char(5), z zip, ci citext,
    e "Status", b bytea, u uuid, ts timestamptz, tl timestamp, ts3 timestamptz(3), d date, tm time,
    j json, jb jsonb, ta text[], va varchar(10)[], nu numeric(12,4)[], sa "Status"[], sp interval, ad inet, bi bit(16),
    mo money, xs inet[], ra int4range, pt point, co "Pair"
);
"#;

fn decimal(text: &str) -> Value {
    Value::Decimal(Decimal::parse(text).unwrap())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// Values a column; every row takes the next of each.
fn values() -> Vec<Vec<Value>> {
    let max = i64::MAX;
    let day = 86_400_000_000_i64;
    let (first, last) = (-719_162 * day, 2_932_897 * day - 1);
    let unlimited = [
        "0",
        "1",
        "-1",
        "9999",
        "10000",
        "0.0001",
        "0.00001",
        "12345678901234567890.12345678901234567890",
        "-0.1",
        "1e-40",
        "1e40",
        "-99990000.00009999",
        "1000",
        "100000000",
        "0.5",
        "123456.7",
        "1e130",
        "1e-1000",
    ];
    vec![
        vec![Value::Bool(true), Value::Bool(false)],
        vec![Value::Integer(i16::MIN.into()), Value::Integer(i16::MAX.into()), Value::Integer(0)],
        vec![Value::Integer(i32::MIN.into()), Value::Integer(i32::MAX.into()), Value::Integer(-1)],
        vec![Value::Integer(i64::MIN), Value::Integer(max), Value::Integer(0)],
        vec![Value::Float(f64::from(0.1_f32)), Value::Float(f64::INFINITY), Value::Float(f64::from(f32::MIN_POSITIVE))],
        vec![
            Value::Float(0.1),
            Value::Float(-1e300),
            Value::Float(5e-324),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(0.1 + 0.2),
        ],
        unlimited.map(decimal).into_iter().chain(["NaN", "-Infinity"].map(text)).collect(),
        vec![decimal("99999999.9999"), decimal("-0.0001"), decimal("0")],
        vec![decimal("99900"), decimal("-100")],
        vec![decimal("0.00999"), decimal("-0.00001")],
        vec![text(""), text("žluťoučký 🐦 \u{1}"), text("\\N"), text("NULL"), text(" a ")],
        vec![text("1234567890"), text("ž🐦"), text("  ")],
        vec![text("ab   "), text("     "), text("ž   x")],
        vec![text("12345"), text("1    ")],
        vec![text("A@b.c"), text("")],
        vec![text("A"), text("b c"), text("ž")],
        vec![Value::Bytes(vec![]), Value::Bytes((0..=255).collect()), Value::Bytes(b"\\x".to_vec())],
        vec![Value::Uuid(Uuid::nil()), Value::Uuid(Uuid::max()), Value::Uuid(Uuid::from_u128(0x1234))],
        vec![
            Value::Timestamp(0),
            Value::Timestamp(-1),
            Value::Timestamp(first),
            Value::Timestamp(last),
            text("infinity"),
            text("-infinity"),
            text("294276-12-31 23:59:59.999999+00"),
            text("4714-11-24 00:00:00+00 BC"),
        ],
        vec![
            Value::LocalTimestamp(1),
            Value::LocalTimestamp(first),
            Value::LocalTimestamp(last),
            text("0001-12-31 23:59:59.5 BC"),
            text("10000-01-01 00:00:00"),
            text("infinity"),
        ],
        vec![Value::Timestamp(1_000), Value::Timestamp(-1_000)],
        vec![
            Value::Date(0),
            Value::Date(-719_162),
            Value::Date(2_932_896),
            Value::Date(11_016),
            text("-infinity"),
            text("5874897-12-31"),
            text("0044-03-15 BC"),
        ],
        vec![Value::Time(0), Value::Time(day - 1), Value::Time(1_000_000), text("24:00:00")],
        vec![Value::Json("{\"b\": 1,  \"a\":[1.50]}".to_owned()), Value::Json("null".to_owned())],
        vec![Value::Json("{\"a\": [1.50, \"ž\"], \"b\": null}".to_owned()), Value::Json("\"x\"".to_owned())],
        vec![
            Value::Array(vec![]),
            list(["a", "", "NULL", "{,}", "\"q\" \\ ž"].map(text)),
            list([Value::Null, text("x")]),
        ],
        vec![list([text("1234567890")]), Value::Array(vec![]), text("{{a,b},{c,NULL}}"), text("[0:1]={a,b}")],
        vec![list([decimal("1.5"), text("NaN"), Value::Null]), text("{{1.5000},{-0.0001}}")],
        vec![list([text("b c"), Value::Null, text("ž")])],
        vec![text("1 day"), text("24:00:00"), text("-1 years -2 mons +3 days -04:05:06.000007"), text("00:00:00")],
        vec![text("10.0.0.1"), text("10.0.0.1/24"), text("::1")],
        vec![text("0000000000000000"), text("1010101010101010")],
        vec![decimal("-0.01"), decimal("92233720368547758.07"), decimal("0")],
        vec![list([text("10.0.0.0/8"), Value::Null]), text("{{10.0.0.1},{::1}}")],
        vec![text("[1,5)"), text("empty"), text("(,)")],
        vec![text("(0.1,1e+300)")],
        vec![text("(1,\"a, \"\"b\"\"\")"), text("(,)")],
    ]
}

fn rows() -> Vec<Vec<Value>> {
    let values = values();
    let count = values.iter().map(Vec::len).max().unwrap() + 1;
    (0..i64::try_from(count).unwrap())
        .map(|row| {
            let mut cells = vec![Value::Integer(row)];
            for column in &values {
                let at = usize::try_from(row).unwrap();
                cells.push(if at + 1 == count { Value::Null } else { column[at % column.len()].clone() });
            }
            cells
        })
        .collect()
}

#[tokio::test]
async fn every_value_comes_back() {
    in_database(move |url| async move {
        let target = open(&url, TABLE).await;
        let table = table(&target, "All Types").await;
        let rows = rows();
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let keys: Vec<_> = rows.iter().map(|row| vec![row[0].clone()]).collect();
        let mut tx = target.begin().await.unwrap();
        let slices: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let all = Rows { table: &table, columns: &columns, key: &[0], rows: &slices };
        let answers = tx.insert(all).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Inserted::New));
        let found = tx.find(&table, &[0], &keys, &columns).await.unwrap();
        for (key, row) in keys.iter().zip(&rows) {
            assert_eq!(found[&value::encode(key)], *row);
        }
        let conflicts = tx.insert(all).await.unwrap();
        for (answer, row) in conflicts.iter().zip(&rows) {
            assert_eq!(*answer, Inserted::Conflict(row.clone()));
        }
        tx.commit().await.unwrap();

        // The server's own view, by other means than reading the values back.
        let read = async |sql: &str| texts(&url, sql).await;
        let some = |text: &str| vec![Some(text.to_owned())];
        assert_eq!(read(r#"SELECT n::text FROM "All Types" WHERE "Id" = 7"#).await, some("12345678901234567890.12345678901234567890"));
        assert_eq!(read(r#"SELECT n::text FROM "All Types" WHERE "Id" = 11"#).await, some("-99990000.00009999"));
        assert_eq!(read(r#"SELECT n2::text FROM "All Types" WHERE "Id" = 0"#).await, some("99999999.9999"));
        assert_eq!(read(r#"SELECT d::text FROM "All Types" WHERE "Id" = 3"#).await, some("2000-02-29"));
        assert_eq!(read(r#"SELECT ta::text FROM "All Types" WHERE "Id" = 1"#).await, some(r#"{a,"","NULL","{,}","\"q\" \\ ž"}"#));
        assert_eq!(read(r#"SELECT j::text FROM "All Types" WHERE "Id" = 0"#).await, some("{\"b\": 1,  \"a\":[1.50]}"));
        assert_eq!(read(r#"SELECT (ts = '1970-01-01 00:00:00Z' AND tl = '1970-01-01 00:00:00.000001' AND c = 'ab' AND e = 'A')::text FROM "All Types" WHERE "Id" = 0"#).await, some("true"));
        assert_eq!(read(r#"SELECT count(*)::text FROM "All Types" WHERE num_nulls(flag, i2, n, t, e, b, u, ts, d, tm, j, jb, ta) = 13"#).await, some("1"));
    })
    .await;
}

#[tokio::test]
async fn what_would_come_back_in_other_words_is_refused() {
    in_database(move |url| async move {
        let target = open(&url, TABLE).await;
        let table = table(&target, "All Types").await;
        for (name, value, expected) in [
            ("sp", text("1 hour"), "expected `01:00:00`, as `interval` writes it, found `1 hour`"),
            ("ad", text("10.0.0.1/32"), "expected `10.0.0.1`, as `inet` writes it, found `10.0.0.1/32`"),
            ("bi", text("101"), "expected `1010000000000000`, as `bit(16)` writes it, found `101`"),
            ("mo", decimal("0.001"), "expected `0.00`, as `money` writes it, found `0.1e-2`"),
            (
                "xs",
                list([text("::1"), text("::1/128")]),
                "expected `{::1,::1}`, as `inet[]` writes it, found `{\"::1\",\"::1/128\"}`",
            ),
            (
                "va",
                text("{{a},{12345678901}}"),
                "expected `{{a},{1234567890}}`, as `character varying(10)[]` writes it, found `{{a},{12345678901}}`",
            ),
            ("sp", text("soon"), "invalid input syntax for type interval: \"soon\""),
        ] {
            let column = table.column(name).unwrap();
            let row = vec![Value::Integer(1), value];
            let mut tx = target.begin().await.unwrap();
            let refused = tx.insert(Rows { table: &table, columns: &[0, column], key: &[0], rows: &[&row] }).await;
            let Err(TargetError::Refused(refusal)) = refused else { panic!("{name}: {refused:?}") };
            assert_eq!(refusal.code, "value");
            assert!(refusal.message.ends_with(expected), "{}", refusal.message);
        }
    })
    .await;
}

#[tokio::test]
async fn updates_write_every_type() {
    in_database(move |url| async move {
        let target = open(&url, TABLE).await;
        let table = table(&target, "All Types").await;
        let rows = rows();
        let columns: Vec<usize> = (0..table.columns.len()).collect();
        let mut tx = target.begin().await.unwrap();
        let ids: Vec<_> = rows.iter().map(|row| vec![row[0].clone()]).collect();
        let slices: Vec<&[Value]> = ids.iter().map(Vec::as_slice).collect();
        tx.insert(Rows { table: &table, columns: &[0], key: &[0], rows: &slices }).await.unwrap();
        let slices: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        tx.update(Rows { table: &table, columns: &columns, key: &[0], rows: &slices }).await.unwrap();
        let found = tx.find(&table, &[0], &ids, &columns).await.unwrap();
        for (key, row) in ids.iter().zip(&rows) {
            assert_eq!(found[&value::encode(key)], *row);
        }
        let missing = vec![Value::Integer(999), Value::Bool(true)];
        let failed =
            tx.update(Rows { table: &table, columns: &[0, 1], key: &[0], rows: &[&missing] }).await.unwrap_err();
        assert_eq!(std::error::Error::source(&failed).unwrap().to_string(), "expected 1 rows to be there, found 0");
    })
    .await;
}
