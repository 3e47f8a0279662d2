//! How a plan's order is shown: as phases, or as a graph for Mermaid and Graphviz.

use std::fmt::Write as _;

use super::print;
use super::state;
use crate::plan::Later;
use crate::plan::graph::Edge;
use crate::plan::graph::Graph;
use crate::plan::graph::Group;

/// Prints the graph for Mermaid.
pub fn mermaid(graph: &Graph) {
    print(&as_mermaid(graph));
}

/// Prints the graph for Graphviz.
pub fn dot(graph: &Graph) {
    print(&as_dot(graph));
}

/// Writes which entities run side by side, and the references that put them there.
pub(super) fn phases(text: &mut String, graph: &Graph) {
    let _ = writeln!(text, "\norder, side by side what stands in one phase:");
    for (number, phase) in graph.phases.iter().enumerate() {
        for (place, group) in phase.iter().enumerate() {
            let label = if place == 0 { format!("{}.", number + 1) } else { String::new() };
            let circle = if group.entities.len() > 1 { ", in a circle and completed together" } else { "" };
            let _ = writeln!(text, "  {label:<3} {}{circle}", group.entities.join(", then "));
            for edge in graph.edges.iter().filter(|edge| group.entities.contains(&edge.from)) {
                let to = edge.to.as_ref().map_or_else(|| format!("the table {}", edge.table), Clone::clone);
                let _ = writeln!(text, "        {} → {to}{}", edge.columns, waits(edge));
            }
            for other in shared(graph, group) {
                if group.merges.contains(other) {
                    let _ = writeln!(text, "        made of {other}, whose records are merged");
                    continue;
                }
                let _ = writeln!(text, "        behind {other}, which feeds the same table");
            }
        }
    }
}

/// What happens where the parent is not there yet, in words.
pub(super) fn waits(edge: &Edge) -> &'static str {
    match edge.later {
        Later::Never => "",
        Later::FilledIn => ", NULL at first and filled in when all are read",
        Later::Parked => ", parked until the parent has come",
    }
}

/// The entities that come before for another reason than a reference.
fn shared<'a>(graph: &'a Graph, group: &'a Group) -> impl Iterator<Item = &'a String> {
    group.after.iter().filter(|other| {
        let mut edges = graph.edges.iter().filter(|edge| group.entities.contains(&edge.from));
        !edges.any(|edge| edge.to.as_ref() == Some(other))
    })
}

/// The nodes: every entity, and every table that none of them feeds, with what it is called.
fn nodes(graph: &Graph) -> Vec<(bool, &str)> {
    let groups = graph.phases.iter().flatten();
    let mut nodes: Vec<(bool, &str)> =
        groups.flat_map(|group| &group.entities).map(|name| (true, name.as_str())).collect();
    for edge in graph.edges.iter().filter(|edge| edge.to.is_none()) {
        if !nodes.contains(&(false, edge.table.as_str())) {
            nodes.push((false, &edge.table));
        }
    }
    nodes
}

fn ends(nodes: &[(bool, &str)], edge: &Edge) -> Option<(usize, usize)> {
    let place = |wanted: (bool, &str)| nodes.iter().position(|node| *node == wanted);
    let to = edge.to.as_ref().map_or((false, edge.table.as_str()), |to| (true, to.as_str()));
    Some((place((true, edge.from.as_str()))?, place(to)?))
}

fn label(edge: &Edge) -> String {
    let later = match edge.later {
        Later::Never => "",
        Later::FilledIn => ", filled in",
        Later::Parked => ", parked",
    };
    format!("{}: {}{later}", edge.columns, state(&edge.on_missing))
}

/// Whether a line is dashed: nothing has to wait for the parent.
fn is_dashed(edge: &Edge) -> bool {
    edge.nullable || edge.later == Later::FilledIn
}

