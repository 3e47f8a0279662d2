//! What a dry run cannot foresee of a table because of columns that an entity does not feed: only the target knows what
//! it puts there; and what follows for the tables that refer to it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::EntityPlan;
use super::TablePlan;
use crate::record::TableSchema;

/// Returns in words what hangs on such columns; `fed` are indexes of the schema's columns.
pub(super) fn unpredicted(schema: &TableSchema, fed: &[usize]) -> Vec<String> {
    let mut found = Vec::new();
    let generated = schema.columns.iter().filter(|column| column.generated);
    found.extend(generated.map(|column| format!("a computed column `{}`", column.name)));
    let filled_in = |columns: &[usize]| {
        let column = columns.iter().map(|&index| (index, &schema.columns[index]));
        let mut column = column.filter(|(index, column)| !fed.contains(index) && column.has_default);
        column.find(|(_, column)| !column.generated).map(|(_, column)| column.name.clone())
    };
    let uniques = schema.uniques.iter().map(|unique| (unique.name.as_str(), &unique.columns));
    for (name, columns) in std::iter::once(("primary key", &schema.primary_key)).chain(uniques) {
        // A value that no other row has is taken for granted: nearly every table has a key of such numbers.
        let is_fresh = |&index: &usize| !fed.contains(&index) && schema.columns[index].has_fresh_default;
        if let Some(column) = filled_in(columns).filter(|_| !columns.iter().any(is_fresh)) {
            found.push(format!("a default in `{column}`, which the unique `{name}` looks at"));
        }
    }
    for unique in schema.uniques.iter().filter(|unique| unique.nulls_equal) {
        if let Some(column) =
            unique.columns.iter().map(|&column| &schema.columns[column]).find(|column| column.nullable)
        {
            found.push(format!("a unique `{}` that takes NULLs of `{}` for equal", unique.name, column.name));
        }
    }
    for key in &schema.foreign_keys {
        if let Some(column) = filled_in(&key.columns) {
            found.push(format!("a default in `{column}`, which the foreign key `{}` looks at", key.name));
        }
    }
    found
}

/// Adds what hangs on such columns of a parent: the keys that its rows get are not known before they stand.
pub(super) fn add_parents(entities: &mut [EntityPlan]) {
    let mut filled_in: BTreeSet<(String, String)> = BTreeSet::new();
    for table in entities.iter().flat_map(|entity| &entity.tables) {
        let columns = table.schema.columns.iter().enumerate();
        let unfed = columns.filter(|(index, column)| column.has_default && !table.columns.contains(index));
        filled_in.extend(unfed.map(|(_, column)| (table.schema.name.clone(), column.name.clone())));
    }
    for table in entities.iter_mut().flat_map(|entity| &mut entity.tables) {
        for reference in &table.references {
            let names = reference.parent_columns.iter().map(|&column| &reference.parent.columns[column].name);
            let mut parents = names.map(|column| (reference.parent.name.clone(), column.clone()));
            if let Some((parent, column)) = parents.find(|parent| filled_in.contains(parent)) {
                let words = format!("a reference to `{parent}.{column}`, which the target fills in");
                table.schema.not_predicted.push(words);
            }
        }
    }
}

/// Says of tables that refer to some that are not predicted that they are not either, as their parents may be missing or
/// there. Into the tables of these names the schema file puts rows, which a dry run does not see.
pub(super) fn spread(mut tables: Vec<&mut TablePlan>, filled: &BTreeSet<String>) {
    let mut origins: BTreeMap<String, BTreeSet<String>> =
        filled.iter().map(|name| (name.clone(), BTreeSet::from([name.clone()]))).collect();
    for table in &mut tables {
        let name = &table.schema.name;
        if filled.contains(name) {
            table.unforeseen.push("rows that the schema file puts into it".to_owned());
        }
        if !table.not_predicted().is_empty() {
            origins.entry(name.clone()).or_default().insert(name.clone());
        }
    }
    while let Some((child, more)) = tables.iter().find_map(|table| inherited(table, &origins)) {
        origins.entry(child).or_default().extend(more);
    }
    for table in &mut tables {
        let name = &table.schema.name;
        // In a circle, what comes back to where it began is nothing new.
        let is_other = |parent: &&String| {
            *parent != name && origins.get(*parent).is_some_and(|origins| origins.iter().any(|origin| origin != name))
        };
        let parents: BTreeSet<&String> = table.references.iter().map(|reference| &reference.parent.name).collect();
        let words = parents.into_iter().filter(is_other).map(|parent| match filled.contains(parent) {
            true => format!("parents in `{parent}`, into which the schema file puts rows"),
            false => format!("parents in `{parent}`, which is not predicted"),
        });
        let words: Vec<String> = words.collect();
        table.unforeseen.extend(words);
    }
}

