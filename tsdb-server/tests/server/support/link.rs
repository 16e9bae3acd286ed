//! A line between a client and a server that can be cut, and that can go silent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{copy, sink};
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
    /// Connections of a lower number carry nothing back.
    mute_below: watch::Sender<usize>,
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
        let (mute_below, mutes) = watch::channel(0);
        let opened = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let (counted, alive, server) = (Arc::clone(&opened), Arc::clone(&open), server.to_owned());
        let accepts = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                let states = (lines.clone(), silence.clone(), mutes.clone());
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (alive, server) = (Arc::clone(&alive), server.clone());
                tokio::spawn(async move {
                    alive.fetch_add(1, Ordering::SeqCst);
                    carry(client, &server, number, states).await;
                    alive.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            address,
            line,
            silent_below,
            mute_below,
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

    /// What is sent on the connections that there are arrives, and no answers do; those of new ones
    /// do.
    pub(crate) fn mute(&self) {
        self.mute_below
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

/// How a line is, which connections are silent, and which are mute.
type States = (
    watch::Receiver<Line>,
    watch::Receiver<usize>,
    watch::Receiver<usize>,
);

async fn carry(mut client: TcpStream, server: &str, number: usize, states: States) {
    let (mut lines, mut silence, mut mutes) = states;
    let Ok(mut upstream) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = upstream.split();
    let answers = async {
        tokio::select! {
            biased;
            _ = mutes.wait_for(|below| number < *below) => {}
            _ = copy(&mut from_server, &mut to_client) => return,
        }
        let _answers = copy(&mut from_server, &mut sink()).await;
    };
    tokio::select! {
        biased;
        _ = lines.wait_for(|line| *line == Line::Cut) => return,
        _ = silence.wait_for(|below| number < *below) => {}
        // Either side may end as it likes.
        _ = copy(&mut from_client, &mut to_server) => return,
        () = answers => return,
    }
    // Held open, until the line is cut.
    let _cut = lines.wait_for(|line| *line == Line::Cut).await;
}
