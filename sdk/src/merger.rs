//! The trait that a merger implements, and its export.

use serde::de::DeserializeOwned;

use crate::Outcome;
use crate::Problem;
use crate::Table;
use crate::bson::Document;
use crate::bson::Malformed;
use crate::bson::Value;

/// Tells which records of several entities are the same thing, and makes one of them.
///
/// An instance lives for one batch. The same member must always be known by the same text, and the same group must always
/// give the same outcome, whatever else is in the batch.
pub trait Merger: Sized + 'static {
    /// One sentence on what it does.
    const SUMMARY: &'static str;
    /// JSON Schema (draft 2020-12) of the configuration; the empty string accepts any object.
    const CONFIG_SCHEMA: &'static str = "";
    /// The configuration, as serde reads it.
    type Config: DeserializeOwned;

    /// Prepares for the members of these sources.
    ///
    /// # Errors
    /// All problems at once.
    fn new(setup: &MergerSetup, config: Self::Config) -> Result<Self, Vec<Problem>>;

    /// Returns what a member is known by: members of the same text are one thing. One without is a thing of its own.
    fn identify(&self, member: Member<'_>) -> Option<String>;

    /// Makes one record of a group: its rows, of which one holds in its id column the reference to the member that
    /// survives.
    ///
    /// # Errors
    /// A rejection, which makes the whole group a dead letter.
    fn merge(&self, group: &Group<'_>) -> Outcome;
}

/// What one merged entity of the manifest hands to its merger; the configuration comes beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergerSetup {
    /// The entity's name.
    pub entity: String,
    /// The entities whose records are merged, in the manifest's order.
    pub sources: Vec<String>,
    /// The tables that these feed together; a row names its table by index into them.
    pub tables: Vec<Table>,
}

/// One record that may be the same thing as others: the rows that its own transformer made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Index of its entity in the setup's sources.
    pub source: usize,
    /// Its source key, in canonical form.
    pub key: &'a str,
    rows: Document<'a>,
}

impl<'a> Member<'a> {
    /// Reads a member: `{ "source": index, "key": text, "rows": [{ "table": index, "row": body }] }`.
    pub fn read(document: Document<'a>) -> Result<Self, Malformed> {
        let (mut source, mut key, mut rows) = (None, None, None);
        for field in document.fields() {
            let field = field?;
            match (field.name()?, field.value.value()?) {
                ("source", Value::Int32(index)) => source = usize::try_from(index).ok(),
                ("key", Value::Text(text)) => key = Some(text),
                ("rows", Value::Array(array)) => rows = Some(array),
                _ => {}
            }
        }
        match (source, key, rows) {
            (Some(source), Some(key), Some(rows)) => Ok(Self { source, key, rows }),
            _ => Err(Malformed),
        }
    }

    /// Returns its rows, each with the index of its table and its body.
    pub fn rows(self) -> impl Iterator<Item = Result<(u32, Document<'a>), Malformed>> {
        self.rows.fields().map(|field| {
            let Value::Document(row) = field?.value.value()? else { return Err(Malformed) };
            let (Some(table), Some(body)) = (row.get("table")?, row.get("row")?) else { return Err(Malformed) };
            match (table.value()?, body.value()?) {
                (Value::Int32(table), Value::Document(body)) => {
                    Ok((u32::try_from(table).map_err(|_| Malformed)?, body))
                }
                _ => Err(Malformed),
            }
        })
    }

    /// Returns its first row of a table.
    pub fn row(self, table: u32) -> Result<Option<Document<'a>>, Malformed> {
        for row in self.rows() {
            let (of, body) = row?;
            if of == table {
                return Ok(Some(body));
            }
        }
        Ok(None)
    }
}

/// The members that are one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// What they are known by; `None` for one that is a thing of its own.
    pub identity: Option<&'a str>,
    /// At least one; in the order of the sources, those of one source in the order it was read in.
    pub members: Vec<Member<'a>>,
}

impl<'a> Group<'a> {
    /// Reads a group: `{ "identity": text or null, "members": [member, …] }`.
    pub fn read(document: Document<'a>) -> Result<Self, Malformed> {
        let (mut identity, mut members) = (None, Vec::new());
        for field in document.fields() {
            let field = field?;
            match (field.name()?, field.value.value()?) {
                ("identity", Value::Text(text)) => identity = Some(text),
                ("members", Value::Array(array)) => {
                    for member in array.fields() {
                        let Value::Document(member) = member?.value.value()? else { return Err(Malformed) };
                        members.push(Member::read(member)?);
                    }
                }
                _ => {}
            }
        }
        if members.is_empty() { Err(Malformed) } else { Ok(Self { identity, members }) }
    }
}

/// Exports a [`Merger`] as the crate's component. Does nothing on a native target.
#[macro_export]
macro_rules! export_merger {
    ($merger:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the entry points of a component are unsafe by their nature")]
        const _: () = {
            use $crate::wire::merger as wire;

            ::std::thread_local! {
                static CONFIGURED: ::std::cell::OnceCell<$merger> = const { ::std::cell::OnceCell::new() };
            }

            #[global_allocator]
            static ALLOCATOR: $crate::wire::Allocator = $crate::wire::Allocator::new();

            struct Component;

            impl wire::Guest for Component {
                fn about() -> wire::Identity {
                    wire::about::<$merger>()
                }
                fn configure(setup: wire::Setup) -> Result<(), Vec<wire::Problem>> {
                    CONFIGURED.with(|cell| wire::configure::<$merger>(setup, cell))
                }
                fn identify(members: wire::Documents) -> Vec<Option<String>> {
                    CONFIGURED.with(|cell| wire::identify::<$merger>(cell, members))
                }
                fn merge(groups: wire::Documents) -> wire::Transformed {
                    CONFIGURED.with(|cell| wire::merge::<$merger>(cell, groups))
                }
            }

    $crate::wire::merger::bindings::export!(Component with_types_in $crate::wire::merger::bindings);
        };
    };
}
