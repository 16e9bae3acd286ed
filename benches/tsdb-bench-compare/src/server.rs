//! The three servers: how each is started, asked and brought to rest.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::disk::DiskBytes;
use crate::error::Error;
use crate::http::{Connection, Head, Request};
use crate::options::{Options, ServerName};
use crate::process::{Process, program};
use crate::wait::Watch;

/// A start may take this long, a replay of a large log included.
const START_SECONDS_MAX: u64 = 600;
/// Merging everything may take this long.
const REST_SECONDS_MAX: u64 = 600;
/// A process that used less than `IDLE_CPU_NS` of CPU in this time is at rest.
const IDLE_MS: u64 = 2_000;
const IDLE_CPU_NS: u64 = 20_000_000;

/// One server, running or not, with its folder.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: ServerName,
    program: PathBuf,
    more: Vec<OsString>,
    folder: PathBuf,
    /// Whether Prometheus shall take samples that are out of order.
    out_of_order: bool,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: ServerName,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    /// When it was executed, by the watch.
    pub(crate) began_ms: u64,
}

/// A server at rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    /// All its files.
    pub(crate) disk: DiskBytes,
    /// CPU from the request to settle until it ended, in nanoseconds.
    pub(crate) cpu_ns: u64,
}

impl Server {
    /// Finds the program; its data will lie in `folder`.
    pub(crate) fn find(
        name: ServerName,
        options: &Options,
        folder: &Path,
        out_of_order: bool,
    ) -> Result<Self, Error> {
        let (named, flag) = match name {
            ServerName::Ours | ServerName::OursV2 => (&options.server, "--server"),
            ServerName::VictoriaMetrics => (&options.victoria_metrics, "--victoria-metrics"),
            ServerName::Prometheus => (&options.prometheus, "--prometheus"),
        };
        let more = match name {
            ServerName::Ours | ServerName::OursV2 => options.server_argument.clone(),
            _ => Vec::new(),
        };
        Ok(Self {
            name,
            program: program(named, flag)?,
            more,
            folder: folder.to_owned(),
            out_of_order,
        })
    }

