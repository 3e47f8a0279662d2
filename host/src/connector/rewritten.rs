//! What triggers have made of rows that were written, told in the same words wherever it is found.

use super::target::Refusal;
use crate::record::TableSchema;
use crate::record::Value;
use crate::record::packed;
use crate::record::value;

/// How a row was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It was not there before.
    Insert,
    /// It was.
    Update,
}

impl Write {
    fn done(self) -> &'static str {
        match self {
            Self::Insert => "inserted",
            Self::Update => "updated",
        }
    }
}

/// Returns the refusal of a row in which one of these columns holds something else than it was given. `found` are its
/// values as the columns give them back; `None` where no row has its key any more.
pub fn refusal(
    table: &TableSchema,
    columns: &[usize],
    given: &[&Value],
    found: Option<&[Value]>,
    write: Write,
) -> Option<Refusal> {
    let refused = |column: Option<&str>, message: String| {
        let column = column.map(str::to_owned);
        Some(Refusal { code: "trigger", table: table.name.clone(), constraint: None, column, message, row: None })
    };
    let done = write.done();
    let Some(found) = found else {
        return refused(
            None,
            format!(
                "a trigger removed the row while it was {done}, or changed its key; disable the trigger while rows are loaded"
            ),
        );
    };
    for ((column, given), found) in columns.iter().zip(given).zip(found) {
        let column = &table.columns[*column];
        if value::same_in(&column.kind, given, found) {
            continue;
        }
        let shown = |value: &Value| packed::display(std::slice::from_ref(value));
        let (name, given, found) = (&column.name, shown(given), shown(found));
        return refused(
            Some(name),
            format!(
                "a trigger put `{found}` into `{name}` while the row was {done}, expected `{given}`; disable the trigger \
                 while rows are loaded, or leave the column to it and do not feed it"
            ),
        );
    }
    None
}
