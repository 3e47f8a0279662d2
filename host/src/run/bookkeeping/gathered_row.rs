//! Records that wait for being merged, in the order of what they are known by.

use std::collections::HashMap;

use super::Bookkeeping;
use super::statement::Columns;
use super::statement::append;
use super::statement::integer;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// One record, as its own entity has gathered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatheredRow {
    /// What it is known by.
    pub known: Known,
    /// Its entity's place among those that are merged.
    pub place: u64,
    /// Its number in the source.
    pub document: u64,
    /// Its entity.
    pub entity: String,
    /// Its key.
    pub key: String,
    /// Its rows, as the merger gets them.
    pub body: Vec<u8>,
    /// Whether it has come behind a replay, and its group is to be merged again.
    pub is_late: bool,
    /// Whether its group has had its id before others joined.
    pub holds_id: bool,
    /// Whether others that are known by the same are left out, as there are too many.
    pub is_cut: bool,
}

/// How large a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSize {
    /// Its members.
    pub members: u64,
    /// The bytes of these.
    pub bytes: u64,
}

/// What members are known by, in a form that sorts the same in every target; the empty one is before all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Groups that came to be behind a replay stand behind all that stood before, so that places stay what they were.
    pub generation: u64,
    sort_key: Vec<u8>,
}

impl Known {
    const ALONE: u8 = 0;
    const BY_TEXT: u8 = 1;

    /// A member that is known by a text, or alone: by its place.
    pub fn new(identity: Option<&str>, place: u64, document: u64) -> Self {
        let sort_key = match identity {
            Some(text) => [&[Self::BY_TEXT], text.as_bytes()].concat(),
            None => [&[Self::ALONE][..], &place.to_be_bytes(), &document.to_be_bytes()].concat(),
        };
        Self { generation: 0, sort_key }
    }

    /// Returns the text that it is known by, where it is known by one.
    pub fn identity(&self) -> Option<&str> {
        let (&Self::BY_TEXT, text) = self.sort_key.split_first()? else { return None };
        std::str::from_utf8(text).ok()
    }

    /// Returns whether both are known by the same.
    pub fn is_by(&self, other: &Self) -> bool {
        self.sort_key == other.sort_key
    }

    /// Returns it as the token of a position.
    pub fn to_token(&self) -> String {
        let digits: String = self.sort_key.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{digits}", self.generation)
    }

    /// Reads a token; the empty one is the start.
    pub fn parse(token: &str) -> Option<Self> {
        if token.is_empty() {
            return Some(Self::default());
        }
        let (generation, digits) = token.split_once(':')?;
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        Some(Self { generation: generation.parse().ok()?, sort_key: pairs.collect::<Option<_>>()? })
    }
}

const COLUMNS: &str = "generation, sort_key, place, document, entity, record_key, body, late, holds_id";

impl Bookkeeping {
    /// Gathers records for a merged entity. Those that are known by what stands there already join it.
    pub async fn insert_gathered(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        rows: &[GatheredRow],
    ) -> Result<(), TargetError> {
        let columns = format!("migration, merged, {COLUMNS}");
        let row = |row: &GatheredRow| {
            vec![
                text(&self.migration),
                text(merged),
                integer(row.known.generation),
                Value::Bytes(row.known.sort_key.clone()),
                integer(row.place),
                integer(row.document),
                text(&row.entity),
                text(&row.key),
                Value::Bytes(row.body.clone()),
                Value::Integer(i64::from(row.is_late)),
                Value::Integer(i64::from(row.holds_id)),
            ]
        };
        append(tx, &self.tables.gathered_row, &columns, rows, row).await
    }