/// Returns the table's name and the origins that it has from its parents and not yet itself; `None` where there are none.
fn inherited(table: &TablePlan, origins: &BTreeMap<String, BTreeSet<String>>) -> Option<(String, BTreeSet<String>)> {
    let name = &table.schema.name;
    let own = origins.get(name);
    let parents = table.references.iter().filter_map(|reference| origins.get(&reference.parent.name)).flatten();
    let more: BTreeSet<String> =
        parents.filter(|origin| own.is_none_or(|own| !own.contains(*origin))).cloned().collect();
    (!more.is_empty()).then(|| (name.clone(), more))
}

#[cfg(test)]
mod tests {
    use super::super::Later;
    use super::super::OnMissing;
    use super::super::ReferencePlan;
    use super::super::TablePlan;
    use super::unpredicted;
    use crate::record::Column;
    use crate::record::ColumnType;
    use crate::record::ForeignKey;
    use crate::record::TableSchema;
    use crate::record::Unique;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            kind: ColumnType::Text { chars_max: None, padded: false },
            declared: "text".to_owned(),
            nullable: true,
            has_default: false,
            has_fresh_default: false,
            sequence: None,
            generated: false,
        }
    }

    #[test]
    fn what_the_target_fills_in_matters_where_a_constraint_looks_at_it() {
        let filled = |name| Column { has_default: true, ..column(name) };
        let unique = |name: &str, columns: &[usize], nulls_equal| Unique {
            name: name.to_owned(),
            columns: columns.to_vec(),
            nulls_equal,
        };
        let mut schema = TableSchema {
            name: "t".to_owned(),
            columns: vec![
                Column { has_fresh_default: true, nullable: false, ..filled("id") },
                column("fed"),
                filled("kind"),
                Column { generated: true, ..filled("sum") },
                column("empty"),
            ],
            primary_key: vec![0],
            uniques: vec![unique("plain", &[1, 4], false), unique("with_id", &[0, 2], false)],
            foreign_keys: Vec::new(),
            not_predicted: Vec::new(),
        };
        assert_eq!(unpredicted(&schema, &[1]), ["a computed column `sum`"]);
        schema.columns.remove(3);
        schema.uniques = vec![unique("by_kind", &[1, 2], false), unique("no_nulls", &[3], true)];
        let (name, parent, parent_columns) = ("kinds".to_owned(), "kinds".to_owned(), vec!["code".to_owned()]);
        schema.foreign_keys.push(ForeignKey { name, columns: vec![2], parent, parent_columns });
        let found = unpredicted(&schema, &[1]);
        assert_eq!(
            found,
            [
                "a default in `kind`, which the unique `by_kind` looks at",
                "a unique `no_nulls` that takes NULLs of `empty` for equal",
                "a default in `kind`, which the foreign key `kinds` looks at"
            ]
        );
        schema.columns[3].nullable = false;
        assert!(unpredicted(&schema, &[1, 2, 3]).is_empty());
    }

    /// A table of this name that refers to these, and what it says of itself.
    fn table(name: &str, parents: &[&str], words: &[&str]) -> TablePlan {
        let schema = |name: &str, words: &[&str]| TableSchema {
            name: name.to_owned(),
            columns: vec![column("id")],
            primary_key: vec![0],
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            not_predicted: words.iter().map(|&words| words.to_owned()).collect(),
        };
        let reference = |parent: &&str| ReferencePlan {
            columns: vec![0],
            entity: None,
            parent: schema(parent, &[]),
            parent_columns: vec![0],
            asked: None,
            usual: None,
            on_missing: OnMissing::DeadLetter,
            choice: None,
            to_itself: *parent == name,
            later: Later::Never,
        };
        TablePlan {
            schema: schema(name, words),
            columns: vec![0],
            key: vec![0],
            id: None,
            references: parents.iter().map(reference).collect(),
            junction: None,
            unforeseen: Vec::new(),
        }
    }

    fn spread_over(mut tables: Vec<TablePlan>, filled: &[&str]) -> Vec<String> {
        super::spread(tables.iter_mut().collect(), &filled.iter().map(|&name| name.to_owned()).collect());
        tables.iter().map(|table| table.unforeseen.join(", ")).collect()
    }

    #[test]
    fn what_is_not_predicted_spreads_to_children_and_not_back() {
        let tables = vec![
            table("grandchild", &["child", "child"], &[]),
            table("child", &["root", "sound"], &["a trigger"]),
            table("root", &["root", "child"], &["a check"]),
            table("sound", &["sound"], &[]),
        ];
        let in_root = "parents in `root`, which is not predicted";
        let in_child = "parents in `child`, which is not predicted";
        assert_eq!(spread_over(tables, &[]), [in_child, in_root, in_child, ""]);
        // What comes round to a table began there.
        let circle = vec![table("a", &["b"], &["a check"]), table("b", &["a"], &[])];
        assert_eq!(spread_over(circle, &[]), ["", "parents in `a`, which is not predicted"]);
    }

    #[test]
    fn what_the_schema_file_fills_is_not_predicted() {
        let tables = vec![table("a", &["states"], &[]), table("b", &["b"], &[])];
        let told = spread_over(tables, &["states", "b"]);
        let in_states = "parents in `states`, into which the schema file puts rows";
        assert_eq!(told, [in_states, "rows that the schema file puts into it"]);
    }
}
