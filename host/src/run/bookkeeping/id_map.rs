//! Ids that are stored by source key, and the numbers that the target has given for them.

use std::collections::HashMap;
use std::collections::HashSet;

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::append;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// How far the numbering of an entity's records has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The number that was given last.
    pub last: Option<i64>,
    /// Numbers that were taken and not given yet, in the order they are to be given.
    pub spare: Vec<i64>,
}

impl Bookkeeping {
    /// Stores ids by source key; one that is there stays as it is.
    pub async fn insert_ids(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        ids: &[(String, Vec<u8>)],
    ) -> Result<(), TargetError> {
        let keys: Vec<&str> = ids.iter().map(|(key, _)| key.as_str()).collect();
        let mut known: HashSet<String> = self.ids(tx, entity, &keys).await?.into_keys().map(stored).collect();
        let lacking: Vec<&(String, Vec<u8>)> = ids.iter().filter(|(key, _)| known.insert(stored(key))).collect();
        let row = |(key, id): &&(String, Vec<u8>)| {
            vec![text(&self.migration), text(entity), text(key), Value::Bytes(id.clone())]
        };
        append(tx, &self.tables.id_map, "migration, entity, key, id", &lacking, row).await
    }

    /// Stores ids by source key in the place of those that are there.
    pub async fn replace_ids(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        ids: &[(String, Vec<u8>)],
    ) -> Result<(), TargetError> {
        let keys: Vec<&str> = ids.iter().map(|(key, _)| key.as_str()).collect();
        let known: HashSet<String> = self.ids(tx, entity, &keys).await?.into_keys().map(stored).collect();
        let sql = format!(
            "UPDATE {} SET id = $4 WHERE migration = $1 AND entity = $2 AND key = $3 AND id <> $4",
            self.tables.id_map
        );
        for (key, id) in ids.iter().filter(|(key, _)| known.contains(&stored(key))) {
            tx.execute(&sql, &[text(&self.migration), text(entity), text(key), Value::Bytes(id.clone())]).await?;
        }
        self.insert_ids(tx, entity, ids).await
    }

    /// Returns the stored ids, compact, of those of these source keys that have one; one statement for all of them.
    pub async fn ids<'k>(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        keys: &[&'k str],
    ) -> Result<HashMap<&'k str, Vec<u8>>, TargetError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let by_stored: HashMap<String, &str> = keys.iter().map(|key| (stored(key), *key)).collect();
        let asked = serde_json::json!(by_stored.keys().collect::<Vec<_>>());
        let sql = format!(
            "SELECT key, id FROM {} WHERE migration = $1 AND entity = $2 AND key {}",
            self.tables.id_map, self.among
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), text(&asked.to_string())]).await?;
        let of_row = |row| {
            let mut row = Columns::new(row);
            Some((*by_stored.get(&row.text())?, row.bytes()))
        };
        Ok(rows.into_iter().filter_map(of_row).collect())
    }

    /// Returns the source key that has this id, compact.
    pub async fn key_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        id: &[u8],
    ) -> Result<Option<String>, TargetError> {
        let sql = format!(
            "SELECT key FROM {} WHERE migration = $1 AND entity = $2 AND id = $3 ORDER BY key LIMIT 1",
            self.tables.id_map
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity), Value::Bytes(id.to_vec())]).await?;
        Ok(rows.into_iter().next().map(|row| Columns::new(row).text()))
    }

    /// Returns how far the numbering of an entity has come; `None` where none of its records has a number yet.
    pub async fn numbering(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Option<Numbering>, TargetError> {
        let sql = format!("SELECT last, spare FROM {} WHERE migration = $1 AND entity = $2", self.tables.numbering);
        let rows = tx.query(&sql, &[text(&self.migration), text(entity)]).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let Some(Value::Text(spare)) = row.pop() else { return Ok(None) };
        let last = row.pop().and_then(|last| if let Value::Integer(last) = last { Some(last) } else { None });
        let spare = unpack(&spare).ok_or_else(|| TargetError::Database {
            what: format!("read which numbers are left for `{entity}`"),
            source: format!("expected numbers, found `{spare}`").into(),
        })?;
        Ok(Some(Numbering { last, spare }))
    }

    /// Returns the statement that takes so many numbers by this SQL and adds them to those that are left.
    pub fn taking_numbers(&self, entity: &str, number: &str, count: usize) -> String {
        format!(
            "INSERT INTO {} AS known (migration, entity, spare) SELECT {}, {}, string_agg(taken.number || ':1', ',') \
             FROM (SELECT {number} AS number FROM generate_series(1, {count})) AS taken \
             ON CONFLICT (migration, entity) DO UPDATE SET spare = known.spare || ',' || excluded.spare",
            self.tables.numbering,
            literal(&self.migration),
            literal(entity)
        )
    }

    /// Stores how far the numbering of an entity has come.
    pub async fn save_numbering(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        numbering: &Numbering,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, entity, last, spare) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (migration, entity) DO UPDATE SET last = excluded.last, spare = excluded.spare",
            self.tables.numbering
        );
        let last = numbering.last.map_or(Value::Null, Value::Integer);
        tx.execute(&sql, &[text(&self.migration), text(entity), last, text(&pack(&numbering.spare))]).await.map(drop)
    }
}

/// A key as it is stored: no text of PostgreSQL holds NUL.
fn stored(key: &str) -> String {
    match text(key) {
        Value::Text(text) => text.into(),
        _ => key.to_owned(),
    }
}

/// A text in the SQL of PostgreSQL, whatever it holds.
fn literal(value: &str) -> String {
    match text(value) {
        Value::Text(value) => format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''")),
        _ => "NULL".to_owned(),
    }
}

/// Numbers as text: `first:count` for each that follow one another, as they mostly do.
fn pack(numbers: &[i64]) -> String {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((first, count)) if first.checked_add(*count) == Some(number) => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs.iter().map(|(first, count)| format!("{first}:{count}")).collect::<Vec<_>>().join(",")
}

fn unpack(text: &str) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, count) = run.split_once(':')?;
        let (first, count): (i64, i64) = (first.parse().ok()?, count.parse().ok()?);
        for step in 0..count {
            numbers.push(first.checked_add(step)?);
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::pack;
    use super::unpack;

    #[test]
    fn numbers_come_back_in_the_order_they_were_packed_in() {
        for numbers in [vec![], vec![7], vec![1, 2, 3, 9, 10, 5], vec![-3, -2, -4, i64::MAX]] {
            assert_eq!(unpack(&pack(&numbers)), Some(numbers));
        }
        assert_eq!(pack(&[1, 2, 3, 9, 10]), "1:3,9:2");
        assert_eq!(unpack("1:x"), None);
    }
}
