//! Tells the program that started the server, systemd as a rule, how far it is.

use std::ffi::OsStr;
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where it wants to be told; set by systemd for units of `Type=notify`.
const VARIABLE: &str = "NOTIFY_SOCKET";

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Reads and writes are right.
    Ready,
    /// The server was asked to stop, and does.
    Stopping,
}

impl Notice {
    fn text(self) -> &'static str {
        match self {
            Self::Ready => "READY=1\nSTATUS=ready\n",
            Self::Stopping => "STOPPING=1\nSTATUS=flushing and closing\n",
        }
    }
}

/// Tells it, if somebody wants to know. That nobody listens is no reason not to serve.
pub(crate) fn notify(notice: Notice) {
    let Some(socket) = std::env::var_os(VARIABLE).filter(|socket| !socket.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, notice) {
        tracing::warn!(%error, socket = %socket.display(), ?notice, "the supervisor cannot be told");
    }
}

fn send(socket: &OsStr, notice: Notice) -> io::Result<()> {
    // A name that begins with @ is in the kernel's own space of names.
    #[cfg(target_os = "linux")]
    let address = match socket.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    #[cfg(not(target_os = "linux"))]
    let address = SocketAddr::from_pathname(socket)?;
    let sender = UnixDatagram::unbound()?;
    let sent = sender.send_to_addr(notice.text().as_bytes(), &address);
    sent.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut text = [0; 100];
        let length = socket.recv(&mut text).expect("a datagram");
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn it_is_told_at_a_path_and_at_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        send(path.as_os_str(), Notice::Ready).expect("sent");
        assert_eq!(received(&socket), "READY=1\nSTATUS=ready\n");
        let name = format!("tsdb-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        send(OsStr::new(&format!("@{name}")), Notice::Stopping).expect("sent");
        assert!(received(&socket).starts_with("STOPPING=1\n"));
        assert!(send(folder.path().join("none").as_os_str(), Notice::Ready).is_err());
    }
}
