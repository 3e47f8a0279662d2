//! The values that move through a run: records, keys, rows, values and the schemas they must fit.
//!
//! Nothing here reads, writes or calls a plugin.

mod array;
pub mod batch;
pub mod beyond;
pub mod check;
pub mod convert;
pub mod decimal;
pub mod form;
pub mod instant;
pub mod json;
pub mod kept;
pub mod key;
pub mod key_text;
pub mod mismatch;
pub mod packed;
pub mod position;
pub mod schema;
pub mod spelled;
pub mod value;

pub use batch::Batch;
pub use batch::BatchBuilder;
pub use batch::Fault;
pub use batch::Record;
pub use kept::Kept;
pub use key::Key;
pub use position::Position;
pub use schema::Column;
pub use schema::ColumnType;
pub use schema::ForeignKey;
pub use schema::TableSchema;
pub use schema::Unique;
pub use value::Value;
