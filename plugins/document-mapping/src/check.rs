//! What a configuration must hold to: names, paths, keys beside each other, defaults.

use indexmap::IndexMap;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Row;

use crate::Dialect;
use crate::compile::Compiler;
use crate::config::ColumnConfig;
use crate::config::Config;
use crate::config::Kind;
use crate::config::Misfit;
use crate::config::Source;
use crate::convert::Convert;
use crate::json;
use crate::text;
use crate::time::Clock;

impl Compiler<'_> {
    /// The configured table, or the only one of `into` that no child feeds, or the entity's name.
    pub(crate) fn table<D: Dialect>(&mut self, config: &Config<D>) -> String {
        let into = &self.setup.into;
        if let Some(table) = &config.table {
            let pointer = Pointer::root().key("table");
            if !into.is_empty() && !into.contains(table) {
                let message = format!("expected a table of the entity's `into`, found `{table}`");
                self.problem(&pointer, message);
            }
            self.check_name(table, &pointer, "table");
            return table.clone();
        }
        let mut left = into.iter().filter(|table| !config.children.contains_key(*table));
        match (left.next(), left.next()) {
            (Some(only), None) => only.clone(),
            (Some(_), Some(_)) => {
                let message = format!("expected `table`, as the entity goes into {} tables, found none", into.len());
                self.problem(&Pointer::root(), message);
                String::new()
            }
            (None, _) => self.setup.entity.clone(),
        }
    }

    /// The column whose value is the record's id, where the configuration names one.
    pub(crate) fn given_id<D: Dialect>(&mut self, config: &Config<D>) -> Option<String> {
        let id = config.id.as_ref()?;
        let pointer = Pointer::root().key("id");
        match config.columns.get(id) {
            None => self.problem(&pointer, format!("expected one of `columns`, found `{id}`")),
            Some(column) if column.reference.is_some() => {
                self.problem(
                    &pointer,
                    format!("expected a column with a value of its own, found the reference `{id}`"),
                );
            }
            Some(_) => {}
        }
        Some(id.clone())
    }

    /// The column that takes the record's key as it is.
    pub(crate) fn id_column<D: Dialect>(
        &mut self,
        columns: &IndexMap<String, ColumnConfig<D>>,
        pointer: &Pointer,
    ) -> Option<String> {
        let key = &self.setup.key;
        let is_key = |column: &ColumnConfig<D>| {
            matches!(&column.source, Source::From(paths) if paths == key)
                && !column.array
                && column.kind.is_none()
                && column.reference.is_none()
                && column.allowed.is_none()
                && column.keys == D::Keys::default()
        };
        let mut names = columns.iter().filter(|(_, column)| is_key(column)).map(|(name, _)| name);
        let id = names.next()?;
        for name in names {
            let message =
                format!("expected `as` or `reference`, as `{id}` takes the record's key already, found neither");
            self.problem(&pointer.key(name), message);
        }
        Some(id.clone())
    }

    /// Several values make a reference, and nothing else.
    pub(crate) fn check_composite<D: Dialect>(&mut self, config: &ColumnConfig<D>, pointer: &Pointer, is_id: bool) {
        if config.reference.is_none() && !is_id {
            self.problem(&pointer.key("from"), "expected one path, or `reference` beside several, found several alone");
        }
        if config.array {
            self.problem(&pointer.key("array"), "expected one path beside `array`, found several");
        }
        if config.default.is_some() {
            self.problem(&pointer.key("default"), "expected no default for a reference of several values, found one");
        }
        if let Source::From(paths) = &config.source
            && let Some(index) = paths.iter().position(|from| from.starts_with('#'))
        {
            self.problem(&pointer.key("from").index(index), "expected a path of the source, found `#`");
        }
    }

    /// A default must go through the column's own conversion.
    pub(crate) fn default<D: Dialect>(
        &mut self,
        config: &ColumnConfig<D>,
        pointer: &Pointer,
        convert: &Convert,
        is_id: bool,
    ) -> Option<Vec<u8>> {
        let default = config.default.as_ref()?;
        let pointer = pointer.key("default");
        if is_id {
            self.problem(&pointer, "expected no default for the record's key, found one");
        } else if default.is_null() {
            self.problem(&pointer, "expected a value, found null, which a missing field is without a default");
        }
        let bytes = json::to_bson(default);
        let tried = json::only_value(&bytes).map(|raw| convert.write(&mut Row::new(0), "default", raw));
        match tried {
            Some(Err(rejection)) if !default.is_null() => self.problem(&pointer, rejection.message),
            None => self.problem(&pointer, "expected names without NUL bytes, found one"),
            _ => {}
        }
        Some(bytes)
    }

    pub(crate) fn check_path(&mut self, path: &str, pointer: &Pointer) {
        if path.split('.').any(str::is_empty) || path.contains('\0') {
            self.problem(pointer, format!("expected names with dots between, found {}", text::quoted(path)));
        }
    }

    pub(crate) fn check_name(&mut self, name: &str, pointer: &Pointer, what: &str) {
        if name.is_empty() || name.contains('\0') {
            self.problem(pointer, format!("expected the name of a {what}, found {}", text::quoted(name)));
        }
    }
}

