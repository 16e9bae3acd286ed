//! Connections that send at once.

use tokio::net::TcpStream;

use crate::told::told;

/// Connects to the first address of a host that takes it; an error says what went wrong.
pub(crate) async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(|error| told(&error))?;
    // A connection without it is slower, and as good.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket delays what is sent on it");
    }
    Ok(stream)
}
