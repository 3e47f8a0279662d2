//! What parked records wait for, and what others may wait for that they bring.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::optional;
use super::statement::parts;
use super::statement::places;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// The key of a parent that a parked record waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedKey {
    /// The columns of a table that it is looked for in, or the entity whose stored ids.
    pub of: String,
    /// The compact key.
    pub key: Vec<u8>,
    /// The same for people.
    pub shown: String,
    /// Table and column of the reference.
    pub reference: String,
    /// The parent's entity, where one of this migration feeds it.
    pub parent_entity: Option<String>,
    /// The parent's table.
    pub parent_table: String,
    /// The key of the parent's record, where it is known.
    pub parent_record: Option<String>,
}

/// A record by its entity and its number in the source.
pub type RecordPlace = (String, u64);

/// What is read of a key that is waited for, as [`parked_key`] takes it.
const COLUMNS: &str = "key_of, key, shown, reference, parent_entity, parent_table, parent_record";

impl Bookkeeping {
    /// Stores what records wait for, and by which keys (of what, and the compact key) others may wait for them.
    pub async fn insert_parked(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        waits: &[(u64, ParkedKey)],
        gives: &[(u64, (String, Vec<u8>))],
    ) -> Result<(), TargetError> {
        let place =
            |document: u64, role: &str| vec![text(&self.migration), text(entity), integer(document), text(role)];
        let waiting = |(document, key): &(u64, ParkedKey)| {
            let mut row = place(*document, "waits");
            row.extend([
                hash(&key.of, &key.key),
                text(&key.of),
                Value::Bytes(key.key.clone()),
                text(&key.shown),
                text(&key.reference),
                optional(key.parent_entity.as_deref()),
                text(&key.parent_table),
                optional(key.parent_record.as_deref()),
            ]);
            row
        };
        let columns = format!("migration, entity, document, role, hash, {COLUMNS}");
        append(tx, &self.tables.parked_key, &columns, waits, waiting).await?;
        let giving = |(document, (of, key)): &(u64, (String, Vec<u8>))| {
            let mut row = place(*document, "gives");
            row.extend([hash(of, key), text(of), Value::Bytes(key.clone()), text(""), text(""), text("")]);
            row
        };
        let columns = "migration, entity, document, role, hash, key_of, key, shown, reference, parent_table";
        append(tx, &self.tables.parked_key, columns, gives, giving).await
    }

    /// Forgets what records wait for and bring.
    pub async fn forget_parked(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        documents: &[u64],
    ) -> Result<(), TargetError> {
        for part in parts(documents) {
            let mut parameters = vec![text(&self.migration), text(entity)];
            let documents = places(&mut parameters, part.iter().copied().map(integer));
            let sql = format!(
                "DELETE FROM {} WHERE migration = $1 AND entity = $2 AND document IN ({documents})",
                self.tables.parked_key
            );
            tx.execute(&sql, &parameters).await?;
        }
        Ok(())
    }

    /// Forgets it for all records of an entity: nothing waits any more.
    pub async fn forget_all_parked(&self, tx: &mut dyn Transaction, entity: &str) -> Result<(), TargetError> {
        let sql = format!("DELETE FROM {} WHERE migration = $1 AND entity = $2", self.tables.parked_key);
        tx.execute(&sql, &[text(&self.migration), text(entity)]).await.map(drop)
    }

    /// Notes that parents have come in this wave, by what their keys are of and the keys; returns the records that waited for
    /// them.
    pub async fn wake(
        &self,
        tx: &mut dyn Transaction,
        keys: &[(String, Vec<u8>)],
        wave: i64,
    ) -> Result<Vec<RecordPlace>, TargetError> {
        let mut woken = Vec::new();
        for part in parts(keys) {
            let mut parameters = vec![text(&self.migration)];
            let hashes = places(&mut parameters, part.iter().map(|(of, key)| hash(of, key)));
            let sql = format!(
                "SELECT id, entity, document, key_of, key FROM {} WHERE migration = $1 AND hash IN ({hashes}) \
                 AND role = 'waits' AND came IS NULL ORDER BY id",
                self.tables.parked_key
            );
            let mut ids = Vec::new();
            for row in tx.query(&sql, &parameters).await? {
                let mut row = Columns::new(row);
                let (id, place, found) = (row.integer(), (row.text(), row.unsigned()), (row.text(), row.bytes()));
                if part.contains(&found) {
                    ids.push(id);
                    woken.push(place);
                }
            }
            self.mark_come(tx, &ids, wave).await?;
        }
        Ok(woken)
    }

