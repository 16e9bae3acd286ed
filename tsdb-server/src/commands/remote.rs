//! Asking a running server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::request::Builder;
use http::uri::Scheme;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self as client, Client};
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::CommandError;
use super::client_tls::ClientTls;
use crate::access::{Secret, asks_for_tls, secret_in};
use crate::config::Config;

/// So much of an answer is read at most.
const ANSWER_BYTES_MAX: usize = 16 << 20;

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

/// So long a server may take to say whether it is ready.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// So long it is waited for what a server says against our certificate; one that takes it says nothing.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// A running server that can be asked.
#[derive(Clone, Debug)]
pub(super) struct Server {
    url: String,
    authorization: Option<HeaderValue>,
    tls: ClientTls,
}

impl Remote {
    /// The server that is named; `None` when none is.
    pub(super) fn server(&self) -> Result<Option<Server>, CommandError> {
        self.url.as_deref().map(|url| self.at(url)).transpose()
    }

    /// Whether a server is named.
    pub(super) fn is_named(&self) -> bool {
        self.url.is_some()
    }

    /// The server that is named, or the one that these settings would start on this machine.
    pub(super) fn server_or_own(&self, config: &Config) -> Result<Server, CommandError> {
        self.server_or_at(config, config.listen)
    }

    /// The same at an address that is not its API's.
    pub(super) fn server_or_at(
        &self,
        config: &Config,
        address: SocketAddr,
    ) -> Result<Server, CommandError> {
        let file = config.web_config_file.as_deref();
        let scheme = match file.is_some_and(asks_for_tls) {
            true => "https",
            false => "http",
        };
        let own = format!("{scheme}://{}", reachable(address));
        self.at(self.url.as_deref().unwrap_or(&own))
    }

    fn at(&self, url: &str) -> Result<Server, CommandError> {
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
            Some("https") => self.tls()?,
            Some("http") if authorization.is_some() && !is_loopback(authority.host()) => {
                return Err(wrong(
                    "a password or token is not sent in clear to another machine: write https://",
                ));
            }
            Some("http") => ClientTls::trusting_nobody()?,
            _ => return Err(wrong(FORM)),
        };
        Ok(Server {
            url,
            authorization,
            tls,
        })
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

/// Where a server that listens at `address` is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
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

/// Sends requests with a body of one kind, over connections that are kept.
pub(super) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

impl Server {
    /// As the user wrote it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A route, and how errors about it are told.
    pub(super) fn route(&self, route: &str) -> Route<'_> {
        Route {
            server: self,
            url: format!("{}{route}", self.url),
        }
    }

    /// What requests are sent with, inside a runtime.
    pub(super) fn client<B>(&self) -> HttpClient<B>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.config())
            .https_or_http()
            .enable_http1()
            .build();
        Client::builder(TokioExecutor::new()).build(connector)
    }

    /// Sends one request; why there is no answer.
    pub(super) async fn send<B>(&self, request: Request<B>) -> Result<Response<Incoming>, String>
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri = request.uri().clone();
        match self.client().request(request).await {
            Ok(response) => Ok(response),
            Err(error) => Err(self.why(&uri, &error).await),
        }
    }

    /// Why a request failed. A server that takes no certificate of ours, or misses one, says so behind
    /// the handshake, where a client that has begun to send may not hear it: it is asked once more.
    pub(super) async fn why(&self, uri: &Uri, error: &client::Error) -> String {
        let text = told(error);
        if uri.scheme() != Some(&Scheme::HTTPS) || error.is_connect() {
            return text;
        }
        let refusal = timeout(REFUSAL_TIMEOUT, self.tls.refusal(uri)).await;
        refusal.ok().flatten().unwrap_or(text)
    }

    /// Sends a form to a route; the answer, if it was done.
    pub(super) fn post(&self, route: &str, form: &str) -> Result<String, CommandError> {
        self.post_for_much(route, form, ANSWER_BYTES_MAX)
    }

    /// Sends a form to a route whose answer may have so many bytes; the answer, if it was done.
    pub(super) fn post_for_much(
        &self,
        route: &str,
        form: &str,
        bytes_max: usize,
    ) -> Result<String, CommandError> {
        let route = self.route(route);
        let request = route
            .request(Method::POST)?
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::copy_from_slice(form.as_bytes())));
        route.ask(request, None, bytes_max)
    }

    /// Sends JSON, or nothing, to a route, with headers; the answer, if it is a good one.
    pub(super) fn exchange(
        &self,
        (method, route): (Method, &str),
        headers: &[(&'static str, &str)],
        json: Option<Bytes>,
        within: Duration,
    ) -> Result<String, CommandError> {
        let route = self.route(route);
        let mut request = route.request(method)?;
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(json.unwrap_or_default()));
        route.ask(request, Some(within), ANSWER_BYTES_MAX)
    }

    /// Asks a route that is to answer soon; its answer, if it is a good one.
    pub(super) fn get(&self, route: &str) -> Result<String, CommandError> {
        let route = self.route(route);
        let request = route.request(Method::GET)?.body(Full::default());
        route.ask(request, Some(HEALTH_TIMEOUT), ANSWER_BYTES_MAX)
    }
}

