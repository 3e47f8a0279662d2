//! The trait that a validator implements, and its export.

use serde::de::DeserializeOwned;

use crate::Problem;
use crate::bson::Document;

/// Checks rows before they are written. It never changes one.
///
/// ```
/// use whimbrel_sdk::bson::Value;
/// use whimbrel_sdk::{Empty, Problem, RowRef, Validator, ValidatorSetup, Violation};
///
/// struct NoEmptyText;
///
/// impl Validator for NoEmptyText {
///     const SUMMARY: &'static str = "No text is empty.";
///     type Config = Empty;
///     fn new(_: &ValidatorSetup, _: Empty) -> Result<Self, Vec<Problem>> {
///         Ok(Self)
///     }
///     fn validate(&self, row: RowRef<'_>) -> Vec<Violation> {
///         let fields = row.body.fields().filter_map(Result::ok);
///         let empty = fields.filter(|field| matches!(field.value.value(), Ok(Value::Text(""))));
///         empty.filter_map(|field| field.name().ok()).map(|column| Violation::new("empty-text", "found no text").at(column)).collect()
///     }
/// }
///
/// whimbrel_sdk::export_validator!(NoEmptyText);
/// ```
pub trait Validator: Sized + 'static {
    /// One sentence on what it does.
    const SUMMARY: &'static str;
    /// JSON Schema (draft 2020-12) of the configuration; the empty string accepts any object.
    const CONFIG_SCHEMA: &'static str = "";
    /// The configuration, as serde reads it.
    type Config: DeserializeOwned;

    /// Prepares for rows of these tables. Runs before every batch.
    ///
    /// # Errors
    /// All problems at once.
    fn new(setup: &ValidatorSetup, config: Self::Config) -> Result<Self, Vec<Problem>>;

    /// Returns what is wrong with one row; nothing where it is good.
    fn validate(&self, row: RowRef<'_>) -> Vec<Violation>;
}

/// What one entity of the manifest hands to its validators; the configuration comes beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidatorSetup {
    /// The entity's name.
    pub entity: String,
    /// The tables that will be written; a row names its table by index into them.
    pub tables: Vec<TargetTable>,
}

/// One table that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTable {
    /// Its name.
    pub name: String,
    /// The columns that rows may name.
    pub columns: Vec<TargetColumn>,
}

/// One column of a table that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetColumn {
    /// Its name.
    pub name: String,
    /// The type as the target names it, such as `timestamp with time zone`.
    pub target_type: String,
}

/// One row to check.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    /// Index into the setup's tables.
    pub table: u32,
    /// The row in the contract's forms, one field a column.
    pub body: Document<'a>,
}

/// One thing wrong with a row. The record that the row came from becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Short and stable, in kebab-case.
    pub code: String,
    /// The column at fault.
    pub column: Option<String>,
    /// One sentence: expected first, then found; lower case, no full stop.
    pub message: String,
}

impl Violation {
    /// Makes a violation of the whole row.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), column: None, message: message.into() }
    }

    /// Names the column at fault.
    #[must_use]
    pub fn at(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}

/// Exports a [`Validator`] as the crate's component. Does nothing on a native target.
#[macro_export]
macro_rules! export_validator {
    ($validator:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the entry points of a component are unsafe by their nature")]
        const _: () = {
            use $crate::wire::validator as wire;

            ::std::thread_local! {
                static CONFIGURED: ::std::cell::OnceCell<$validator> = const { ::std::cell::OnceCell::new() };
            }

            #[global_allocator]
            static ALLOCATOR: $crate::wire::Allocator = $crate::wire::Allocator::new();

            struct Component;

            impl wire::Guest for Component {
                fn about() -> wire::Identity {
                    wire::about::<$validator>()
                }
                fn configure(setup: wire::Setup) -> Result<(), Vec<wire::Problem>> {
                    CONFIGURED.with(|cell| wire::configure::<$validator>(setup, cell))
                }
                fn validate(rows: wire::Rows) -> Vec<wire::Violation> {
                    CONFIGURED.with(|cell| wire::validate::<$validator>(cell, rows))
                }
            }

    $crate::wire::validator::bindings::export!(Component with_types_in $crate::wire::validator::bindings);
        };
    };
}
