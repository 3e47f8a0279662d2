//! How far a look at what stands in the target has come, and what it has found until there: both move together.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;

/// How far one part of a review has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Review {
    /// The components that it is made with; with others it begins anew.
    pub digest: String,
    /// The last ledger entry, or the number of rows looked at.
    pub sequence: i64,
    /// The last key, compact, where rows are looked at by their keys; where records are, the hashes of the rows that
    /// were told and may be in no ledger.
    pub place: Vec<u8>,
    /// Whether the part is done.
    pub is_done: bool,
    /// What was found, JSON.
    pub counts: String,
}

impl Bookkeeping {
    /// Returns how far a part has come with these components.
    pub async fn review(
        &self,
        tx: &mut dyn Transaction,
        kind: &str,
        part: &str,
        digest: &str,
    ) -> Result<Option<Review>, TargetError> {
        let sql = format!(
            "SELECT digest, sequence, place, is_done, counts FROM {} \
             WHERE migration = $1 AND kind = $2 AND part = $3 AND digest = $4",
            self.tables.review
        );
        let rows = tx.query(&sql, &[text(&self.migration), text(kind), text(part), text(digest)]).await?;
        Ok(rows.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            Review {
                digest: row.text(),
                sequence: row.integer(),
                place: row.bytes(),
                is_done: row.integer() != 0,
                counts: row.text(),
            }
        }))
    }

    /// Stores how far a part has come.
    pub async fn save_review(
        &self,
        tx: &mut dyn Transaction,
        kind: &str,
        part: &str,
        review: &Review,
    ) -> Result<(), TargetError> {
        let sql = format!(
            "INSERT INTO {} (migration, kind, part, digest, sequence, place, is_done, counts, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (migration, kind, part) DO UPDATE SET \
             digest = excluded.digest, sequence = excluded.sequence, place = excluded.place, is_done = excluded.is_done, \
             counts = excluded.counts, updated_at = excluded.updated_at",
            self.tables.review
        );
        let parameters = [
            text(&self.migration),
            text(kind),
            text(part),
            text(&review.digest),
            Value::Integer(review.sequence),
            Value::Bytes(review.place.clone()),
            Value::Integer(i64::from(review.is_done)),
            text(&review.counts),
            text(&now()),
        ];
        tx.execute(&sql, &parameters).await.map(drop)
    }

    /// Forgets how far reviews of a kind have come: the next one begins anew.
    pub async fn forget_reviews(&self, tx: &mut dyn Transaction, kind: &str) -> Result<(), TargetError> {
        let sql = format!("DELETE FROM {} WHERE migration = $1 AND kind = $2", self.tables.review);
        tx.execute(&sql, &[text(&self.migration), text(kind)]).await.map(drop)
    }
}
