//! Who is who: the users of both systems, which of them are the same person, and what a merge must make of each.
//!
//! The policy: who has the same e-mail address up to case and surrounding blanks is one person; Friday comes before
//! MyWorkReview, and of one system the user with the smaller id; each field is the first that is not empty in this order.
//! Users without an address stay alone.

use serde_json::Value as Json;

use super::Options;
use super::dirt;
use super::expected;
use super::moment;
use super::moment::Form;
use super::size::Size;
use super::words;
use super::world;
use crate::generate::random::Random;

/// One of the two old systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum System {
    Friday,
    Mwr,
}

impl System {
    pub(super) fn root(self) -> &'static str {
        match self {
            Self::Friday => "friday",
            Self::Mwr => "myworkreview",
        }
    }

    /// The name of its source in the manifest.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Friday => "friday",
            Self::Mwr => "mwr",
        }
    }

    /// The name of its project, which its storage paths begin with.
    pub(super) fn project(self) -> &'static str {
        match self {
            Self::Friday => "friday-staging",
            Self::Mwr => "myworkreview-staging",
        }
    }

    fn tag(self) -> u64 {
        match self {
            Self::Friday => world::FRIDAY_USER,
            Self::Mwr => world::MWR_USER,
        }
    }

    /// A role's document, whose id differs between the systems; the manifest names them.
    pub(super) fn role_id(self, role: usize) -> &'static str {
        match self {
            Self::Friday => FRIDAY_ROLES[role],
            Self::Mwr => MWR_ROLES[role],
        }
    }
}

/// A user of one system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) system: System,
    pub(super) index: usize,
}

/// What a user's document says, whatever the shape.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) name: Option<String>,
    pub(super) role: Option<usize>,
    pub(super) kind: Option<&'static str>,
    pub(super) status: Option<&'static str>,
    pub(super) photo: Option<String>,
    /// Below the system's storage.
    pub(super) cv: Option<String>,
    pub(super) provider: Option<&'static str>,
    pub(super) priority_reviews: Vec<usize>,
    pub(super) created: Option<(i64, Form)>,
}

/// The roles that both systems know by the same names.
pub(super) const ROLES: [&str; 5] = ["partner", "manager", "clerk", "client_admin", "client_user"];
const FRIDAY_ROLES: [&str; 5] = [
    "K3vXbq81LmPzTn0RcYwe",
    "uJ7hQeW2sAaZ4xDf9GkL",
    "P0oIuYtReWqAsDfGhJk1",
    "mN6bVcXzLk5JhGfDsAp2",
    "Zx8CvBnMqW3eRtYuIoP4",
];
const MWR_ROLES: [&str; 5] = [
    "c7TgBhNjMkLpOiU8yT5r",
    "E4wQaSzXdCrFvT9GbYhN",
    "uJmKiLo1P2qWeRtY3uIo",
    "V6bNmQwErTyUiOpAsDfG",
    "h9JkLzXcVbNmQ0wErTyU",
];

/// The users of both systems.
#[derive(Debug, Clone, Copy)]
pub(super) struct People {
    options: Options,
    friday: usize,
    mwr: usize,
    /// How many are the same person in both.
    shared: usize,
    reviews: usize,
}