fn as_mermaid(graph: &Graph) -> String {
    // Characters that Mermaid reads as its own are written by their numbers.
    let quoted = |text: &str| {
        let escaped: String = text
            .chars()
            .map(|character| match character {
                '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' => format!("#{};", u32::from(character)),
                control if control.is_control() => " ".to_owned(),
                other => other.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    };
    let nodes = nodes(graph);
    let mut text = "flowchart LR\n".to_owned();
    for (number, (is_entity, name)) in nodes.iter().enumerate() {
        let name = quoted(name);
        let _ = match is_entity {
            true => writeln!(text, "    n{number}[{name}]"),
            false => writeln!(text, "    n{number}[({name})]"),
        };
    }
    for edge in &graph.edges {
        let Some((from, to)) = ends(&nodes, edge) else { continue };
        let line = if is_dashed(edge) { "-.->" } else { "-->" };
        let _ = writeln!(text, "    n{from} {line}|{}| n{to}", quoted(&label(edge)));
    }
    text
}

fn as_dot(graph: &Graph) -> String {
    let quoted = |text: &str| {
        let escaped: String = text
            .chars()
            .map(|character| match character {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                control if control.is_control() => " ".to_owned(),
                other => other.to_string(),
            })
            .collect();
        format!("\"{escaped}\"")
    };
    let nodes = nodes(graph);
    let mut text = format!("digraph {} {{\n    rankdir=LR;\n    node [shape=box];\n", quoted(&graph.migration));
    for (number, (is_entity, name)) in nodes.iter().enumerate() {
        let shape = if *is_entity { "" } else { ", shape=cylinder" };
        let _ = writeln!(text, "    n{number} [label={}{shape}];", quoted(name));
    }
    for edge in &graph.edges {
        let Some((from, to)) = ends(&nodes, edge) else { continue };
        let style = if is_dashed(edge) { ", style=dashed" } else { "" };
        let _ = writeln!(text, "    n{from} -> n{to} [label={}{style}];", quoted(&label(edge)));
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::as_dot;
    use super::as_mermaid;
    use super::phases;
    use crate::plan::Later;
    use crate::plan::OnMissing;
    use crate::plan::graph::Edge;
    use crate::plan::graph::Graph;
    use crate::plan::graph::Group;

    fn graph() -> Graph {
        let edge = |from: &str, to: Option<&str>, columns: &str, on_missing, later, nullable| Edge {
            from: from.to_owned(),
            to: to.map(str::to_owned),
            table: to.unwrap_or("countries").to_owned(),
            columns: columns.to_owned(),
            on_missing,
            later,
            nullable,
        };
        let group = |entities: &[&str], after: &[&str]| Group {
            entities: entities.iter().map(|&name| name.to_owned()).collect(),
            after: after.iter().map(|&name| name.to_owned()).collect(),
            merges: Vec::new(),
        };
        Graph {
            migration: "a \"b\"".to_owned(),
            phases: vec![
                vec![group(&["users", "teams"], &[]), group(&["x\"#\\"], &[])],
                vec![group(&["late"], &["users"])],
            ],
            edges: vec![
                edge("users", Some("teams"), "users.team", OnMissing::Null, Later::FilledIn, true),
                edge("teams", Some("users"), "teams.lead", OnMissing::DeadLetter, Later::Parked, false),
                edge("x\"#\\", None, "x.country", OnMissing::Fail, Later::Never, false),
            ],
        }
    }

    #[test]
    fn names_are_escaped_for_mermaid() {
        assert_eq!(
            as_mermaid(&graph()),
            "flowchart LR\n    n0[\"users\"]\n    n1[\"teams\"]\n    n2[\"x#34;#35;#92;\"]\n    n3[\"late\"]\n    \
             n4[(\"countries\")]\n    n0 -.->|\"users.team: null, filled in\"| n1\n    \
             n1 -->|\"teams.lead: dead-letter, parked\"| n0\n    n2 -->|\"x.country: fail\"| n4\n"
        );
    }

    #[test]
    fn names_are_escaped_for_graphviz() {
        assert_eq!(
            as_dot(&graph()),
            "digraph \"a \\\"b\\\"\" {\n    rankdir=LR;\n    node [shape=box];\n    n0 [label=\"users\"];\n    \
             n1 [label=\"teams\"];\n    n2 [label=\"x\\\"#\\\\\"];\n    n3 [label=\"late\"];\n    \
             n4 [label=\"countries\", shape=cylinder];\n    \
             n0 -> n1 [label=\"users.team: null, filled in\", style=dashed];\n    \
             n1 -> n0 [label=\"teams.lead: dead-letter, parked\"];\n    n2 -> n4 [label=\"x.country: fail\"];\n}\n"
        );
    }

    #[test]
    fn phases_say_why() {
        let mut text = String::new();
        phases(&mut text, &graph());
        assert_eq!(
            text,
            "\norder, side by side what stands in one phase:\n  1.  users, then teams, in a circle and completed together\n        \
             users.team → teams, NULL at first and filled in when all are read\n        \
             teams.lead → users, parked until the parent has come\n      x\"#\\\n        \
             x.country → the table countries\n  2.  late\n        behind users, which feeds the same table\n"
        );
    }
}