    /// Finds where records belong that come behind a replay when the merged entity has begun to read: beside those that are
    /// known by the same, or, where there are none, behind all others. What was gathered of these records before is forgotten.
    pub async fn join_gathered(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        has_begun: bool,
        rows: &mut [GatheredRow],
    ) -> Result<(), TargetError> {
        let own = &self.tables.gathered_row;
        let forget =
            format!("DELETE FROM {own} WHERE migration = $1 AND merged = $2 AND entity = $3 AND document = $4");
        let find =
            format!("SELECT generation FROM {own} WHERE migration = $1 AND merged = $2 AND sort_key = $3 LIMIT 1");
        let last = format!("SELECT COALESCE(MAX(generation), 0) FROM {own} WHERE migration = $1 AND merged = $2");
        let last = tx.query(&last, &[text(&self.migration), text(merged)]).await?;
        let next = last.into_iter().next().map_or(0, |row| Columns::new(row).unsigned()) + 1;
        for row in rows {
            let record = [text(&self.migration), text(merged), text(&row.entity), integer(row.document)];
            tx.execute(&forget, &record).await?;
            if !has_begun {
                continue;
            }
            let known = [text(&self.migration), text(merged), Value::Bytes(row.known.sort_key.clone())];
            let standing = tx.query(&find, &known).await?.into_iter().next();
            row.known.generation = standing.map_or(next, |row| Columns::new(row).unsigned());
            row.is_late = true;
        }
        Ok(())
    }

