//! HTTP/1.1 over one kept connection, so that the sender costs little and is the same for all.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No server is silent for longer, whatever it is asked.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Longest line of an answer's head that is taken.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// One connection, open as long as both sides like.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// What a request asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    /// Lines of the head, each with its end.
    pub(crate) headers: &'r str,
    pub(crate) body: &'r [u8],
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Connection {
    pub(crate) fn open(to: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_MAX))?;
        stream.set_write_timeout(Some(SILENCE_MAX))?;
        Ok(Self {
            stream: BufReader::with_capacity(256 << 10, stream),
        })
    }

    /// Sends a request and takes the head of its answer; `body` then gives the rest, all of which
    /// must be taken before the next request.
    pub(crate) fn send(&mut self, request: Request<'_>) -> std::io::Result<Head> {
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: 127.0.0.1\r\n{}content-length: {}\r\n\r\n",
            request.method,
            request.path,
            request.headers,
            request.body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(request.body)?;
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| malformed("an answer without a status"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head { status, headers });
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| malformed("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Sends a request and takes all of its answer.
    pub(crate) fn exchange(&mut self, request: Request<'_>) -> std::io::Result<(Head, Vec<u8>)> {
        let head = self.send(request)?;
        let mut bytes = Vec::new();
        self.body(&head).read_to_end(&mut bytes)?;
        Ok((head, bytes))
    }

    /// The body behind a head.
    pub(crate) fn body(&mut self, head: &Head) -> Body<'_> {
        let length = head
            .header("content-length")
            .and_then(|text| text.parse().ok());
        let chunked = head.header("transfer-encoding") == Some("chunked");
        let left = match (chunked, length) {
            (true, _) => Left::Chunks(0),
            (false, Some(length)) => Left::Bytes(length),
            (false, None) if head.status == 204 || head.status == 304 => Left::Bytes(0),
            (false, None) => Left::Everything,
        };
        Body {
            connection: self,
            left,
        }
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        let stream = self.stream.by_ref();
        stream.take(LINE_BYTES_MAX).read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(malformed("the head of an answer ends early")),
        }
    }
}

/// The bytes of an answer's body.
#[derive(Debug)]
pub(crate) struct Body<'c> {
    connection: &'c mut Connection,
    left: Left,
}

/// How much of a body is to come.
#[derive(Debug)]
enum Left {
    Bytes(u64),
    /// Further chunks, this many bytes of the present one.
    Chunks(u64),
    /// Until the other side closes.
    Everything,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if let Left::Chunks(0) = self.left {
            let line = self.connection.line()?;
            let length = line.split(';').next().unwrap_or_default();
            let length = u64::from_str_radix(length.trim(), 16)
                .map_err(|_| malformed("a chunk without a length"))?;
            if length == 0 {
                while !self.connection.line()?.is_empty() {}
                self.left = Left::Bytes(0);
            } else {
                self.left = Left::Chunks(length);
            }
        }
        let stream = self.connection.stream.by_ref();
        match &mut self.left {
            Left::Everything => stream.read(into),
            Left::Bytes(0) => Ok(0),
            Left::Bytes(left) => {
                let read = stream.take(*left).read(into)?;
                *left -= whole(read)?;
                Ok(read)
            }
            Left::Chunks(left) => {
                let read = stream.take(*left).read(into)?;
                *left -= whole(read)?;
                if *left == 0 && !self.connection.line()?.is_empty() {
                    return Err(malformed("a chunk longer than it says"));
                }
                Ok(read)
            }
        }
    }
}

/// Nothing read where something is owed is an early end.
fn whole(read: usize) -> std::io::Result<u64> {
    match read {
        0 => Err(malformed("the body of an answer ends early")),
        read => Ok(read as u64),
    }
}

fn malformed(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}
