//! Asking a running server.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::CommandError;
use super::client_tls::ClientTls;
use crate::access::{Secret, secret_in};

/// So much of an answer is read at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A running server, and how it is told who asks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "A running server")]
pub(super) struct Remote {
    /// URL of a running server, instead of a folder: http://HOST:PORT or https://HOST:PORT
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Certificates of the CAs that the server's may be of, in PEM; left out: those of this machine
    #[arg(long, env = "TSDB_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Certificate to show to the server, in PEM, with those between it and its CA
    #[arg(
        long,
        env = "TSDB_CLIENT_CERT",
        value_name = "FILE",
        requires = "client_key"
    )]
    client_cert: Option<PathBuf>,

    /// Private key of --client-cert, in PEM
    #[arg(
        long,
        env = "TSDB_CLIENT_KEY",
        value_name = "FILE",
        requires = "client_cert"
    )]
    client_key: Option<PathBuf>,

    /// Name of a user of the server
    #[arg(
        long,
        env = "TSDB_USER",
        value_name = "NAME",
        requires = "password_file"
    )]
    user: Option<String>,

    /// File that holds the password of --user
    #[arg(
        long,
        env = "TSDB_PASSWORD_FILE",
        value_name = "FILE",
        requires = "user"
    )]
    password_file: Option<PathBuf>,

    /// File that holds a bearer token of the server
    #[arg(
        long,
        env = "TSDB_BEARER_TOKEN_FILE",
        value_name = "FILE",
        conflicts_with = "user"
    )]
    bearer_token_file: Option<PathBuf>,
}

/// A running server that can be asked.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    authorization: Option<HeaderValue>,
    tls: Option<ClientTls>,
}

impl Remote {
    /// The server that is named; `None` when none is.
    pub(super) fn server(&self) -> Result<Option<Server>, CommandError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let url = url.trim_end_matches('/').to_owned();
        let wrong = |why: &str| CommandError::Argument {
            argument: "--url",
            // What stands before an @ may be a password.
            value: url
                .rsplit_once('@')
                .map_or(url.clone(), |(_, host)| format!("...@{host}")),
            why: why.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong(FORM))?;
        let authority = uri.authority().ok_or_else(|| wrong(FORM))?;
        if authority.as_str().contains('@') {
            return Err(wrong("give the user with --user and --password-file"));
        }
        let authorization = self.authorization()?;
        let tls = match uri.scheme_str() {
            Some("https") => Some(self.tls()?),
            Some("http") if authorization.is_some() && !is_loopback(authority.host()) => {
                return Err(wrong(
                    "a password or token is not sent in clear to another machine: write https://",
                ));
            }
            Some("http") => None,
            _ => return Err(wrong(FORM)),
        };
        Ok(Some(Server {
            url,
            authorization,
            tls,
        }))
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, CommandError> {
        let read = |argument, file: &PathBuf| {
            secret_in(file).map_err(|why| CommandError::Argument {
                argument,
                value: file.display().to_string(),
                why,
            })
        };
        let (argument, file, header) =
            match (&self.user, &self.password_file, &self.bearer_token_file) {
                (Some(user), Some(file), _) => {
                    let password = read("--password-file", file)?;
                    ("--password-file", file, basic(user, &password))
                }
                (_, _, Some(file)) => {
                    let token = read("--bearer-token-file", file)?;
                    let header = [b"Bearer ", token.reveal()].concat();
                    (
                        "--bearer-token-file",
                        file,
                        HeaderValue::from_bytes(&header).ok(),
                    )
                }
                _ => return Ok(None),
            };
        let mut header = header.ok_or_else(|| CommandError::Argument {
            argument,
            value: file.display().to_string(),
            why: "it holds characters that no header may have".to_owned(),
        })?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    fn tls(&self) -> Result<ClientTls, CommandError> {
        let own = self.client_cert.as_deref().zip(self.client_key.as_deref());
        ClientTls::new(self.ca_file.as_deref(), own)
    }
}

const FORM: &str = "write it as http://HOST:PORT or https://HOST:PORT";

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

fn basic(user: &str, password: &Secret) -> Option<HeaderValue> {
    use base64::Engine as _;
    let pair = [user.as_bytes(), b":", password.reveal()].concat();
    let pair = base64::engine::general_purpose::STANDARD.encode(pair);
    HeaderValue::try_from(format!("Basic {pair}")).ok()
}

impl Server {
    /// As the user wrote it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a form to a route; the answer, if it was done.
    pub(super) fn post(&self, route: &str, form: &str) -> Result<String, CommandError> {
        let url = format!("{}{route}", self.url);
        let unreachable = |why: String| CommandError::Unreachable {
            url: url.clone(),
            why,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| unreachable(error.to_string()))?;
        let (status, text) = runtime
            .block_on(self.send(&url, form.to_owned()))
            .map_err(unreachable)?;
        if (200..300).contains(&status) {
            Ok(text)
        } else {
            Err(CommandError::Refused { url, status, text })
        }
    }

    async fn send(&self, url: &str, form: String) -> Result<(u16, String), String> {
        let uri: Uri = url.parse().map_err(|_| FORM.to_owned())?;
        let authority = uri.authority().ok_or_else(|| FORM.to_owned())?.clone();
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let default_port = if self.tls.is_some() { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default_port);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(HOST, authority.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| told(&error))?;
        let stream = TcpStream::connect((bare, port)).await;
        let stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => exchange(tls.connect(bare, stream).await?, request).await,
        }
    }
}

/// Sends one request over a connection; status and text of its answer.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(u16, String), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    let talk = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| told(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body.await.map_err(|error| told(&*error))?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).trim().to_owned()))
    };
    tokio::pin!(talk);
    tokio::select! {
        answer = &mut talk => answer,
        // How it ended is what the request says.
        _ = connection => talk.await,
    }
}

/// An error with its causes.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    super::client_tls::explained(text)
}