impl People {
    pub(super) fn new(options: Options, size: &Size) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share"
        )]
        let shared = (size.mwr_users as f64 * options.overlap.clamp(0.0, 1.0)).round() as usize;
        Self { options, friday: size.users, mwr: size.mwr_users, shared, reviews: size.reviews }
    }

    pub(super) fn count(&self, system: System) -> usize {
        match system {
            System::Friday => self.friday,
            System::Mwr => self.mwr,
        }
    }

    /// Returns some user, early ones far more often than late ones.
    pub(super) fn some(&self, system: System, random: &mut Random) -> Person {
        let limit = random.below(self.count(system)) + 1;
        Person { system, index: random.below(limit) }
    }

    /// Returns the same person in the other system.
    pub(super) fn twin(&self, person: Person) -> Option<Person> {
        let is_shared = |mwr: usize| (mwr + 1) * self.shared / self.mwr > mwr * self.shared / self.mwr;
        match person.system {
            System::Mwr => is_shared(person.index)
                .then(|| Person { system: System::Friday, index: person.index * self.friday / self.mwr }),
            System::Friday => {
                let mwr = (person.index * self.mwr).div_ceil(self.friday);
                (mwr < self.mwr && mwr * self.friday / self.mwr == person.index && is_shared(mwr))
                    .then_some(Person { system: System::Mwr, index: mwr })
            }
        }
    }

    /// Returns whether somebody earlier in the same system has the same address.
    pub(super) fn is_duplicate(&self, person: Person) -> bool {
        let Options { seed, dirt, .. } = self.options;
        person.index > 0
            && !Self::is_unaddressed(person)
            && self.twin(person).is_none()
            && dirt::is_dirty(seed, dirt, person.system.tag(), person.index)
    }

    fn is_unaddressed(person: Person) -> bool {
        match person.system {
            System::Friday => person.index % 37 == 36,
            System::Mwr => person.index % 29 == 28,
        }
    }

    fn has_email(&self, person: Person) -> bool {
        !Self::is_unaddressed(person) || self.twin(person).is_some()
    }

    /// Returns a user's address, in lower case and without blanks.
    pub(super) fn email(&self, person: Person) -> Option<String> {
        let owner = self.survivor(person);
        self.has_email(owner).then(|| {
            let mut random = Random::new(self.options.seed, owner.system.tag() << 8 | 1, owner.index as u64);
            let (first, last) = (random.pick(words::ASCII_NAMES), random.pick(words::ASCII_NAMES));
            let (firm, system) = (random.below(40), if owner.system == System::Friday { 'f' } else { 'm' });
            format!("{first}.{last}{system}{}@firm{firm}.example.co.za", owner.index)
        })
    }

    /// Returns the one who is left of all who are the same person.
    pub(super) fn survivor(&self, person: Person) -> Person {
        let mut first = person;
        while self.is_duplicate(first) || (first != person && !self.has_email(first)) {
            first.index -= 1;
        }
        match (first.system, self.twin(first)) {
            (System::Mwr, Some(twin)) => twin,
            _ => first,
        }
    }

    /// Returns all who are the same person as a survivor, by priority.
    pub(super) fn group(&self, survivor: Person) -> Vec<Person> {
        let mut group = self.same_in_system(survivor);
        if let (System::Friday, Some(twin)) = (survivor.system, self.twin(survivor)) {
            group.extend(self.same_in_system(twin));
        }
        group
    }

    fn same_in_system(&self, first: Person) -> Vec<Person> {
        let mut same = vec![first];
        if !self.has_email(first) {
            return same;
        }
        for index in first.index + 1..self.count(first.system) {
            let person = Person { index, ..first };
            if self.is_duplicate(person) {
                same.push(person);
            } else if self.has_email(person) {
                break;
            }
        }
        same
    }

    /// Returns the id of a user's document.
    pub(super) fn id(&self, person: Person) -> String {
        let id = world::id(self.options.seed, person.system.tag(), person.index);
        if self.is_duplicate(person) {
            // Behind whoever had the address first, and behind one another.
            format!("zz{:06}{}", person.index, &id[8..])
        } else {
            format!("{}{}", if id.starts_with('z') { "y" } else { &id[..1] }, &id[1..])
        }
    }

    /// Returns the path of a user's document.
    pub(super) fn path(&self, person: Person) -> String {
        format!("{}/users/list/{}", person.system.root(), self.id(person))
    }

    /// Returns what a reference to a user must come to.
    pub(super) fn reference(&self, person: Person) -> Json {
        expected::row(self.path(self.survivor(person)))
    }

    /// Returns what a user's document says.
    pub(super) fn profile(&self, person: Person) -> Profile {
        let mut random = Random::new(self.options.seed, person.system.tag() << 8 | 2, person.index as u64);
        let is_friday = person.system == System::Friday;
        let has_twin = self.twin(person).is_some();
        let name = format!("{} {}", random.pick(words::FIRST_NAMES), random.pick(words::LAST_NAMES));
        // Only where the other system has one too.
        let has_name = !(is_friday && has_twin && random.percent(15));
        let role = random.below(ROLES.len());
        let has_role = !random.percent(4);
        let photo = format!("https://photos.example.org/{}/{}.jpg", person.system.root(), person.index);
        let has_photo = random.percent(60);
        let has_cv = is_friday && random.percent(30);
        let starred = random.below(if is_friday { 1 } else { 5 });
        let forms = if is_friday { [Form::Timestamp, Form::Millis] } else { [Form::Timestamp, Form::Timestamp] };
        let form = forms[random.below(2)];
        let created = moment::some(&mut random, form);
        Profile {
            name: has_name.then_some(name),
            role: has_role.then_some(role),
            kind: is_friday.then_some(if role < 3 { "auditor" } else { "client" }),
            status: (is_friday || random.percent(90)).then(|| {
                random.pick(&[
                    "active", "active", "active", "active", "active", "active", "active", "inactive", "deleted",
                ])
            }),
            photo: has_photo.then_some(photo),
            cv: has_cv.then(|| format!("Users/{}/cv.pdf", self.id(person))),
            provider: random.percent(80).then_some(if is_friday { "password" } else { "google.com" }),
            priority_reviews: (0..starred).map(|_| random.below(self.reviews)).collect(),
            created: random.percent(85).then_some((created, form)),
        }
    }
}
