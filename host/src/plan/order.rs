//! The order of entities: parents before children. Those that refer to one another in a circle stand together, in an order
//! that leaves as few references as possible pointing ahead, and required ones only where nothing else is possible.

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

/// A reference from a child to its parent, by their indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who comes first.
    pub parent: usize,
    /// Who refers to it.
    pub child: usize,
    /// Whether it cannot be written without its parent.
    pub is_required: bool,
}

/// Returns the indexes `0..count`, parents first and otherwise as written, in groups: one that is in no circle is a group of
/// its own, the others stand with all those that they are in a circle with.
///
/// An edge to itself is no circle.
pub fn order(count: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let edges: Vec<Edge> = edges.iter().copied().filter(|edge| edge.parent != edge.child).collect();
    let mut group_of = vec![0; count];
    let groups = circles((0..count).collect(), &edges);
    for (group, members) in groups.iter().enumerate() {
        members.iter().for_each(|&member| group_of[member] = group);
    }
    let mut done = vec![false; count];
    let mut ordered: Vec<Vec<usize>> = Vec::new();
    let is_ready = |group: usize, done: &[bool]| {
        let from_outside = edges.iter().filter(|edge| group_of[edge.child] == group && group_of[edge.parent] != group);
        from_outside.into_iter().all(|edge| done[edge.parent])
    };
    // There is always one: what is left of circles between groups would be a group.
    while let Some(next) = (0..count).find(|&item| !done[item] && is_ready(group_of[item], &done)) {
        let members = within(&groups[group_of[next]], &edges);
        members.iter().for_each(|&member| done[member] = true);
        ordered.push(members);
    }
    ordered
}

/// Orders the members of a circle.
fn within(members: &[usize], edges: &[Edge]) -> Vec<usize> {
    let mut left = members.to_vec();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let ahead = |item: usize, left: &[usize], only_required: bool| {
            let of_item = edges.iter().filter(|edge| edge.child == item && left.contains(&edge.parent));
            of_item.filter(|edge| edge.is_required || !only_required).count()
        };
        let mut ready: Vec<usize> = left.iter().copied().filter(|&item| ahead(item, &left, true) == 0).collect();
        if ready.is_empty() {
            ready = first_required_circle(&left, edges);
        }
        let next = ready.into_iter().min_by_key(|&item| (ahead(item, &left, true), ahead(item, &left, false), item));
        let Some(next) = next else { break };
        left.retain(|&item| item != next);
        ordered.push(next);
    }
    ordered
}

/// Returns a circle of required references that waits for nobody outside it.
fn first_required_circle(left: &[usize], edges: &[Edge]) -> Vec<usize> {
    let required: Vec<Edge> = edges
        .iter()
        .copied()
        .filter(|edge| edge.is_required && left.contains(&edge.parent) && left.contains(&edge.child))
        .collect();
    let waits_outside =
        |circle: &[usize]| required.iter().any(|edge| circle.contains(&edge.child) && !circle.contains(&edge.parent));
    let mut free: Vec<Vec<usize>> =
        circles(left.to_vec(), &required).into_iter().filter(|circle| !waits_outside(circle)).collect();
    free.sort();
    free.into_iter().next().unwrap_or_else(|| left.to_vec())
}

/// Returns the strongly connected components of these items, each sorted.
fn circles(items: Vec<usize>, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let nodes: Vec<_> = items.iter().map(|&item| graph.add_node(item)).collect();
    let node_of = |item: usize| items.iter().position(|&other| other == item).map(|place| nodes[place]);
    for edge in edges {
        if let (Some(parent), Some(child)) = (node_of(edge.parent), node_of(edge.child)) {
            graph.add_edge(parent, child, ());
        }
    }
    let sorted = |circle: Vec<_>| {
        let mut circle: Vec<usize> = circle.into_iter().map(|node| graph[node]).collect();
        circle.sort_unstable();
        circle
    };
    tarjan_scc(&graph).into_iter().map(sorted).collect()
}

#[cfg(test)]
mod tests {
    use super::Edge;
    use super::order;

    fn required(edges: &[(usize, usize)]) -> Vec<Edge> {
        edges.iter().map(|&(parent, child)| Edge { parent, child, is_required: true }).collect()
    }

    fn nullable(edges: &[(usize, usize)]) -> Vec<Edge> {
        edges.iter().map(|&(parent, child)| Edge { parent, child, is_required: false }).collect()
    }

    #[test]
    fn parents_come_first_and_the_rest_stays_as_written() {
        let edges = required(&[(3, 0), (1, 1), (0, 2)]);
        assert_eq!(order(4, &edges), [vec![1], vec![3], vec![0], vec![2]]);
        assert_eq!(order(0, &[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_circle_stands_together_between_its_parents_and_its_children() {
        // 1 and 3 refer to each other; 0 refers to 1, and 3 to 4.
        let edges = nullable(&[(1, 3), (3, 1), (1, 0), (4, 3)]);
        assert_eq!(order(5, &edges), [vec![2], vec![4], vec![1, 3], vec![0]]);
    }

    #[test]
    fn within_a_circle_required_references_decide() {
        let edges = [required(&[(1, 0)]), nullable(&[(0, 1)])].concat();
        assert_eq!(order(2, &edges), [vec![1, 0]]);
        // A circle of three with one reference that may be NULL: it alone points ahead.
        let edges = [required(&[(0, 2), (2, 1)]), nullable(&[(1, 0)])].concat();
        assert_eq!(order(3, &edges), [vec![0, 2, 1]]);
    }

    #[test]
    fn as_few_nullable_references_as_possible_point_ahead() {
        // 0 refers to 1 and 2, 1 refers to 0, 2 refers to nobody but 1.
        let edges = nullable(&[(1, 0), (2, 0), (0, 1), (1, 2)]);
        assert_eq!(order(3, &edges), [vec![1, 2, 0]]);
    }

    #[test]
    fn a_circle_of_required_references_is_entered_where_fewest_are_ahead() {
        assert_eq!(order(2, &required(&[(0, 1), (1, 0)])), [vec![0, 1]]);
        // 0 needs both 1 and 2, which need each other; 1 also needs 0.
        let edges = required(&[(1, 0), (2, 0), (1, 2), (2, 1), (0, 1)]);
        assert_eq!(order(3, &edges), [vec![2, 0, 1]]);
        // What only hangs on a required circle comes behind it, though it is in the large circle too.
        let edges = [required(&[(1, 2), (2, 1), (1, 0)]), nullable(&[(0, 1)])].concat();
        assert_eq!(order(3, &edges), [vec![2, 1, 0]]);
    }
}