    /// Returns those of some records that wait for nothing any more, each with the last wave in which something came.
    pub async fn woken_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        documents: &[u64],
    ) -> Result<Vec<(i64, u64)>, TargetError> {
        let mut woken = Vec::new();
        for part in parts(documents) {
            let mut parameters = vec![text(&self.migration), text(entity)];
            let documents = places(&mut parameters, part.iter().copied().map(integer));
            let sql = format!(
                "SELECT document, MAX(came) FROM {} WHERE migration = $1 AND entity = $2 AND document IN ({documents}) \
                 AND role = 'waits' GROUP BY document HAVING COUNT(*) = COUNT(came)",
                self.tables.parked_key
            );
            woken.extend(tx.query(&sql, &parameters).await?.into_iter().map(woken_in));
        }
        Ok(woken)
    }

    /// Returns the records of an entity that wait for nothing any more, each with the wave in which the last of it came.
    pub async fn woken(&self, tx: &mut dyn Transaction, entity: &str) -> Result<Vec<(i64, u64)>, TargetError> {
        let sql = format!(
            "SELECT document, MAX(came) FROM {} WHERE migration = $1 AND entity = $2 AND role = 'waits' \
             GROUP BY document HAVING COUNT(*) = COUNT(came)",
            self.tables.parked_key
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(entity)]).await?;
        Ok(rows.into_iter().map(woken_in).collect())
    }

    /// Returns some of the keys that records of an entity still wait for, behind a number, with their numbers.
    pub async fn awaited(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, ParkedKey)>, TargetError> {
        let sql = format!(
            "SELECT id, {COLUMNS} FROM {} WHERE migration = $1 AND entity = $2 AND id > $3 AND role = 'waits' \
             AND came IS NULL ORDER BY id LIMIT $4",
            self.tables.parked_key
        );
        let parameters = [text(&self.migration), text(entity), Value::Integer(after), Value::Integer(limit)];
        let numbered = |row: Vec<Value>| {
            let mut row = Columns::new(row);
            (row.integer(), parked_key(&mut row))
        };
        Ok(tx.query(&sql, &parameters).await?.into_iter().map(numbered).collect())
    }

    /// Returns the first key that a record still waits for.
    pub async fn first_awaited(
        &self,
        tx: &mut dyn Transaction,
        place: &RecordPlace,
    ) -> Result<Option<ParkedKey>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE migration = $1 AND entity = $2 AND document = $3 AND role = 'waits' \
             AND came IS NULL ORDER BY id LIMIT 1",
            self.tables.parked_key
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(&place.0), integer(place.1)]).await?;
        Ok(rows.into_iter().next().map(|row| parked_key(&mut Columns::new(row))))
    }

    /// Notes that a parent stands there, by the numbers of the keys that wait for it.
    pub async fn mark_come(&self, tx: &mut dyn Transaction, ids: &[i64], wave: i64) -> Result<(), TargetError> {
        for part in parts(ids) {
            let mut parameters = vec![Value::Integer(wave)];
            let ids = places(&mut parameters, part.iter().copied().map(Value::Integer));
            let sql = format!("UPDATE {} SET came = $1 WHERE id IN ({ids})", self.tables.parked_key);
            tx.execute(&sql, &parameters).await?;
        }
        Ok(())
    }

    /// Returns the first record that waits itself and brings this key.
    pub async fn giver(
        &self,
        tx: &mut dyn Transaction,
        of: &str,
        key: &[u8],
    ) -> Result<Option<RecordPlace>, TargetError> {
        let sql = format!(
            "SELECT entity, document FROM {} WHERE migration = $1 AND hash = $2 AND key_of = $3 AND key = $4 \
             AND role = 'gives' ORDER BY entity, document LIMIT 1",
            self.tables.parked_key
        );
        let parameters = [text(&self.migration), hash(of, key), text(of), Value::Bytes(key.to_vec())];
        Ok(tx.query(&sql, &parameters).await?.into_iter().next().map(record_place))
    }
}

/// The wave in which the last of what a record waits for came, and the record.
fn woken_in(row: Vec<Value>) -> (i64, u64) {
    let mut row = Columns::new(row);
    let document = row.unsigned();
    (row.integer(), document)
}

fn record_place(row: Vec<Value>) -> RecordPlace {
    let mut row = Columns::new(row);
    (row.text(), row.unsigned())
}

fn parked_key(row: &mut Columns) -> ParkedKey {
    ParkedKey {
        of: row.text(),
        key: row.bytes(),
        shown: row.text(),
        reference: row.text(),
        parent_entity: row.optional(),
        parent_table: row.text(),
        parent_record: row.optional(),
    }
}

/// What the index looks at: keys may be longer than an index holds.
fn hash(of: &str, key: &[u8]) -> Value {
    Value::Integer(xxh3_64_with_seed(key, xxh3_64_with_seed(of.as_bytes(), 0)).cast_signed())
}
