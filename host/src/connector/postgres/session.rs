//! How sessions are opened: their settings, their limits, and what a failed attempt means.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::Connection;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use super::delay;
use super::error;
use crate::connector::TargetError;
use crate::connector::masked;

/// How long a server may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// The oldest server whose catalogs and commands are known here.
const SERVER_VERSION_MIN: i32 = 130_000;

/// What a target may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Read and write.
    ReadWrite,
    /// Every session's transactions are read-only; only a schema file is tried out, in one that is rolled back.
    ReadOnly,
}

/// Where and how to connect.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The URL with its password masked.
    pub url: String,
    options: PgConnectOptions,
    mode: Mode,
}

impl Session {
    /// Reads the URL; nothing is connected.
    pub fn new(url: &str, mode: Mode) -> Result<Self, TargetError> {
        let masked = masked::masked(url);
        let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = PgConnectOptions::from_str(url)
            .ok()
            .filter(|_| known)
            .ok_or_else(|| TargetError::Unknown { url: masked.clone() })?;
        // Compiling the lookup's plan just in time would cost more than running it.
        let options = options
            .application_name("whimbrel")
            .extra_float_digits(None)
            .options([("jit", "off"), ("client_min_messages", "warning")])
            .disable_statement_logging();
        Ok(Self { url: masked, options, mode })
    }

    /// Returns the options of ordinary sessions.
    pub fn options(&self) -> PgConnectOptions {
        match self.mode {
            Mode::ReadWrite => self.options.clone(),
            Mode::ReadOnly => self.read_only_options(),
        }
    }

    /// Returns the options of a session whose transactions write only where they say so.
    pub fn read_only_options(&self) -> PgConnectOptions {
        self.options.clone().options([("default_transaction_read_only", "on")])
    }

    /// Opens one session.
    pub async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection, TargetError> {
        let unreachable = |source| TargetError::Unreachable { url: self.url.clone(), source };
        match tokio::time::timeout(CONNECT_TIMEOUT, delay::avoided_while(PgConnection::connect_with(options))).await {
            Err(elapsed) => Err(unreachable(Box::new(elapsed))),
            Ok(Err(failed)) if error::is_forbidden(&failed) => {
                Err(TargetError::Permission { what: format!("connect to `{}`", self.url), source: Box::new(failed) })
            }
            Ok(Err(failed)) => Err(unreachable(Box::new(failed))),
            Ok(Ok(connection)) => {
                delay::avoid();
                Ok(connection)
            }
        }
    }

    /// Opens one session and closes it again: whether the server answers, and is new enough.
    pub async fn probe(&self) -> Result<(), TargetError> {
        let mut connection = self.connect(&self.options()).await?;
        let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(&mut connection)
            .await
            .map_err(|failed| error::target_error(failed, "ask for the server's version"))?;
        if version < SERVER_VERSION_MIN {
            let message = format!("expected PostgreSQL 13 or later, found version number {version}");
            return Err(TargetError::Database { what: "using the server".to_owned(), source: message.into() });
        }
        // The server frees the session either way.
        let _ = connection.close().await;
        Ok(())
    }
}