impl Convert {
    /// Returns the conversion that the common keys of a column say, and those that make no sense.
    pub fn of<D: Dialect>(config: &ColumnConfig<D>) -> (Self, Vec<Misfit>) {
        let mut misfits = self::misfits(config);
        let convert = if let Some(entities) = &config.reference {
            Self::Reference(entities.0.clone())
        } else if let Some(allowed) = &config.allowed {
            if allowed.0.is_empty() {
                misfits.push(("enum", "expected at least one value, found none".to_owned()));
            }
            Self::Enum(allowed.0.clone())
        } else {
            match config.kind {
                None => Self::Unchanged,
                Some(Kind::Text) => Self::Text,
                Some(Kind::Integer) => Self::Integer,
                Some(Kind::Double) => Self::Double,
                Some(Kind::Decimal) => Self::Decimal,
                Some(Kind::Bool) => Self::Bool,
                Some(Kind::Uuid) => Self::Uuid,
                Some(Kind::Bytes) => Self::Bytes,
                Some(Kind::Json) => Self::Json,
                Some(Kind::TextArray) => Self::TextArray,
                Some(kind @ (Kind::Timestamp | Kind::LocalTimestamp | Kind::Date | Kind::Time)) => {
                    match Clock::new(kind, config.format.as_deref(), config.zone.as_deref()) {
                        Ok(clock) => Self::Clock(clock),
                        Err(found) => {
                            misfits.extend(found);
                            Self::Unchanged
                        }
                    }
                }
            }
        };
        (convert, misfits)
    }
}

/// Returns the common keys of a column that make no sense beside each other.
pub fn misfits<D: Dialect>(config: &ColumnConfig<D>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut problem = |key, message: &str| misfits.push((key, message.to_owned()));
    let kind = config.kind;
    let is_text = matches!(kind, None | Some(Kind::Text));
    if config.reference.is_some() && kind.is_some() {
        problem("as", "expected no `as` beside `reference`, which takes the key as it is");
    }
    if config.allowed.is_some() && (!is_text || config.reference.is_some()) {
        problem("enum", "expected `enum` on a text, found it beside `as` or `reference`");
    }
    let is_clock = kind.is_some_and(Kind::is_clock);
    if config.format.is_some() && !is_clock {
        let message = "expected `as` to be `timestamp`, `local-timestamp`, `date` or `time` beside `format`";
        problem("format", message);
    }
    if config.zone.is_some() && (!is_clock || kind == Some(Kind::Time)) {
        let message = "expected `as` to be `timestamp`, `local-timestamp` or `date` beside `zone`";
        problem("zone", message);
    }
    if config.array && config.reference.as_ref().is_some_and(|entities| entities.0.len() > 1) {
        problem("reference", "expected one entity beside `array`, found several");
    }
    if config.array && kind == Some(Kind::TextArray) {
        problem("array", "expected no `array` beside `text-array`, which says it already");
    }
    if config.required && config.default.is_some() {
        problem("default", "expected no `default` beside `required`, found both");
    }
    misfits
}
