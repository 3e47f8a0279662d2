//! The order of entities: parents before children; a cycle is named, not broken.

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

/// Returns the indexes `0..count`, parents first and otherwise as written, or the members of one cycle.
///
/// `edges` are (parent, child); an edge to itself is no cycle.
pub fn order(count: usize, edges: &[(usize, usize)]) -> Result<Vec<usize>, Vec<usize>> {
    let mut parents: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &(parent, child) in edges.iter().filter(|(parent, child)| parent != child) {
        parents[child].push(parent);
    }
    let mut done = vec![false; count];
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        let Some(next) = (0..count).find(|&item| !done[item] && parents[item].iter().all(|&parent| done[parent]))
        else {
            return Err(cycle(count, edges));
        };
        done[next] = true;
        ordered.push(next);
    }
    Ok(ordered)
}

fn cycle(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    let nodes: Vec<_> = (0..count).map(|_| graph.add_node(())).collect();
    for &(parent, child) in edges.iter().filter(|(parent, child)| parent != child) {
        graph.add_edge(nodes[parent], nodes[child], ());
    }
    let mut members: Vec<usize> = tarjan_scc(&graph)
        .into_iter()
        .find(|component| component.len() > 1)
        .map(|component| component.into_iter().map(|node| node.index()).collect())
        .unwrap_or_default();
    members.sort_unstable();
    members
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn parents_come_first_and_the_rest_stays_as_written() {
        assert_eq!(order(4, &[(3, 0), (1, 1), (0, 2)]), Ok(vec![1, 3, 0, 2]));
    }

    #[test]
    fn a_cycle_names_its_members_and_nobody_else() {
        assert_eq!(order(4, &[(0, 1), (1, 2), (2, 1)]), Err(vec![1, 2]));
    }
}
