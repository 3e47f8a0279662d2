//! What an entity hands to its transformer, and what the transformer says it will make of it.

/// What one entity of the manifest hands to its transformer; the configuration comes beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setup {
    /// The entity's name.
    pub entity: String,
    /// The source fields that make the record's key, in order, as dotted paths.
    pub key: Vec<String>,
    /// The tables the manifest wants rows for; empty leaves it to the plugin.
    pub into: Vec<String>,
}

/// What a transformer does under one configuration.
///
/// ```
/// use whimbrel_sdk::{Description, Table};
/// let orders = Table::new("Orders").id("id").column("total").of(["total"]).reference("user_id", "users").of(["user"]);
/// let description = Description::new().table(orders).reads(["_id", "total", "user"]).ignores(["__v"]);
/// assert_eq!(description.tables[0].id.as_deref(), Some("id"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The tables it feeds; a row names its table by index into them.
    pub tables: Vec<Table>,
    /// Source fields it reads, as dotted paths.
    pub reads: Vec<String>,
    /// Source fields left out on purpose, as dotted paths.
    pub ignores: Vec<String>,
}

impl Description {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a table; its index is the number of tables before it.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds source fields that are read.
    #[must_use]
    pub fn reads<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.reads.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Adds source fields that are left out on purpose.
    #[must_use]
    pub fn ignores<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.ignores.extend(paths.into_iter().map(Into::into));
        self
    }
}

/// One table that a transformer feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The target table.
    pub name: String,
    /// Every column a row may name. One that a row leaves out is NULL.
    pub columns: Vec<Column>,
    /// The columns that tell the table's rows apart; empty means the target's primary key.
    pub key: Vec<String>,
    /// The column that holds the record's own id.
    pub id: Option<String>,
}

impl Table {
    /// Starts a table without columns.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a column.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>) -> Self {
        self.columns.push(Column { name: name.into(), ..Column::default() });
        self
    }

    /// Adds a column that refers to records of an entity.
    #[must_use]
    pub fn reference(mut self, name: impl Into<String>, entity: impl Into<String>) -> Self {
        self.columns.push(Column { name: name.into(), references: vec![entity.into()], ..Column::default() });
        self
    }

    /// Adds a column that refers to records of one of several entities. A row says which by its reference; with
    /// [`Row::reference_to_any`](crate::Row::reference_to_any) the host finds it out.
    #[must_use]
    pub fn reference_to_any<S: Into<String>>(
        mut self,
        name: impl Into<String>,
        entities: impl IntoIterator<Item = S>,
    ) -> Self {
        let references = entities.into_iter().map(Into::into).collect();
        self.columns.push(Column { name: name.into(), references, ..Column::default() });
        self
    }

    /// Says which source fields the column that was added last is made of, as dotted paths.
    #[must_use]
    pub fn of<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.sources.extend(paths.into_iter().map(Into::into));
        }
        self
    }

    /// Adds the column of the record's own id: rows hold a reference to their own entity in it.
    #[must_use]
    pub fn id(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.id = Some(name.clone());
        self.column(name)
    }

    /// Says which columns tell rows apart, where that is not the target's primary key.
    #[must_use]
    pub fn key<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.key = columns.into_iter().map(Into::into).collect();
        self
    }
}

/// One column that a transformer feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// The target column.
    pub name: String,
    /// The entities whose ids the column holds.
    pub references: Vec<String>,
    /// The source fields that the column is made of, as dotted paths; empty where it is made of none. They are shown to
    /// people: `whimbrel run --show-rows` holds them beside the column.
    pub sources: Vec<String>,
}
