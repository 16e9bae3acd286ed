//! A line between a client and a server that can be cut, and that can go silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Up,
    /// Connections are closed, and new ones at once.
    Cut,
}

/// A line to a server. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: SocketAddr,
    line: watch::Sender<Line>,
    /// Connections of a lower number carry nothing.
    silent_below: watch::Sender<usize>,
    opened: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    accepts: AbortHandle,
}

impl Link {
    /// A line to `server`, HOST:PORT.
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (line, lines) = watch::channel(Line::Up);
        let (silent_below, silence) = watch::channel(0);
        let opened = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let (counted, alive, server) = (Arc::clone(&opened), Arc::clone(&open), server.to_owned());
        let accepts = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                let (lines, silence) = (lines.clone(), silence.clone());
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (alive, server) = (Arc::clone(&alive), server.clone());
                tokio::spawn(async move {
                    alive.fetch_add(1, Ordering::SeqCst);
                    carry(client, &server, number, lines, silence).await;
                    alive.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            line,
            silent_below,
            opened,
            open,
            accepts: accepts.abort_handle(),
        }
    }

    /// Closes all connections, and new ones at once.
    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    pub(crate) fn mend(&self) {
        self.line.send_replace(Line::Up);
    }

    /// Connections that there are stay open, and carry nothing any more; new ones do.
    pub(crate) fn silence(&self) {
        self.silent_below
            .send_replace(self.opened.load(Ordering::SeqCst));
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Connections that ever were.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepts.abort();
        self.cut();
    }
}

async fn carry(
    mut client: TcpStream,
    server: &str,
    number: usize,
    mut lines: watch::Receiver<Line>,
    mut silence: watch::Receiver<usize>,
) {
    let Ok(mut upstream) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        biased;
        _ = lines.wait_for(|line| *line == Line::Cut) => return,
        _ = silence.wait_for(|below| number < *below) => {}
        // Either side may end as it likes.
        _ = copy_bidirectional(&mut client, &mut upstream) => return,
    }
    // Held open, until the line is cut.
    let _cut = lines.wait_for(|line| *line == Line::Cut).await;
}
