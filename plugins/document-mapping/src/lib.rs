//! What the transformers of documents share: a configuration that says which field feeds which column, compiled once
//! into a tree of field names, so each document is walked once, and only as deep as the configuration looks.
//!
//! What is special to one kind of documents is its [`Dialect`]: keys of a column, and conversions of its values.
//! Everything that does not fit is a rejection; nothing is rounded, cut or defaulted unasked.

mod check;
mod compile;
mod config;
mod convert;
pub mod json;
mod number;
mod paths;
mod place;
mod table;
pub mod text;
pub mod time;

pub use check::misfits;
pub use compile::Mapping;
pub use config::Allowed;
pub use config::ColumnConfig;
pub use config::Config;
pub use config::Each;
pub use config::Entities;
pub use config::Kind;
pub use config::Misfit;
pub use config::PathList;
pub use config::Source;
pub use config::Texts;
pub use config::present;
pub use convert::Conversion;
pub use convert::Convert;
pub use convert::Part;
pub use convert::one_of;

/// A kind of documents: what its configurations hold beyond the common keys, and how its values are converted.
pub trait Dialect: Sized + 'static {
    /// A column that is written as a table, with all of its keys.
    type Table: serde::de::DeserializeOwned + TryInto<ColumnConfig<Self>, Error = String>;
    /// The keys of a column that only this dialect has.
    type Keys: Default + PartialEq;
    /// How a child's array is named.
    type Each: serde::de::DeserializeOwned + Into<Each>;
    /// Whether a field that is read itself may be a scalar in one record and a document in another, of which fields
    /// are read too.
    const HAS_MIXED_FIELDS: bool = false;

    /// Returns how a column's values are converted, and the keys of it that are wrong.
    fn convert(column: &ColumnConfig<Self>) -> (Convert, Vec<Misfit>);
}
