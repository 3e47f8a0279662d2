//! Tables as the target describes them: what a row must fit before it is written.

/// One table of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct TableSchema {
    /// The name as the manifest writes it; `schema.table` where it is not in the default schema.
    pub name: String,
    /// In the target's order.
    pub columns: Vec<Column>,
    /// Indexes into `columns`; empty where the table has no primary key.
    pub primary_key: Vec<usize>,
    /// Unique constraints and unique indexes over plain columns, without the primary key.
    pub uniques: Vec<Unique>,
    /// Foreign keys of this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// What a dry run cannot foresee here, in words: check constraints, triggers, exclusion constraints,
    /// unique indexes over expressions or with a condition. A plan adds what hangs on the columns that are fed.
    pub not_predicted: Vec<String>,
}

impl TableSchema {
    /// Returns the index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// One column of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, unquoted.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// The type as the target writes it, for messages.
    pub declared: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Whether the target fills it in when a row leaves it out (default, identity, rowid).
    pub has_default: bool,
    /// Whether what it fills in is another value for every row (identity, sequence, rowid, random UUID).
    pub has_fresh_default: bool,
    /// What numbers the rows that leave it out: the sequence behind it, as SQL names it; `rowid` in SQLite.
    pub sequence: Option<String>,
    /// Whether it is computed by the target and can never be written.
    pub generated: bool,
}

impl Column {
    /// Returns what a message says of its type: a column of SQLite may be declared without any.
    pub fn type_words(&self) -> String {
        match self.declared.as_str() {
            "" => "no type".to_owned(),
            declared => format!("the type `{declared}`"),
        }
    }

    /// Returns a column like this one for the elements of its arrays.
    pub fn of_elements(&self, element: &ColumnType) -> Self {
        Self { kind: element.clone(), nullable: true, ..self.clone() }
    }
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A signed integer of 16, 32 or 64 bits.
    Integer {
        /// 16, 32 or 64.
        bits: u8,
    },
    /// A binary floating point number of 32 or 64 bits.
    Float {
        /// 32 or 64.
        bits: u8,
    },
    /// An exact decimal.
    Decimal {
        /// Digits in all and digits behind the point; `None` is unlimited.
        limits: Option<(u16, i16)>,
        /// Whether the target keeps it only as a binary double or a 64-bit integer (SQLite's numeric affinity):
        /// then a value that would not come back exactly does not fit.
        inexact: bool,
    },
    /// Text of at most so many characters.
    Text {
        /// `None` is unlimited.
        chars_max: Option<u32>,
        /// Whether the target pads with blanks (`char(n)`).
        padded: bool,
    },
    /// One of these labels.
    Enum {
        /// In the target's order.
        labels: Vec<String>,
    },
    /// Bytes.
    Bytes,
    /// A UUID.
    Uuid,
    /// An instant.
    Timestamp,
    /// A timestamp without a zone.
    LocalTimestamp,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// JSON; `binary` where the target does not keep the text (jsonb).
    Json {
        /// Whether the target re-writes the text.
        binary: bool,
    },
    /// An array of one dimension, counted from 1.
    Array {
        /// What its elements are; any of them may be NULL.
        element: Box<ColumnType>,
    },
    /// A type that is carried as the target's own text: an interval, an address, bits, a range. Only text that the column
    /// gives back as it is fits.
    Textual,
    /// A type that whimbrel cannot write; a plan that feeds it is refused.
    Other,
}

/// A unique constraint or index over plain columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Unique {
    /// Its name in the target.
    pub name: String,
    /// Indexes into the table's columns.
    pub columns: Vec<usize>,
    /// Whether two NULLs count as equal.
    pub nulls_equal: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    /// Its name in the target, or one made from its columns where it has none.
    pub name: String,
    /// Indexes into the table's columns.
    pub columns: Vec<usize>,
    /// The table it points to, named like [`TableSchema::name`].
    pub parent: String,
    /// The columns it points to, in the order of `columns`.
    pub parent_columns: Vec<String>,
}
