//! Processes that end with the test that started them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// A process and what it wrote to stderr. Killed by its id when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    fresh: Receiver<String>,
}

impl Process {
    pub(crate) fn start(program: impl AsRef<OsStr>, arguments: &[String]) -> Self {
        let mut child = Command::new(program.as_ref())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{} does not start: {error}", program.as_ref().display())
            });
        let stderr = child.stderr.take().expect("a pipe");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, fresh) = channel();
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock().expect("lines").push(line.clone());
                // Nobody waits for further lines once the process is up.
                let _unread = sender.send(line);
            }
        });
        Self {
            child,
            lines,
            fresh,
        }
    }

    /// Waits for a line; `None` when the process closes its stderr before.
    pub(crate) fn line_with(&self, text: &str, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.fresh.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(_) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    panic!("no line with {text:?} within {within:?}:\n{}", self.log())
                }
            }
        }
    }

    /// All it wrote so far.
    pub(crate) fn log(&self) -> String {
        self.lines.lock().expect("lines").join("\n")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its own child").is_none()
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
    }

    /// Stops it until it is sent [`Signal::CONT`]; all of its threads stand still then.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let child = WaitId::Pid(Pid::from_child(&self.child));
        let stopped = waitid(child, WaitIdOptions::STOPPED).expect("its own child");
        assert!(
            stopped.is_some_and(|status| status.stopped()),
            "{}",
            self.log()
        );
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("its own child") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "still running after {within:?}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        if self.child.kill().is_ok() {
            let _status = self.child.wait();
        }
    }
}

/// The server under test, ready.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    /// URL of the API, without a slash at its end.
    pub(crate) api: String,
    /// URL of the metrics.
    pub(crate) metrics: String,
}

impl Server {
    /// Starts it on free ports.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        Self::try_start(folder, more)
            .unwrap_or_else(|log| panic!("the server does not start:\n{log}"))
    }

    /// As [`Server::start`]; gives back what it wrote when it ends at once.
    pub(crate) fn try_start(folder: &Path, more: &[&str]) -> Result<Self, String> {
        let fixed = ["--metrics-listen", "127.0.0.1:0", "--data-dir"];
        let listen: &[&str] = match more.contains(&"--listen") {
            true => &[],
            false => &["--listen", "127.0.0.1:0"],
        };
        // How full this machine's disk is must not decide a test that is about something else.
        let disk: &[&str] = match more.contains(&"--disk-high-water") {
            true => &[],
            false => &["--disk-high-water", "100"],
        };
        let folder = folder.to_str().expect("a temporary folder in UTF-8");
        let arguments = fixed
            .iter()
            .copied()
            .chain([folder])
            .chain(listen.iter().chain(disk).chain(more).copied());
        let arguments: Vec<String> = arguments.map(str::to_owned).collect();
        let mut process = Process::start(env!("CARGO_BIN_EXE_tsdb-server"), &arguments);
        let Some(line) = process.line_with("tsdb-server: API on ", Duration::from_secs(30)) else {
            process.child.wait().expect("an ended child");
            return Err(process.log());
        };
        let url = |after: &str| {
            let rest = line.split(after).nth(1).expect("a URL");
            rest.split([',', ' ']).next().expect("a URL").to_owned()
        };
        let (api, metrics) = (url("API on "), url("metrics on "));
        Ok(Self {
            process,
            api,
            metrics,
        })
    }

    /// The value of one of its own metrics; absent ones are zero.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        super::programs::metric(&self.metrics, name)
            .await
            .unwrap_or(0.0)
    }
}
