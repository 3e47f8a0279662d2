//! From a configuration to what transforms documents; finds every problem on the way.

use indexmap::IndexMap;
use whimbrel_sdk::Description;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Setup;
use whimbrel_sdk::Table;

use crate::Dialect;
use crate::config::ChildConfig;
use crate::config::ColumnConfig;
use crate::config::Config;
use crate::config::Source;
use crate::convert::Convert;
use crate::paths::Paths;
use crate::place::Level;
use crate::place::Named;
use crate::place::Place;
use crate::place::What;
use crate::table::Child;
use crate::table::Column;
use crate::table::Value;

/// A configuration that holds, ready for documents.
pub struct Mapping {
    table: String,
    id: Option<String>,
    pub(crate) paths: Paths,
    pub(crate) columns: Vec<Column>,
    pub(crate) children: Vec<Child>,
}

impl Mapping {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// All problems at once.
    pub fn new<D: Dialect>(setup: &Setup, config: &Config<D>) -> Result<Self, Vec<Problem>> {
        let paths = Paths::new(D::HAS_MIXED_FIELDS);
        let mut compiler = Compiler { setup, paths, problems: Vec::new() };
        let table = compiler.table(config);
        let root = Pointer::root();
        let given = compiler.given_id(config);
        let own = if config.id.is_some() { None } else { compiler.id_column(&config.columns, &root.key("columns")) };
        let mut columns = compiler.columns(&config.columns, &root.key("columns"), None, own.as_deref());
        for column in columns.iter_mut().filter(|column| given.as_ref() == Some(&column.name)) {
            column.is_required = true;
        }
        let id = given.or(own);
        let children = (1..).zip(&config.children).map(|(index, (name, child))| {
            let pointer = root.key("children").key(name);
            if *name == table {
                compiler.problem(&pointer, format!("expected a table of its own, found the records' table `{name}`"));
            }
            compiler.child(index, name, child, &pointer)
        });
        let children = children.collect();
        for (index, path) in config.ignore.iter().enumerate() {
            compiler.check_path(path, &root.key("ignore").index(index));
        }
        let Compiler { paths, problems, .. } = compiler;
        if problems.is_empty() { Ok(Self { table, id, paths, columns, children }) } else { Err(problems) }
    }

    /// Describes the tables, columns and paths. `config` is what this was compiled from.
    pub fn describe<D: Dialect>(&self, config: &Config<D>) -> Description {
        let mut main = described(Table::new(&self.table), &self.columns, None);
        main.id.clone_from(&self.id);
        let mut description = Description::new().table(main).ignores(config.ignore.iter().cloned());
        let mut reads: Vec<String> = self.columns.iter().flat_map(|column| column.sources(None)).collect();
        for (child, (name, config)) in self.children.iter().zip(&config.children) {
            let table = described(Table::new(name), &child.columns, Some(child));
            description = description.table(table.key(config.key.iter().cloned()));
            reads.extend(child.levels.iter().map(|level| level.whole.clone()));
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
        let table = match column.convert.references() {
            [] => table.column(&column.name),
            entities => table.reference_to_any(&column.name, entities.iter()),
        };
        table.of(column.sources(child))
    })
}

pub(crate) struct Compiler<'s> {
    pub setup: &'s Setup,
    pub paths: Paths,
    problems: Vec<Problem>,
}

