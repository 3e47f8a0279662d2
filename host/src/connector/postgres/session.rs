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
            // What is read back has all its digits, whatever is usual in this database.
            .extra_float_digits(1)
            .options([("jit", "off"), ("client_min_messages", "warning")])
            // And what is carried as text is written in one way.
            .options([("intervalstyle", "postgres"), ("bytea_output", "hex"), ("xmloption", "content")])
            // Without these, NULL in an array would be read as text, and what is written here would mean something else.
            .options([("array_nulls", "on"), ("standard_conforming_strings", "on"), ("quote_all_identifiers", "off")])
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
        let url = self.url.clone();
        match tokio::time::timeout(CONNECT_TIMEOUT, delay::avoided_while(PgConnection::connect_with(options))).await {
            Err(_) => {
                let source = format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()).into();
                Err(TargetError::Unreachable { url, source })
            }
            Ok(Err(failed)) if error::is_forbidden(&failed) => {
                let what = format!("connect to `{url}`");
                Err(TargetError::Permission { what, source: error::cause(failed) })
            }
            Ok(Err(failed)) if error::is_turned_away(&failed) => {
                Err(TargetError::TurnedAway { url, source: error::cause(failed) })
            }
            Ok(Err(failed)) if error::is_no_database(&failed) => {
                let name = options.get_database().unwrap_or(options.get_username());
                let command = format!(
                    "createdb -h {} -p {} -U {} {name}",
                    options.get_host(),
                    options.get_port(),
                    options.get_username()
                );
                Err(TargetError::NoDatabase { url, command, source: error::cause(failed) })
            }
            Ok(Err(failed)) => Err(TargetError::Unreachable { url, source: error::cause(failed) }),
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
        if self.mode == Mode::ReadWrite {
            self.refuse_read_only(&mut connection).await?;
        }
        // The server frees the session either way.
        let _ = connection.close().await;
        Ok(())
    }

    /// Fails where a run's transactions could not write, whatever this session's own may.
    pub async fn check_takes_writes(&self) -> Result<(), TargetError> {
        if self.mode == Mode::ReadWrite {
            // It was asked when the target was opened.
            return Ok(());
        }
        let mut connection = self.connect(&self.options).await?;
        self.refuse_read_only(&mut connection).await?;
        let _ = connection.close().await;
        Ok(())
    }

    async fn refuse_read_only(&self, connection: &mut PgConnection) -> Result<(), TargetError> {
        let (is_standby, is_read_only): (bool, bool) = sqlx::query_as(
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')::bool",
        )
        .fetch_one(connection)
        .await
        .map_err(|failed| error::target_error(failed, "ask whether the server takes writes"))?;
        let why = match (is_standby, is_read_only) {
            (true, _) => "it is a standby, which only follows another server",
            (_, true) => "`default_transaction_read_only` is on for the account, the database or the server",
            _ => return Ok(()),
        };
        Err(TargetError::ReadOnly { url: self.url.clone(), source: why.into() })
    }
}
