//! From a configuration to what transforms documents; finds every problem on the way.

use indexmap::IndexMap;
use whimbrel_sdk::Description;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Row;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;

use crate::config::ColumnConfig;
use crate::config::Config;
use crate::config::Kind;
use crate::convert::Convert;
use crate::json;
use crate::paths::Paths;
use crate::table::Child;
use crate::table::Column;
use crate::table::Part;
use crate::table::Place;
use crate::text;
use crate::time::Clock;

/// A configuration that holds.
pub(crate) struct Compiled {
    table: String,
    id: Option<String>,
    pub paths: Paths,
    pub columns: Vec<Column>,
    pub children: Vec<Child>,
}

/// Compiles a configuration.
pub(crate) fn compile(setup: &Setup, config: &Config) -> Result<Compiled, Vec<Problem>> {
    let mut compiler = Compiler { setup, paths: Paths::default(), problems: Vec::new() };
    let table = compiler.table(config);
    let root = Pointer::root();
    let given = compiler.given_id(config);
    let own = if config.id.is_some() { None } else { compiler.id_column(&config.columns, &root.key("columns")) };
    let mut columns = compiler.columns(&config.columns, &root.key("columns"), None, own.as_deref());
    for column in columns.iter_mut().filter(|column| given.as_ref() == Some(&column.name)) {
        column.is_required = true;
    }
    let id = given.or(own);
    let mut children = Vec::new();
    for (index, (name, child)) in (1..).zip(&config.children) {
        let pointer = root.key("children").key(name);
        if *name == table {
            compiler.problem(&pointer, format!("expected a table of its own, found the records' table `{name}`"));
        }
        compiler.check_name(name, &pointer, "table");
        compiler.check_path(&child.each, &pointer.key("each"));
        for (place, column) in child.key.iter().enumerate().filter(|(_, column)| !child.columns.contains_key(*column)) {
            compiler
                .problem(&pointer.key("key").index(place), format!("expected a column of the table, found `{column}`"));
        }
        let each = compiler.paths.add(&child.each);
        let mut inside = Paths::default();
        let columns = compiler.columns(&child.columns, &pointer.key("columns"), Some(&mut inside), None);
        children.push(Child { table: index, each, path: child.each.clone(), inside, columns });
    }
    for (index, path) in config.ignore.iter().enumerate() {
        compiler.check_path(path, &root.key("ignore").index(index));
    }
    let Compiler { paths, problems, .. } = compiler;
    if problems.is_empty() { Ok(Compiled { table, id, paths, columns, children }) } else { Err(problems) }
}

impl Compiled {
    /// Describes the tables, columns and paths. `config` is what this was compiled from.
    pub(crate) fn describe(&self, config: &Config) -> Description {
        let mut main = described(Table::new(&self.table), &self.columns, None);
        main.id.clone_from(&self.id);
        let mut description = Description::new().table(main).ignores(config.ignore.iter().cloned());
        let mut reads: Vec<String> =
            self.columns.iter().flat_map(Column::parts).map(|(_, path)| path.to_owned()).collect();
        for (child, (name, config)) in self.children.iter().zip(&config.children) {
            let table = described(Table::new(name), &child.columns, Some(child));
            description = description.table(table.key(config.key.iter().cloned()));
            reads.push(child.path.clone());
            reads.extend(child.columns.iter().flat_map(|column| column.sources(Some(child))));
        }
        let mut seen = std::collections::HashSet::new();
        reads.retain(|path| seen.insert(path.clone()));
        description.reads(reads)
    }
}

/// The id column refers to its own entity, which the table's `id` says already.
fn described(table: Table, columns: &[Column], child: Option<&Child>) -> Table {
    columns.iter().fold(table, |table, column| {
        let table = match &column.convert {
            Convert::Reference(entities) => table.reference_to_any(&column.name, entities.iter()),
            _ => table.column(&column.name),
        };
        table.of(column.sources(child))
    })
}