    /// Returns some members that have come behind a replay, in the order of what they are known by, behind a group.
    pub async fn late_members(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        after: &Known,
        count: u64,
    ) -> Result<Vec<GatheredRow>, TargetError> {
        let order = "ORDER BY generation, sort_key, place, document LIMIT $5";
        let sql = format!("SELECT {COLUMNS} {} AND late = 1 {order}", self.behind());
        let rows = tx.query(&sql, &self.place_of(merged, after, count)).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    /// Notes of a group that all who have joined are members like any other.
    pub async fn forget_late(&self, tx: &mut dyn Transaction, merged: &str, known: &Known) -> Result<(), TargetError> {
        let sql = format!(
            "UPDATE {} SET late = 0 WHERE migration = $1 AND merged = $2 AND generation = $3 AND sort_key = $4 \
             AND late = 1",
            self.tables.gathered_row
        );
        let [migration, merged, generation, sort_key, _] = self.place_of(merged, known, 0);
        tx.execute(&sql, &[migration, merged, generation, sort_key]).await.map(drop)
    }

    /// Notes whose id a group has had before others joined.
    pub async fn hold_id(&self, tx: &mut dyn Transaction, entity: &str, key: &str) -> Result<(), TargetError> {
        let sql = format!(
            "UPDATE {} SET holds_id = 1 WHERE migration = $1 AND entity = $2 AND record_key = $3",
            self.tables.gathered_row
        );
        tx.execute(&sql, &[text(&self.migration), text(entity), text(key)]).await.map(drop)
    }

    /// Returns the number that a group has as a record of the merged entity: its place among all groups.
    pub async fn group_number(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        known: &Known,
    ) -> Result<u64, TargetError> {
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE migration = $1 AND merged = $2 \
             AND (generation, sort_key) <= ($3, $4) GROUP BY generation, sort_key) AS groups",
            self.tables.gathered_row
        );
        let [migration, merged, generation, sort_key, _] = self.place_of(merged, known, 0);
        let rows = tx.query(&sql, &[migration, merged, generation, sort_key]).await?;
        Ok(rows.into_iter().next().map_or(0, |row| Columns::new(row).unsigned()))
    }

    /// Returns the members that are known by a text.
    pub async fn members_known_by(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        identity: &str,
        count: u64,
    ) -> Result<Vec<GatheredRow>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE migration = $1 AND merged = $2 AND sort_key = $3 \
             ORDER BY place, document LIMIT $4",
            self.tables.gathered_row
        );
        let known = Known::new(Some(identity), 0, 0);
        let place = [text(&self.migration), text(merged), Value::Bytes(known.sort_key), integer(count)];
        let rows = tx.query(&sql, &place).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    /// Returns the members of one group.
    pub async fn members(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        known: &Known,
        count: u64,
    ) -> Result<Vec<GatheredRow>, TargetError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {} WHERE migration = $1 AND merged = $2 AND generation = $3 AND sort_key = $4 \
             ORDER BY place, document LIMIT $5",
            self.tables.gathered_row
        );
        let rows = tx.query(&sql, &self.place_of(merged, known, count)).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    /// Returns the numbers of the records of an entity that were gathered under these keys.
    pub async fn gathered_keys(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        keys: &[&str],
    ) -> Result<HashMap<String, u64>, TargetError> {
        let rows = self.under_keys(tx, "record_key, document", entity, keys).await?;
        let of_row = |row| {
            let mut row = Columns::new(row);
            (row.text(), row.unsigned())
        };
        Ok(rows.into_iter().map(of_row).collect())
    }

    /// Returns what was gathered of the records of an entity with these keys.
    pub async fn gathered_of(
        &self,
        tx: &mut dyn Transaction,
        entity: &str,
        keys: &[&str],
    ) -> Result<HashMap<String, GatheredRow>, TargetError> {
        let rows = self.under_keys(tx, COLUMNS, entity, keys).await?;
        Ok(rows.into_iter().map(stored).map(|row| (row.key.clone(), row)).collect())
    }

    /// Returns the sizes of so many groups that come next.
    pub async fn gathered_groups(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        after: &Known,
        count: usize,
    ) -> Result<Vec<GroupSize>, TargetError> {
        let sql = format!(
            "SELECT COUNT(*), SUM(length(body)) {} GROUP BY generation, sort_key ORDER BY generation, sort_key LIMIT $5",
            self.behind()
        );
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let rows = tx.query(&sql, &self.place_of(merged, after, count)).await?;
        let of_row = |row| {
            let mut row = Columns::new(row);
            GroupSize { members: row.unsigned(), bytes: row.unsigned() }
        };
        Ok(rows.into_iter().map(of_row).collect())
    }

    /// Returns the next members, in the order of what they are known by, then of their entities, then of their sources.
    pub async fn gathered(
        &self,
        tx: &mut dyn Transaction,
        merged: &str,
        after: &Known,
        count: u64,
    ) -> Result<Vec<GatheredRow>, TargetError> {
        let order = "ORDER BY generation, sort_key, place, document LIMIT $5";
        let sql = format!("SELECT {COLUMNS} {} {order}", self.behind());
        let rows = tx.query(&sql, &self.place_of(merged, after, count)).await?;
        Ok(rows.into_iter().map(stored).collect())
    }

    async fn under_keys(
        &self,
        tx: &mut dyn Transaction,
        columns: &str,
        entity: &str,
        keys: &[&str],
    ) -> Result<Vec<Vec<Value>>, TargetError> {
        let asked = serde_json::json!(keys);
        let sql = format!(
            "SELECT {columns} FROM {} WHERE migration = $1 AND entity = $2 AND record_key {}",
            self.tables.gathered_row, self.among
        );
        tx.query(&sql, &[text(&self.migration), text(entity), text(&asked.to_string())]).await
    }

    fn behind(&self) -> String {
        format!(
            "FROM {} WHERE migration = $1 AND merged = $2 AND (generation, sort_key) > ($3, $4)",
            self.tables.gathered_row
        )
    }

    fn place_of(&self, merged: &str, known: &Known, count: u64) -> [Value; 5] {
        [
            text(&self.migration),
            text(merged),
            integer(known.generation),
            Value::Bytes(known.sort_key.clone()),
            integer(count),
        ]
    }
}

fn stored(row: Vec<Value>) -> GatheredRow {
    let mut row = Columns::new(row);
    let known = Known { generation: row.unsigned(), sort_key: row.bytes() };
    GatheredRow {
        known,
        place: row.unsigned(),
        document: row.unsigned(),
        entity: row.text(),
        key: row.text(),
        body: row.bytes(),
        is_late: row.integer() == 1,
        holds_id: row.integer() == 1,
        is_cut: false,
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn tokens_come_back_and_sort_as_what_they_stand_for() {
        let known = [
            Known::default(),
            Known::new(None, 0, 7),
            Known::new(None, 1, 2),
            Known::new(Some("a@b"), 9, 9),
            Known::new(Some("ä"), 0, 0),
        ];
        assert!(known.is_sorted());
        for known in &known[1..] {
            assert_eq!(Known::parse(&known.to_token()).as_ref(), Some(known));
        }
        assert_eq!(Known::parse(""), Some(Known::default()));
        assert_eq!(known[3].identity(), Some("a@b"));
        assert_eq!(known[1].identity(), None);
        for token in ["1", "x:00", "0:0", "0:zz"] {
            assert_eq!(Known::parse(token), None, "{token}");
        }
    }
}
