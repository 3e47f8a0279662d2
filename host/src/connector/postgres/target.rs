//! The target: a small pool of sessions, and one more for each lock.

use std::sync::PoisonError;
use std::sync::RwLock;

use async_trait::async_trait;
use sqlx::PgPool;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;

use super::bookkeeping;
use super::delay;
use super::error::target_error;
use super::introspect;
use super::lock;
use super::script;
use super::session::Mode;
use super::session::Session;
use super::transaction::PostgresTransaction;
use super::writable;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::connector::fence::Fence;
use crate::connector::target::Lock;
use crate::connector::target::Made;
use crate::connector::target::Written;
use crate::record::TableSchema;

/// Sessions at most, locks and schema files aside.
const SESSIONS_MAX: u32 = 8;
/// Transactions side by side.
const WRITERS_MAX: usize = 4;

/// A PostgreSQL database.
#[derive(Debug)]
pub struct PostgresTarget {
    session: Session,
    pool: PgPool,
    /// The run whose transactions these are, once it has the lock.
    fence: RwLock<Option<Fence>>,
}

impl PostgresTarget {
    /// Reads the URL; nothing is connected.
    pub fn check(url: &str) -> Result<(), TargetError> {
        Session::new(url, Mode::ReadOnly).map(drop)
    }

    /// Connects once to see that the server answers; further sessions are opened when they are needed.
    pub async fn open(url: &str, mode: Mode) -> Result<Self, TargetError> {
        let session = Session::new(url, mode)?;
        session.probe().await?;
        let pool = PgPoolOptions::new().max_connections(SESSIONS_MAX).after_connect(|_, _| {
            delay::avoid();
            Box::pin(std::future::ready(Ok(())))
        });
        let pool = pool.connect_lazy_with(session.options());
        Ok(Self { session, pool, fence: RwLock::default() })
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, TargetError> {
        delay::avoided_while(self.pool.acquire()).await.map_err(|error| target_error(error, "open a session"))
    }

    /// Creates whimbrel's own tables where none is there.
    #[cfg(test)]
    pub(super) async fn create_own_tables(&self) -> Result<(), TargetError> {
        bookkeeping::create(&mut *self.acquire().await?).await
    }

    fn fence(&self) -> Option<Fence> {
        self.fence.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn url(&self) -> &str {
        &self.session.url
    }

    fn writers_max(&self) -> usize {
        WRITERS_MAX
    }

    fn own_table(&self, name: &str) -> String {
        format!("{}.{name}", bookkeeping::SCHEMA)
    }

    async fn table(&self, name: &str) -> Result<Option<TableSchema>, TargetError> {
        introspect::table(&mut *self.acquire().await?, name).await
    }

    async fn tables_of_script(&self, sql: &str, names: &[String]) -> Result<Vec<Option<Made>>, TargetError> {
        script::try_out(&self.session, sql, names).await
    }

    async fn apply_schema(&self, sql: &str) -> Result<(), TargetError> {
        script::apply(self.session.connect(&self.session.options()).await?, self.fence().as_ref(), sql).await
    }

    async fn has_own_tables(&self) -> Result<bool, TargetError> {
        bookkeeping::exist(&mut *self.acquire().await?).await
    }

    async fn check_writable(&self, written: &[Written<'_>]) -> Result<(), TargetError> {
        self.session.check_takes_writes().await?;
        writable::check(&mut *self.acquire().await?, written).await
    }

    async fn lock(&self, migration: &str, run: &str, who: &str) -> Result<Box<dyn Lock>, TargetError> {
        let fence = Fence::new(migration, run, who);
        let lock = lock::take(&self.session, &fence).await?;
        *self.fence.write().unwrap_or_else(PoisonError::into_inner) = Some(fence);
        Ok(Box::new(lock))
    }

    async fn lock_holder(&self, migration: &str) -> Result<Option<String>, TargetError> {
        lock::holder(&mut *self.acquire().await?, migration).await
    }

    fn among(&self, parameter: &str) -> String {
        format!("= ANY (ARRAY(SELECT pg_catalog.json_array_elements_text({parameter}::json)))")
    }

    fn kept_number(&self, sequence: &str) -> Option<String> {
        Some(format!("pg_catalog.nextval('{}'::pg_catalog.regclass)", sequence.replace('\'', "''")))
    }

    async fn referrers(&self, table: &str) -> Result<Vec<TableSchema>, TargetError> {
        introspect::referrers(&mut *self.acquire().await?, table).await
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, TargetError> {
        Ok(Box::new(PostgresTransaction::begin(self.acquire().await?, self.fence().as_ref()).await?))
    }
}
