//! The runs of a migration: when each began, and how it ended.

use super::Bookkeeping;
use super::now;
use super::statement::Columns;
use super::statement::text;
use crate::connector::TargetError;
use crate::connector::Transaction;

/// A run that was noted.
#[derive(Debug, Clone)]
pub struct StoredRun {
    /// Its id.
    pub id: String,
    /// `execute`, `replay` or `repair`.
    pub mode: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` where nobody could say so.
    pub ended_at: Option<String>,
    /// `running`, `interrupted`, or how it ended.
    pub status: String,
    /// Its report, as JSON.
    pub report: Option<String>,
}

impl StoredRun {
    /// Returns whether nobody has said how it ended; only its lock tells whether it goes on.
    pub fn is_running(&self) -> bool {
        self.status == "running"
    }

    /// Returns whether whoever has the lock may be its process, which its id ends with. Not every holder names one.
    pub fn may_be_of(&self, holder: &str) -> bool {
        let process = self.id.rsplit('-').next().unwrap_or_default();
        !holder.contains("(process ") || holder.ends_with(&format!("(process {process})"))
    }
}

impl Bookkeeping {
    /// Notes that a run began. Whoever holds the lock knows that any other one that seems to be running was killed.
    pub async fn insert_run(
        &self,
        tx: &mut dyn Transaction,
        run: &str,
        mode: &str,
        at: &str,
    ) -> Result<(), TargetError> {
        let table = &self.tables.run;
        let sql = format!("UPDATE {table} SET status = 'interrupted' WHERE migration = $1 AND status = 'running'");
        tx.execute(&sql, &[text(&self.migration)]).await?;
        let sql =
            format!("INSERT INTO {table} (id, migration, mode, started_at, status) VALUES ($1, $2, $3, $4, 'running')");
        tx.execute(&sql, &[text(run), text(&self.migration), text(mode), text(at)]).await.map(drop)
    }

    /// Notes how a run ended.
    pub async fn end_run(
        &self,
        tx: &mut dyn Transaction,
        run: &str,
        status: &str,
        report: &str,
    ) -> Result<(), TargetError> {
        let sql = format!("UPDATE {} SET ended_at = $1, status = $2, report = $3 WHERE id = $4", self.tables.run);
        tx.execute(&sql, &[text(&now()), text(status), text(report), text(run)]).await.map(drop)
    }

    /// Returns when the runs that wrote began and ended, RFC 3339, first to last; `None` where nobody could say when one ended.
    pub async fn run_times(&self, tx: &mut dyn Transaction) -> Result<Vec<(String, Option<String>)>, TargetError> {
        let sql = format!(
            "SELECT started_at, ended_at FROM {} WHERE migration = $1 AND status <> 'nothing-to-do' ORDER BY started_at, id",
            self.tables.run
        );
        let rows = tx.query(&sql, &[text(&self.migration)]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut row = Columns::new(row);
                (row.text(), row.optional())
            })
            .collect())
    }

    /// Returns the run that began last, or the last one of a mode that had something to do.
    pub async fn last_run(
        &self,
        tx: &mut dyn Transaction,
        mode: Option<&str>,
    ) -> Result<Option<StoredRun>, TargetError> {
        let mut parameters = vec![text(&self.migration)];
        parameters.extend(mode.map(text));
        let of_mode = if mode.is_some() { " AND mode = $2 AND status <> 'nothing-to-do'" } else { "" };
        let sql = format!(
            "SELECT id, mode, started_at, ended_at, status, report FROM {} WHERE migration = $1{of_mode} \
             ORDER BY started_at DESC, id DESC LIMIT 1",
            self.tables.run
        );
        Ok(tx.query(&sql, &parameters).await?.into_iter().next().map(|row| {
            let mut row = Columns::new(row);
            StoredRun {
                id: row.text(),
                mode: row.text(),
                started_at: row.text(),
                ended_at: row.optional(),
                status: row.text(),
                report: row.optional(),
            }
        }))
    }
}
