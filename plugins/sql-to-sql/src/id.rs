//! Which column holds the record's own id: one that says so, or else the one that is made of the key and says no more.

use whimbrel_sdk::Setup;

use crate::config::Column;
use crate::config::Config;
use crate::config::From;

/// The column of the record's own id.
#[derive(Clone, Copy)]
pub(crate) struct Id<'c> {
    pub column: &'c str,
    /// Whether it refers to the entity by name.
    is_named: bool,
}

impl Id<'_> {
    /// Checks another column that is made of the key and says no more: the key's value is meant only where the id is named.
    pub(crate) fn check_second(self, setup: &Setup, column: &str) -> Result<(), String> {
        let (first, entity) = (self.column, &setup.entity);
        match &setup.key[..] {
            [_] if self.is_named => Ok(()),
            [key] => Err(format!(
                "expected the key in one column without more, which is the id, found it in `{first}` and in `{column}`; write \
                 `{{ from = \"{key}\", reference = \"{entity}\" }}` for the id, and the other has the key's value"
            )),
            _ => Err(format!(
                "expected the id in one column, found it in `{first}` and in `{column}`; copy the columns of the key one by \
                 one, or write `reference = \"{entity}\"` beside `from` where the id is meant once more"
            )),
        }
    }
}

/// Returns the column of the record's own id.
pub(crate) fn column<'c>(setup: &Setup, config: &'c Config) -> Option<Id<'c>> {
    let first = |is_meant: &dyn Fn(&From) -> bool| {
        config.columns.iter().find_map(|(name, column)| match column {
            Column::From(from) if is_meant(from) => Some(name.as_str()),
            _ => None,
        })
    };
    let named = first(&|from| is_own_reference(setup, from)).map(|column| Id { column, is_named: true });
    named.or_else(|| first(&|from| is_plain_key(setup, from)).map(|column| Id { column, is_named: false }))
}

/// Returns whether a column is made of the entity's key, and says no more.
pub(crate) fn is_plain_key(setup: &Setup, column: &From) -> bool {
    column.reference.is_none() && is_bare_key(setup, column)
}

fn is_own_reference(setup: &Setup, column: &From) -> bool {
    column.reference.as_deref() == Some(std::slice::from_ref(&setup.entity)) && is_bare_key(setup, column)
}

fn is_bare_key(setup: &Setup, column: &From) -> bool {
    let is_made = column.cast.is_some() || column.allowed.is_some() || column.zone.is_some();
    column.from == setup.key && !is_made && !column.array && column.default.is_none()
}