/// A route of a running server.
#[derive(Clone, Debug)]
pub(super) struct Route<'s> {
    server: &'s Server,
    url: String,
}

impl Route<'_> {
    /// Where it is.
    pub(super) fn uri(&self) -> Result<Uri, CommandError> {
        self.url.parse().map_err(|_| self.unreachable(FORM))
    }

    /// A request for it that says who asks.
    pub(super) fn request(&self, method: Method) -> Result<Builder, CommandError> {
        let request = Request::builder().method(method).uri(self.uri()?);
        Ok(match &self.server.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization),
            None => request,
        })
    }

    /// Puts into a request who asks.
    pub(super) fn authorize<B>(&self, request: &mut Request<B>) {
        if let Some(authorization) = &self.server.authorization {
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }

    /// Why there is no answer.
    pub(super) fn unreachable(&self, why: impl Into<String>) -> CommandError {
        CommandError::Unreachable {
            url: self.url.clone(),
            why: why.into(),
        }
    }

    /// An answer that says no.
    pub(super) fn refused(&self, status: u16, text: impl Into<String>) -> CommandError {
        CommandError::Refused {
            url: self.url.clone(),
            status,
            text: text.into(),
        }
    }

    /// Runs what waits for the server.
    pub(super) fn runtime(&self) -> Result<Runtime, CommandError> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| self.unreachable(error.to_string()))
    }

    /// The text of the answer to a request, if it is a good one.
    fn ask(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
        within: Option<Duration>,
        bytes_max: usize,
    ) -> Result<String, CommandError> {
        let request = request.map_err(|error| self.unreachable(error.to_string()))?;
        let answered = self.runtime()?.block_on(async {
            let exchange = async {
                let response = self.server.send(request).await?;
                let status = response.status().as_u16();
                Ok((status, text_of(response, bytes_max).await?))
            };
            match within {
                None => exchange.await,
                Some(limit) => timeout(limit, exchange)
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs()))),
            }
        });
        let (status, text) = answered.map_err(|why| self.unreachable(why))?;
        if (200..300).contains(&status) {
            Ok(text)
        } else {
            Err(self.refused(status, text))
        }
    }
}

/// The body of an answer as text, at most so many bytes of it.
pub(super) async fn text_of(
    response: Response<Incoming>,
    bytes_max: usize,
) -> Result<String, String> {
    let body = Limited::new(response.into_body(), bytes_max).collect();
    let body = body.await.map_err(|error| told(&*error))?.to_bytes();
    Ok(String::from_utf8_lossy(&body).trim().to_owned())
}

/// An error with its causes.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    super::client_tls::explained(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_a_machine_are_reached_at_its_loopback() {
        for (listens, reached) in [
            ("0.0.0.0:7201", "127.0.0.1:7201"),
            ("[::]:7201", "[::1]:7201"),
            ("192.0.2.7:7201", "192.0.2.7:7201"),
        ] {
            let listens: SocketAddr = listens.parse().expect("an address");
            assert_eq!(reachable(listens).to_string(), reached);
        }
    }
}