struct Compiler<'s> {
    setup: &'s Setup,
    paths: Paths,
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    fn problem(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    /// The configured table, or the only one of `into` that no child feeds, or the entity's name.
    fn table(&mut self, config: &Config) -> String {
        let into = &self.setup.into;
        if let Some(table) = &config.table {
            let pointer = Pointer::root().key("table");
            if !into.is_empty() && !into.contains(table) {
                let message = format!("expected a table of the entity's `into`, found `{table}`");
                self.problems.push(Problem::new(&pointer, message));
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
    fn given_id(&mut self, config: &Config) -> Option<String> {
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
    fn id_column(&mut self, columns: &IndexMap<String, ColumnConfig>, pointer: &Pointer) -> Option<String> {
        let key = &self.setup.key;
        let is_key = |column: &ColumnConfig| {
            column.from == *key
                && !column.array
                && column.kind.is_none()
                && column.reference.is_none()
                && column.allowed.is_none()
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

    fn columns(
        &mut self,
        columns: &IndexMap<String, ColumnConfig>,
        pointer: &Pointer,
        mut inside: Option<&mut Paths>,
        id: Option<&str>,
    ) -> Vec<Column> {
        if columns.is_empty() {
            self.problem(pointer, "expected at least one column, found none");
        }
        let columns = columns.iter().map(|(name, config)| {
            let pointer = pointer.key(name);
            self.check_name(name, &pointer, "column");
            let mut parts = config.from.iter().enumerate().map(|(index, from)| {
                let place = self.place(index, &pointer, inside.as_deref_mut(), config);
                Part { place, path: from.clone() }
            });
            // A configuration always has at least one path.
            let first = parts.next().unwrap_or(Part { place: Place::Element, path: String::new() });
            let more: Vec<_> = parts.collect();
            let is_id = id == Some(name);
            let convert = match self.convert(config, &pointer) {
                _ if is_id => Convert::Own(self.setup.entity.clone()),
                element if config.array => Convert::Array(Box::new(element)),
                convert => convert,
            };
            let default = self.default(config, &pointer, &convert, is_id);
            if !more.is_empty() {
                self.check_composite(config, &pointer, is_id);
            }
            let Part { place, path } = first;
            Column { name: name.clone(), place, more, convert, is_required: config.required || is_id, default, path }
        });
        columns.collect()
    }

    /// `inside` is there for a child's columns only, whose paths begin with `$`, `#` or `^`.
    fn place(&mut self, index: usize, pointer: &Pointer, inside: Option<&mut Paths>, config: &ColumnConfig) -> Place {
        let from = config.from[index].as_str();
        // The short form has no `from` to point at.
        let pointer = match (config.is_table, config.from.len()) {
            (false, _) => pointer.clone(),
            (true, 1) => pointer.key("from"),
            (true, _) => pointer.key("from").index(index),
        };
        let Some(inside) = inside else {
            if from.starts_with(['$', '#', '^']) {
                let message =
                    format!("expected a path (only columns of `children` begin with `$`, `#` or `^`), found `{from}`");
                self.problem(&pointer, message);
            } else {
                self.check_path(from, &pointer);
            }
            return Place::Document(self.paths.add(from));
        };
        match (from, from.strip_prefix('^'), from.strip_prefix("$.")) {
            ("$", ..) => Place::Element,
            ("#", ..) => {
                if config.is_more_than_path() {
                    self.problem(&pointer, "expected `#` alone, as an index needs no conversion, found more");
                }
                Place::Index
            }
            (_, Some(path), _) => {
                self.check_path(path, &pointer);
                Place::Document(self.paths.add(path))
            }
            (_, _, Some(path)) => {
                self.check_path(path, &pointer);
                Place::Inside(inside.add(path))
            }
            _ => {
                let message =
                    format!("expected `$`, `$.path`, `#` or `^path` in a column of `children`, found `{from}`");
                self.problem(&pointer, message);
                Place::Element
            }
        }
    }

    fn convert(&mut self, config: &ColumnConfig, pointer: &Pointer) -> Convert {
        self.check_combination(config, pointer);
        if let Some(entities) = &config.reference {
            return Convert::Reference(entities.0.clone());
        }
        if let Some(allowed) = &config.allowed {
            if allowed.0.is_empty() {
                self.problem(&pointer.key("enum"), "expected at least one value, found none");
            }
            return Convert::Enum(allowed.0.clone());
        }
        match config.kind {
            None => Convert::Unchanged,
            Some(Kind::Text) => Convert::Text,
            Some(Kind::Integer) => Convert::Integer,
            Some(Kind::Double) => Convert::Double,
            Some(Kind::Decimal) => Convert::Decimal,
            Some(Kind::Bool) => Convert::Bool,
            Some(Kind::Uuid) => Convert::Uuid,
            Some(Kind::Bytes) => Convert::Bytes,
            Some(Kind::Json) => Convert::Json,
            Some(Kind::TextArray) => Convert::TextArray,
            Some(kind @ (Kind::Timestamp | Kind::LocalTimestamp | Kind::Date | Kind::Time)) => {
                match Clock::new(kind, config.format.as_deref(), config.zone.as_deref()) {
                    Ok(clock) => Convert::Clock(clock),
                    Err(misfits) => {
                        for (key, message) in misfits {
                            self.problem(&pointer.key(key), message);
                        }
                        Convert::Unchanged
                    }
                }
            }
        }
    }

    /// Keys that make no sense beside each other.
    fn check_combination(&mut self, config: &ColumnConfig, pointer: &Pointer) {
        let kind = config.kind;
        let is_text = matches!(kind, None | Some(Kind::Text));
        if config.reference.is_some() && kind.is_some() {
            self.problem(&pointer.key("as"), "expected no `as` beside `reference`, which takes the key as it is");
        }
        if config.allowed.is_some() && (!is_text || config.reference.is_some()) {
            self.problem(&pointer.key("enum"), "expected `enum` on a text, found it beside `as` or `reference`");
        }
        let is_clock = matches!(kind, Some(Kind::Timestamp | Kind::LocalTimestamp | Kind::Date | Kind::Time));
        if config.format.is_some() && !is_clock {
            let message = "expected `as` to be `timestamp`, `local-timestamp`, `date` or `time` beside `format`";
            self.problem(&pointer.key("format"), message);
        }
        if config.zone.is_some() && (!is_clock || kind == Some(Kind::Time)) {
            let message = "expected `as` to be `timestamp`, `local-timestamp` or `date` beside `zone`";
            self.problem(&pointer.key("zone"), message);
        }
        if config.array && config.reference.as_ref().is_some_and(|entities| entities.0.len() > 1) {
            self.problem(&pointer.key("reference"), "expected one entity beside `array`, found several");
        }
        if config.array && kind == Some(Kind::TextArray) {
            self.problem(&pointer.key("array"), "expected no `array` beside `text-array`, which says it already");
        }
        if config.required && config.default.is_some() {
            self.problem(&pointer.key("default"), "expected no `default` beside `required`, found both");
        }
    }

    /// Several values make a reference, and nothing else.
    fn check_composite(&mut self, config: &ColumnConfig, pointer: &Pointer, is_id: bool) {
        if config.reference.is_none() && !is_id {
            self.problem(&pointer.key("from"), "expected one path, or `reference` beside several, found several alone");
        }
        if config.array {
            self.problem(&pointer.key("array"), "expected one path beside `array`, found several");
        }
        if config.default.is_some() {
            self.problem(&pointer.key("default"), "expected no default for a reference of several values, found one");
        }
        if let Some(index) = config.from.iter().position(|from| from == "#") {
            self.problem(&pointer.key("from").index(index), "expected a path of the source, found `#`");
        }
    }

    /// A default must go through the column's own conversion.
    fn default(&mut self, config: &ColumnConfig, pointer: &Pointer, convert: &Convert, is_id: bool) -> Option<Vec<u8>> {
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

    fn check_path(&mut self, path: &str, pointer: &Pointer) {
        if path.split('.').any(str::is_empty) || path.contains('\0') {
            self.problem(pointer, format!("expected names with dots between, found {}", text::quoted(path)));
        }
    }

    fn check_name(&mut self, name: &str, pointer: &Pointer, what: &str) {
        if name.is_empty() || name.contains('\0') {
            self.problem(pointer, format!("expected the name of a {what}, found {}", text::quoted(name)));
        }
    }
}
