//! Asks for a connection to the machine that it runs on.
#![cfg(target_family = "wasm")]

guests::guest!("Opens a socket.", |documents| {
    let connected = std::net::TcpStream::connect("127.0.0.1:5432");
    guests::each(documents, |document| match &connected {
        Ok(_) => Ok(document.to_vec()),
        Err(error) => Err(guests::rejection("no-socket", &error.to_string())),
    })
});
