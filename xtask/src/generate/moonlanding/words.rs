//! Names and words in the scripts of those who use the systems.

pub(super) const ASCII_NAMES: &[&str] = &[
    "anna", "bongani", "chiara", "dirk", "ewa", "fatima", "grace", "hana", "imran", "johan", "lerato", "noor", "zanele",
];
pub(super) const FIRST_NAMES: &[&str] = &[
    "Anna", "Bořek", "Chiara", "Dmytro", "Ewa", "Fionn", "Grace", "Hana", "Imran", "Jürgen", "Łucja", "Nomvula", "葵",
];
pub(super) const LAST_NAMES: &[&str] =
    &["Novák", "Smith", "Naidoo", "Shevchenko", "O'Brien", "van der Merwe", "Nguyễn", "García", "Dlamini", "Svensson"];
pub(super) const COMPANIES: &[&str] = &[
    "Arbor",
    "Birch & Co",
    "Cinder",
    "Delta \"D\" Works",
    "Ember\\Ash",
    "Fjord",
    "Gale 🌊",
    "Håndverk",
    "Ubuntu Trading",
];
pub(super) const STREETS: &[&str] = &["Long Street", "Umgeni Road", "Rue de l'Évêché", "Žitná", "本町通り"];
pub(super) const CITIES: &[&str] = &["Johannesburg", "Durban", "Cape Town", "Gqeberha", "Polokwane"];
pub(super) const SENTENCES: &[&str] = &[
    "Please send the bank statement",
    "Agreed to the trial balance; no difference",
    "See page 3, “note 7”",
    "Rand value does not agree: R 1 204,50 ≠ R 1 240,50",
    "line one\nline two",
    "Dankie, ontvang 👍",
    "Siyabonga",
    "100 % of the sample was tested",
];
pub(super) const COLORS: &[&str] = &["grey", "green", "red", "purple"];
pub(super) const MIME_TYPES: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("jpg", "image/jpeg"),
];
