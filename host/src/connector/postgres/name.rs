//! Names of tables and columns: as a manifest writes them, and quoted for SQL.

/// Returns the identifier in double quotes.
pub(super) fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Returns the text as a literal, whatever the session makes of backslashes.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A table's name, split at the first dot; a part in double quotes may hold dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    /// `None` follows the search path.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

impl TableName {
    /// Reads `table`, `schema.table`, `"a.b"` or `schema."a.b"`. Letters keep their case.
    pub fn parse(name: &str) -> Self {
        let (first, rest) = split(name);
        match rest {
            Some(rest) => Self { schema: Some(first), table: unquote(rest) },
            None => Self { schema: None, table: first },
        }
    }

    /// Returns the name as SQL takes it.
    pub fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.table)),
            None => quote(&self.table),
        }
    }

    /// Returns the name as [`Self::parse`] takes it, with quotes only where they are needed.
    pub fn written(&self) -> String {
        let part = |part: &str| if part.contains(['.', '"']) { quote(part) } else { part.to_owned() };
        match &self.schema {
            Some(schema) => format!("{}.{}", part(schema), part(&self.table)),
            None => part(&self.table),
        }
    }
}

fn split(name: &str) -> (String, Option<&str>) {
    if let Some(inner) = name.strip_prefix('"') {
        let mut part = String::new();
        let mut characters = inner.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != '"' {
                part.push(character);
            } else if characters.next_if(|(_, next)| *next == '"').is_some() {
                part.push('"');
            } else {
                let rest = &inner[at + 1..];
                return match rest.strip_prefix('.') {
                    Some(rest) => (part, Some(rest)),
                    None if rest.is_empty() => (part, None),
                    None => (name.to_owned(), None),
                };
            }
        }
        return (name.to_owned(), None);
    }
    match name.split_once('.') {
        Some((schema, table)) => (schema.to_owned(), Some(table)),
        None => (name.to_owned(), None),
    }
}

fn unquote(name: &str) -> String {
    match split(name) {
        (part, None) => part,
        (_, Some(_)) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::TableName;
    use super::quote;

    #[test]
    fn names_are_split_and_quoted() {
        for (written, sql) in [
            ("Users", "\"Users\""),
            ("crm.Users", "\"crm\".\"Users\""),
            ("order items", "\"order items\""),
            ("\"a.b\"", "\"a.b\""),
            ("crm.\"a.b\"", "\"crm\".\"a.b\""),
            ("\"x.y\".\"say \"\"hi\"\"\"", "\"x.y\".\"say \"\"hi\"\"\""),
        ] {
            let name = TableName::parse(written);
            assert_eq!(name.sql(), sql);
            assert_eq!(TableName::parse(&name.written()), name);
        }
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
    }
}
