//! Real counterparts.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::{Process, get, request, wait_for};

/// Where a program is. Missing ones skip the test, but fail it where `CI` is set.
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    let found = found(name);
    if found.is_none() {
        let text = format!("{name} is not installed: apt-get install {package}");
        assert!(std::env::var_os("CI").is_none(), "{text}");
        eprintln!("SKIPPED: {text}");
    }
    found
}

/// Where a program is, if it is there.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The sum of a metric over all its series whose name and labels begin with `name`.
pub(crate) async fn metric(url: &str, name: &str) -> Option<f64> {
    let answer = get(url).await;
    let text = answer.text();
    let of_name = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let whole = labels.is_empty() || labels.starts_with('{') || name.ends_with(['"', '}']);
        whole.then(|| value.parse::<f64>().ok())?
    });
    let values: Vec<f64> = of_name.collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// A running Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus {
    _process: Process,
    pub(crate) url: String,
    config: PathBuf,
}

impl Prometheus {
    /// Starts it in `folder`; `SELF` in the configuration stands for its own address.
    pub(crate) async fn start(program: &Path, folder: &Path, config: &str) -> Self {
        Self::start_with(program, folder, config, &[]).await
    }

    /// As [`Prometheus::start`], with more arguments.
    pub(crate) async fn start_with(
        program: &Path,
        folder: &Path,
        config: &str,
        more: &[&str],
    ) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let address = format!("127.0.0.1:{}", free_port());
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config.replace("SELF", &address)).expect("a file");
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-lifecycle".to_owned(),
        ];
        let more = more.iter().map(|argument| (*argument).to_owned());
        let arguments: Vec<String> = arguments.into_iter().chain(more).collect();
        let process = Process::start(program, &arguments);
        let started = Self {
            _process: process,
            url: format!("http://{address}"),
            config: file,
        };
        let ready = format!("{}/-/ready", started.url);
        wait_for("Prometheus to be ready", 60, async || {
            let answer = request(http::Method::GET, &ready, &[], "").await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
        started
    }

    /// Makes it read another configuration.
    pub(crate) async fn reload(&self, config: &str) {
        let address = self.url.trim_start_matches("http://");
        std::fs::write(&self.config, config.replace("SELF", address)).expect("a file");
        let answer = super::post(&format!("{}/-/reload", self.url), &[], "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        metric(&format!("{}/metrics", self.url), name).await
    }

    /// The result of an instant query, its series in order.
    pub(crate) async fn query(&self, query: &str, time: f64) -> serde_json::Value {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.result(&format!("query?query={query}&time={time}"))
            .await
    }

    pub(crate) async fn query_range(
        &self,
        query: &str,
        start: f64,
        end: f64,
        step: f64,
    ) -> serde_json::Value {
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        self.result(&format!(
            "query_range?query={query}&start={start}&end={end}&step={step}"
        ))
        .await
    }

    async fn result(&self, call: &str) -> serde_json::Value {
        let mut answer = super::json(&format!("{}/api/v1/{call}", self.url)).await;
        assert_eq!(answer["status"], "success", "{call}: {answer}");
        assert!(answer.get("warnings").is_none(), "{call}: {answer}");
        let mut result = answer["data"]["result"].take();
        if let Some(series) = result.as_array_mut() {
            series.sort_by_key(|series| series["metric"].to_string());
        }
        result
    }
}
