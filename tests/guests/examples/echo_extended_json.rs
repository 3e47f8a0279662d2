//! Behaves: every document comes back as one row, as Extended JSON.
#![cfg(target_family = "wasm")]

guests::guest!("Gives Extended JSON documents back as rows.", ExtendedJson, |documents| {
    let guests::Documents::ExtendedJson(texts) = documents else { panic!("expected Extended JSON, as was asked for") };
    let rows = texts.into_iter().map(|text| guests::Row { table: 0, body: guests::Body::ExtendedJson(text) });
    rows.map(|row| guests::Outcome::Rows(vec![row])).collect()
});
