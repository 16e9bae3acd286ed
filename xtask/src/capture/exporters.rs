//! Starts the real programs on loopback ports of their own, reads their pages, and stops them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A running exporter; dropping it ends its process.
#[derive(Debug)]
pub(super) struct Exporter {
    /// The `job` label of its series.
    pub(super) job: &'static str,
    /// The `instance` label of its series: the program's usual port, so captures are alike.
    pub(super) instance: &'static str,
    address: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            println!("capture: could not stop {}: {error}", self.job);
        }
    }
}

/// Starts node_exporter, etcd, and a Prometheus that scrapes both and itself.
pub(super) fn start_all(folder: &Path) -> anyhow::Result<Vec<Exporter>> {
    let node = free_address()?;
    let etcd = free_address()?;
    let etcd_peer = free_address()?;
    let prometheus = free_address()?;

    let config = folder.join("prometheus.yml");
    let targets = [("node", node), ("etcd", etcd), ("prometheus", prometheus)];
    std::fs::write(&config, prometheus_config(&targets)).context("writing prometheus.yml")?;

    let mut node_command = Command::new("prometheus-node-exporter");
    node_command.arg(format!("--web.listen-address={node}"));
    let mut etcd_command = Command::new("etcd");
    etcd_command
        .arg(format!("--data-dir={}", folder.join("etcd").display()))
        .arg(format!("--listen-client-urls=http://{etcd}"))
        .arg(format!("--advertise-client-urls=http://{etcd}"))
        .arg(format!("--listen-peer-urls=http://{etcd_peer}"))
        .arg(format!("--initial-advertise-peer-urls=http://{etcd_peer}"))
        .arg(format!("--initial-cluster=default=http://{etcd_peer}"));
    let mut prometheus_command = Command::new("prometheus");
    prometheus_command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("prometheus").display()
        ))
        .arg(format!("--web.listen-address={prometheus}"));

    let exporters = vec![
        start("node", "localhost:9100", node, node_command, folder)?,
        start("etcd", "localhost:2379", etcd, etcd_command, folder)?,
        start(
            "prometheus",
            "localhost:9090",
            prometheus,
            prometheus_command,
            folder,
        )?,
    ];
    for exporter in &exporters {
        exporter.wait_ready()?;
    }
    Ok(exporters)
}

fn prometheus_config(targets: &[(&str, SocketAddr)]) -> String {
    let mut text = "global:\n  scrape_interval: 1s\nscrape_configs:\n".to_owned();
    for (job, address) in targets {
        text += &format!("- job_name: {job}\n  static_configs:\n  - targets: ['{address}']\n");
    }
    text
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(listener.local_addr()?)
}

fn start(
    job: &'static str,
    instance: &'static str,
    address: SocketAddr,
    mut command: Command,
    folder: &Path,
) -> anyhow::Result<Exporter> {
    let log = folder.join(format!("{job}.log"));
    let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("starting {program}: is its Debian package installed?"))?;
    Ok(Exporter {
        job,
        instance,
        address,
        child,
        log,
    })
}

impl Exporter {
    fn wait_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            let Err(error) = self.scrape() else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                bail!(
                    "{} did not answer in {READY_TIMEOUT:?}: {error}\n{log}",
                    self.job
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its page of metrics.
    pub(super) fn scrape(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, REQUEST_TIMEOUT)?;
        stream.set_read_timeout(Some(REQUEST_TIMEOUT))?;
        stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        // HTTP/1.0: the body is plain and ends with the connection.
        write!(
            stream,
            "GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n",
            self.address
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("no end of the headers")?;
        let status = head.lines().next().unwrap_or_default();
        if !status.contains(" 200 ") {
            bail!("{} answered {status}", self.job);
        }
        Ok(body.to_owned())
    }
}