impl Compiler<'_> {
    pub(crate) fn problem(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    fn child<D: Dialect>(&mut self, table: u32, name: &str, child: &ChildConfig<D>, pointer: &Pointer) -> Child {
        self.check_name(name, pointer, "table");
        let each = &child.each.0;
        let mut levels: Vec<Level> = Vec::new();
        for (index, path) in each.iter().enumerate() {
            let pointer = pointer.key("each");
            self.check_path(path, &if each.len() > 1 { pointer.index(index) } else { pointer });
            let (array, whole) = match levels.last_mut() {
                None => (self.paths.add(path), path.clone()),
                Some(outer) => (outer.inside.add(path), format!("{}.{path}", outer.whole)),
            };
            levels.push(Level { array, whole, inside: Paths::new(D::HAS_MIXED_FIELDS), is_read: false });
        }
        for (place, column) in child.key.iter().enumerate().filter(|(_, column)| !child.columns.contains_key(*column)) {
            self.problem(&pointer.key("key").index(place), format!("expected a column of the table, found `{column}`"));
        }
        let columns = self.columns(&child.columns, &pointer.key("columns"), Some(&mut levels), None);
        Child { table, levels, columns }
    }

    fn columns<D: Dialect>(
        &mut self,
        columns: &IndexMap<String, ColumnConfig<D>>,
        pointer: &Pointer,
        mut levels: Option<&mut [Level]>,
        id: Option<&str>,
    ) -> Vec<Column> {
        if columns.is_empty() {
            self.problem(pointer, "expected at least one column, found none");
        }
        columns
            .iter()
            .map(|(name, config)| self.column(name, config, &pointer.key(name), levels.as_deref_mut(), id))
            .collect()
    }

    fn column<D: Dialect>(
        &mut self,
        name: &str,
        config: &ColumnConfig<D>,
        pointer: &Pointer,
        mut levels: Option<&mut [Level]>,
        id: Option<&str>,
    ) -> Column {
        self.check_name(name, pointer, "column");
        let (convert, misfits) = D::convert(config);
        let takes_parts = convert.takes_parts();
        let (paths, is_first_of) = match &config.source {
            Source::From(paths) => (paths, false),
            Source::FirstOf(paths) => (paths, true),
        };
        let values = paths.iter().enumerate().map(|(index, path)| {
            let pointer = source_pointer(index, pointer, config);
            let place = self.place(path, &pointer, levels.as_deref_mut());
            if matches!(place, Place::Index(_)) && config.is_more_than_path() && !takes_parts {
                self.problem(&pointer, "expected `#` alone, as an index needs no conversion, found more");
            }
            Value { place, path: path.clone() }
        });
        let mut values = values.collect::<Vec<_>>().into_iter();
        // A configuration always has at least one path.
        let first = values.next().unwrap_or(Value { place: Place::Element(0), path: String::new() });
        let more: Vec<_> = values.collect();
        for (key, message) in misfits {
            self.problem(&pointer.key(key), message);
        }
        let is_id = id == Some(name);
        let convert = match convert {
            _ if is_id => Convert::Own(self.setup.entity.clone()),
            element if config.array => Convert::Array(Box::new(element)),
            convert => convert,
        };
        let default = self.default(config, pointer, &convert, is_id);
        let is_composite = takes_parts || !more.is_empty() && !is_first_of;
        if is_composite && !takes_parts {
            self.check_composite(config, pointer, is_id);
        }
        Column {
            name: name.to_owned(),
            first,
            more,
            is_composite,
            convert,
            is_required: config.required || is_id,
            is_empty_null: config.empty_as_null,
            default,
        }
    }

    /// `levels` are there for a child's columns only, whose paths begin with `$`, `#` or `^`.
    fn place(&mut self, from: &str, pointer: &Pointer, levels: Option<&mut [Level]>) -> Place {
        let Some(levels) = levels else {
            if from.starts_with(['$', '#', '^']) {
                let message =
                    format!("expected a path (only columns of `children` begin with `$`, `#` or `^`), found `{from}`");
                self.problem(pointer, message);
            } else {
                self.check_path(from, pointer);
            }
            return Place::Document(self.paths.add(from));
        };
        if let Some(path) = from.strip_prefix('^') {
            self.check_path(path, pointer);
            return Place::Document(self.paths.add(path));
        }
        let count = levels.len();
        match Named::read(from, count) {
            Some(Named { level, what: What::Index }) => Place::Index(count - level),
            Some(Named { level, what: What::Element }) => {
                levels[level - 1].is_read = true;
                Place::Element(count - level)
            }
            Some(Named { level, what: What::Field(path) }) => {
                self.check_path(path, pointer);
                Place::Inside(count - level, levels[level - 1].inside.add(path))
            }
            None => {
                let numbers = match count {
                    1 => "",
                    _ => " (`$1` and `#1` are those of the first array)",
                };
                let message = format!(
                    "expected `$`, `$.path`, `#` or `^path` in a column of `children`{numbers}, found `{from}`"
                );
                self.problem(pointer, message);
                Place::Element(0)
            }
        }
    }
}

/// The short form has no `from` to point at.
fn source_pointer<D: Dialect>(index: usize, pointer: &Pointer, config: &ColumnConfig<D>) -> Pointer {
    match &config.source {
        _ if !config.is_table => pointer.clone(),
        Source::From(paths) if paths.len() == 1 => pointer.key("from"),
        Source::From(_) => pointer.key("from").index(index),
        Source::FirstOf(_) => pointer.key("first-of").index(index),
    }
}
