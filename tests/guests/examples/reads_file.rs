//! Puts what it reads from `/lookups/name` into the field of every record, or rejects it with the reason.
#![cfg(target_family = "wasm")]

guests::guest!("Reads a file.", |documents| {
    let read = std::fs::read("/lookups/name");
    let written = std::fs::write("/lookups/other", "mine");
    guests::each(documents, |document| match (&read, &written) {
        (_, Ok(())) => Err(guests::rejection("wrote-file", "a file was written")),
        (Ok(name), Err(_)) => Ok(guests::with_name(document, name)),
        (Err(error), _) => Err(guests::rejection("no-file", &error.to_string())),
    })
});
