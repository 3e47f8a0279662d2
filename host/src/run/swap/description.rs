//! Whether two descriptions lead to the same plan; if not, field by field why.

use crate::plugin::Described;
use crate::plugin::Description;

/// Lists what differs between what the plan was made of and another description. Which source fields are read is left
/// out: a mended component may well look at another one.
pub fn differences(planned: &Description, other: &Description) -> Vec<String> {
    let mut found = Vec::new();
    let names = |description: &Description| list(description.tables.iter().map(|table| table.name.as_str()));
    differ("tables", &names(planned), &names(other), &mut found);
    for table in &planned.tables {
        if let Some(other) = other.tables.iter().find(|other| other.name == table.name) {
            table_differences(table, other, &mut found);
        }
    }
    found
}

fn table_differences(planned: &Described, other: &Described, found: &mut Vec<String>) {
    let name = &planned.name;
    let columns = |table: &Described| list(table.columns.iter().map(|column| column.name.as_str()));
    differ(&format!("columns of `{name}`"), &columns(planned), &columns(other), found);
    for column in &planned.columns {
        let Some(same) = other.columns.iter().find(|same| same.name == column.name) else { continue };
        let target = |references: &[String]| match references {
            [] => "nothing".to_owned(),
            entities => entities.join(", "),
        };
        let field = format!("reference of `{name}.{}`", column.name);
        differ(&field, &target(&column.references), &target(&same.references), found);
    }
    let key = |table: &Described| list(table.key.iter().map(String::as_str));
    differ(&format!("key of `{name}`"), &key(planned), &key(other), found);
    let id = |table: &Described| table.id.clone().unwrap_or_else(|| "none".to_owned());
    differ(&format!("id column of `{name}`"), &id(planned), &id(other), found);
}

fn differ(field: &str, planned: &str, other: &str, found: &mut Vec<String>) {
    if planned != other {
        found.push(format!("{field}: expected {planned}, found {other}"));
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use crate::plugin::Described;
    use crate::plugin::DescribedColumn;
    use crate::plugin::Description;

    fn description(columns: &[(&str, Option<&str>)], key: &[&str], reads: &[&str]) -> Description {
        let column = |(name, references): &(&str, Option<&str>)| DescribedColumn {
            name: (*name).to_owned(),
            references: references.map(str::to_owned).into_iter().collect(),
            sources: Vec::new(),
        };
        let table = Described {
            name: "people".into(),
            columns: columns.iter().map(column).collect(),
            key: key.iter().map(|&name| name.to_owned()).collect(),
            id: None,
        };
        Description { tables: vec![table], reads: reads.iter().map(|&name| name.to_owned()).collect(), ignores: vec![] }
    }

    #[test]
    fn every_field_of_the_plan_is_compared_and_what_is_read_is_not() {
        let planned = description(&[("a", None), ("b", Some("teams"))], &["a"], &["x"]);
        let other = description(&[("a", Some("users")), ("b", None), ("c", None)], &["b"], &["y"]);
        let expected = [
            "columns of `people`: expected `a`, `b`, found `a`, `b`, `c`",
            "reference of `people.a`: expected nothing, found users",
            "reference of `people.b`: expected teams, found nothing",
            "key of `people`: expected `a`, found `b`",
        ];
        assert_eq!(differences(&planned, &other), expected);
        assert!(differences(&planned, &description(&[("a", None), ("b", Some("teams"))], &["a"], &["z"])).is_empty());
    }
}
