//! The tree of all paths that a configuration reads: one walk of a document finds every value.

use whimbrel_sdk::Rejection;
use whimbrel_sdk::bson::Document;
use whimbrel_sdk::bson::Raw;
use whimbrel_sdk::bson::Value;

/// Where a walk leaves the value of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

/// The values found in one document, by slot.
pub(crate) struct Found<'a>(Vec<Option<Raw<'a>>>);

impl<'a> Found<'a> {
    /// Returns the value, `None` where the field is missing or null.
    pub(crate) fn get(&self, slot: Slot) -> Option<Raw<'a>> {
        self.0[slot.0].filter(|raw| !raw.is_null())
    }
}

/// Dotted paths, merged by their beginnings.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    root: Vec<Branch>,
    slots: usize,
    /// Whether a field that is read itself may be a scalar, which then has no fields.
    is_mixed: bool,
}

#[derive(Debug)]
struct Branch {
    name: Box<str>,
    slot: Option<Slot>,
    inner: Vec<Branch>,
}

impl Paths {
    pub(crate) fn new(is_mixed: bool) -> Self {
        Self { is_mixed, ..Self::default() }
    }

    /// Adds a path, or finds it again, and returns its slot.
    pub(crate) fn add(&mut self, path: &str) -> Slot {
        let mut branches = &mut self.root;
        let mut steps = path.split('.').peekable();
        loop {
            // A text always splits into at least one step.
            let step = steps.next().unwrap_or_default();
            let index = branches.iter().position(|branch| *branch.name == *step).unwrap_or_else(|| {
                branches.push(Branch { name: step.into(), slot: None, inner: Vec::new() });
                branches.len() - 1
            });
            let branch = &mut branches[index];
            if steps.peek().is_none() {
                return *branch.slot.get_or_insert_with(|| {
                    self.slots += 1;
                    Slot(self.slots - 1)
                });
            }
            branches = &mut branch.inner;
        }
    }

    /// Returns whether there is no path.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// Returns whether a field that is read itself may be a scalar.
    pub(crate) fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// Finds every path in one walk.
    pub(crate) fn find<'a>(&self, document: Document<'a>) -> Result<Found<'a>, Rejection> {
        let mut found = vec![None; self.slots];
        walk(&self.root, document, &mut found, self.is_mixed)?;
        Ok(Found(found))
    }
}

fn walk<'a>(
    branches: &[Branch],
    document: Document<'a>,
    found: &mut [Option<Raw<'a>>],
    is_mixed: bool,
) -> Result<(), Rejection> {
    // Documents of one collection mostly keep one order of fields, so the next branch is tried first.
    let mut next = 0;
    let mut left = branches.len();
    for field in document.fields() {
        let field = field?;
        let (before, after) = branches.split_at(next);
        let is_it = |branch: &Branch| field.is_named(&branch.name);
        let index = match after.iter().position(is_it) {
            Some(index) => next + index,
            None => match before.iter().position(is_it) {
                Some(index) => index,
                None => continue,
            },
        };
        next = if index + 1 == branches.len() { 0 } else { index + 1 };
        let branch = &branches[index];
        if let Some(slot) = branch.slot {
            // Of two fields with one name, the first counts, as everywhere in MongoDB.
            found[slot.0].get_or_insert(field.value);
        }
        if !branch.inner.is_empty() {
            walk_inner(branch, field.value, found, is_mixed).map_err(|rejection| within(&branch.name, rejection))?;
        }
        left -= 1;
        if left == 0 {
            break;
        }
    }
    Ok(())
}

fn walk_inner<'a>(
    branch: &Branch,
    raw: Raw<'a>,
    found: &mut [Option<Raw<'a>>],
    is_mixed: bool,
) -> Result<(), Rejection> {
    let is_number = |branch: &Branch| branch.name.bytes().all(|byte| byte.is_ascii_digit());
    match raw.value()? {
        Value::Null => Ok(()),
        Value::Document(inner) => walk(&branch.inner, inner, found, is_mixed),
        Value::Array(inner) if branch.inner.iter().all(is_number) => walk(&branch.inner, inner, found, is_mixed),
        // Nothing is lost: the column that reads the field itself takes it or refuses it.
        value if is_mixed && branch.slot.is_some() && !matches!(value, Value::Array(_)) => Ok(()),
        // A path that leads through a text would otherwise read as a missing field.
        _ => Err(Rejection::type_mismatch("a document", raw.kind().words()).at("")),
    }
}

fn within(name: &str, mut rejection: Rejection) -> Rejection {
    rejection.field =
        rejection.field.map(|field| if field.is_empty() { name.to_owned() } else { format!("{name}.{field}") });
    rejection
}