    /// What it says of its version.
    pub(crate) fn version(&self) -> Result<String, Error> {
        let flag = match self.name {
            ServerName::VictoriaMetrics => "-version",
            _ => "--version",
        };
        let output = std::process::Command::new(&self.program)
            .arg(flag)
            .output()
            .map_err(Error::io("starting", &self.program))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        Ok(said.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Starts it on a free port of the loopback; it need not be ready yet.
    pub(crate) fn start(&self, watch: &Watch) -> Result<Running, Error> {
        let address = free_address()?;
        let arguments = self.arguments(address)?;
        let words = self.folder.join("words");
        let began_ms = watch.now_ms();
        Ok(Running {
            name: self.name,
            process: Process::start(&self.program, &arguments, &words)?,
            address,
            began_ms,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn arguments(&self, address: SocketAddr) -> Result<Vec<OsString>, Error> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut put = |text: String| arguments.push(text.into());
        let data = self.data();
        match self.name {
            ServerName::Ours | ServerName::OursV2 => {
                put(format!("--data-dir={}", data.display()));
                put(format!("--listen={address}"));
                put(format!("--metrics-listen={}", free_address()?));
                put("--log=warn".to_owned());
                put("--disk-high-water=100".to_owned());
                put("--enable-admin-api".to_owned());
            }
            ServerName::VictoriaMetrics => {
                put(format!("-storageDataPath={}", data.display()));
                put(format!("-httpListenAddr={address}"));
                // Its default refuses what is older than a month.
                put("-retentionPeriod=100y".to_owned());
                put("-search.latencyOffset=0s".to_owned());
                put("-loggerLevel=WARN".to_owned());
            }
            ServerName::Prometheus => {
                let file = self.folder.join("prometheus.yml");
                write(&file, self.prometheus_configuration())?;
                put(format!("--config.file={}", file.display()));
                put(format!("--storage.tsdb.path={}", data.display()));
                put(format!("--web.listen-address={address}"));
                put("--web.enable-remote-write-receiver".to_owned());
                put("--web.enable-admin-api".to_owned());
                put("--log.level=warn".to_owned());
            }
        }
        arguments.extend(self.more.iter().cloned());
        Ok(arguments)
    }

    fn prometheus_configuration(&self) -> &'static str {
        match self.out_of_order {
            true => "storage:\n  tsdb:\n    out_of_order_time_window: 24h\n",
            false => "global: {}\n",
        }
    }

    /// Removes all its data; it must not run.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let data = self.data();
        std::fs::remove_dir_all(&data).map_err(Error::io("removing", &data))
    }

    /// All its files as they are.
    pub(crate) fn disk(&self) -> Result<DiskBytes, Error> {
        DiskBytes::of(&self.data())
    }

    /// Brings a running server to rest: everything stored in its final form as far as it can be
    /// asked to, then a clean stop.
    ///
    /// Ours is told to compact everything, and VictoriaMetrics to flush and to merge all parts.
    /// Prometheus compacts its newest hours only as they age, so it is told to make a snapshot,
    /// for which it writes them as a block; only the snapshot's files count, not the log beside.
    pub(crate) fn settle(&self, mut running: Running, watch: &Watch) -> Result<Rest, Error> {
        let before_ns = running.process.accounting.cpu_ns()?;
        match self.name {
            ServerName::Ours | ServerName::OursV2 => {
                running.post("/api/v1/admin/compact")?;
                running.until_idle(watch)?;
                let cpu_ns = running.process.stop(watch)?.saturating_sub(before_ns);
                let disk = self.disk()?;
                Ok(Rest { disk, cpu_ns })
            }
            ServerName::VictoriaMetrics => {
                running.get("/internal/force_flush")?;
                running.get("/internal/force_merge")?;
                running.until_idle(watch)?;
                let cpu_ns = running.process.stop(watch)?.saturating_sub(before_ns);
                let disk = self.disk()?;
                Ok(Rest { disk, cpu_ns })
            }
            ServerName::Prometheus => {
                running.post("/api/v1/admin/tsdb/snapshot")?;
                running.until_idle(watch)?;
                let cpu_ns = running.process.stop(watch)?.saturating_sub(before_ns);
                let snapshots = self.data().join("snapshots");
                let disk = DiskBytes::of(&snapshots)?;
                std::fs::remove_dir_all(&snapshots).map_err(Error::io("removing", &snapshots))?;
                Ok(Rest { disk, cpu_ns })
            }
        }
    }
}

impl Running {
    /// Waits until it says that it is ready.
    pub(crate) fn until_ready(&mut self, watch: &Watch) -> Result<(), Error> {
        let path = match self.name {
            ServerName::VictoriaMetrics => "/health",
            ServerName::Ours | ServerName::OursV2 | ServerName::Prometheus => "/-/ready",
        };
        let every = Duration::from_millis(1);
        watch.until("being ready", every, START_SECONDS_MAX, || {
            self.process.check_running()?;
            // It may not listen yet, or close what it cannot answer.
            let answer = self.ask("GET", path);
            Ok(answer
                .is_ok_and(|(head, _)| head.status == 200)
                .then_some(()))
        })
    }

    /// Waits until it uses no CPU to speak of.
    pub(crate) fn until_idle(&mut self, watch: &Watch) -> Result<(), Error> {
        let mut since_ms = watch.now_ms();
        let mut since_ns = self.process.accounting.cpu_ns()?;
        let every = Duration::from_millis(100);
        watch.until("rest", every, REST_SECONDS_MAX, || {
            self.process.check_running()?;
            let (now_ms, now_ns) = (watch.now_ms(), self.process.accounting.cpu_ns()?);
            if now_ns.saturating_sub(since_ns) > IDLE_CPU_NS {
                (since_ms, since_ns) = (now_ms, now_ns);
            }
            Ok((now_ms - since_ms >= IDLE_MS).then_some(()))
        })
    }

    /// A GET whose answer must be a success.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.successful("GET", path)
    }

    /// A POST without a body whose answer must be a success.
    pub(crate) fn post(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.successful("POST", path)
    }

    fn successful(&self, method: &str, path: &str) -> Result<Vec<u8>, Error> {
        let (head, body) = self
            .ask(method, path)
            .map_err(Error::exchange(format!("{method} {path}")))?;
        match head.is_success() {
            true => Ok(body),
            false => {
                let said = String::from_utf8_lossy(&body);
                let said: String = said.trim().chars().take(300).collect();
                Err(Error::Answer(format!(
                    "{method} {path} was answered {}: {said}",
                    head.status
                )))
            }
        }
    }

    fn ask(&self, method: &str, path: &str) -> std::io::Result<(Head, Vec<u8>)> {
        Connection::open(self.address)?.exchange(Request {
            method,
            path,
            headers: "",
            body: &[],
        })
    }
}

pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    let find = || TcpListener::bind("127.0.0.1:0")?.local_addr();
    find().map_err(Error::exchange("looking for a free port"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a harness works on the machine's real files"
)]
fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::io("writing", path))
}
